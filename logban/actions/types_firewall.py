# SPDX-License-Identifier: MIT
"""The actions that drop packets: what they can be told in a jail file.

Read whenever the configuration is; what speaks to the kernel is in the modules named here.
"""

from __future__ import annotations

from logban.actions.declaration import ActionType, Parameter
from logban.actions.traffic import one_of, parse_ports, parse_protocols


def _name(text: str) -> str:
    stripped = text.strip()
    if not stripped.isprintable():
        raise ValueError("it holds control characters or other invisible ones")
    return stripped


def _size(text: str) -> int:
    if not (text.strip().isascii() and text.strip().isdigit()):
        raise ValueError(f"{text!r} is no whole number")
    size = int(text)
    if not 1 <= size <= 1 << 26:
        raise ValueError("it is a number from 1 to 67108864")
    return size


def _not_followed(reason: str, *names: str) -> tuple[Parameter, ...]:
    return tuple(Parameter(name, str, None, "taken for fail2ban's sake", reason) for name in names)


_COMMON = (
    Parameter("name", _name, "", "names chain and sets; without it, the jail's name"),
    Parameter(
        "protocol",
        parse_protocols,
        (6, 17),
        "what is dropped: udp, tcp, tcp,udp, sctp, icmp, ..., all; without it, tcp and udp",
    ),
    Parameter(
        "port",
        parse_ports,
        (),
        "only packets to these ports: numbers, ranges 5060:5061, names, lists; all for every port",
    ),
    Parameter(
        "type",
        one_of("multiport", "oneport", "allports"),
        "multiport",
        "allports: `port` is not looked at, as in fail2ban's actions of that name",
    ),
    Parameter("size", _size, 1 << 20, "how many bans one set can hold; memory is used as needed"),
    *_not_followed(
        "packets of banned sources are dropped without an answer, which tells an attacker least "
        "and costs least",
        "blocktype",
    ),
    *_not_followed("an action needs no name of its own here", "actname"),
    *_not_followed("each ban carries its own end into the kernel", "bantime"),
    *_not_followed(
        "everything is there before the first ban, and a ban can never be late for it",
        "actionstart_on_demand",
    ),
    *_not_followed(
        "the kernel is spoken to without a shell, so there is no such command; for one of your "
        "own there is the action `command`",
        *("actionstart", "actionstop", "actioncheck", "actionban", "actionunban", "actionflush"),
        *("actionprolong", "actionreban", "actionrepair", "actionreload", "timeout"),
    ),
    *_not_followed("a ban is put in force again whatever has restarted", "norestored"),
)
_OWN_PLACE = (
    "logban has a chain of its own at raw/prerouting, where flows that are accepted already, "
    "forwarded packets and containers are covered too"
)

NFTABLES = ActionType(
    name="nftables",
    module="logban.actions.nftables.action",
    doc="drop the packets of banned addresses and networks with nftables",
    has_place=True,
    parameters=(
        *_COMMON,
        Parameter(
            "library",
            one_of("auto", "yes", "no"),
            "auto",
            "whether libnftables makes the sets (auto: if it is there) or the nft program",
        ),
        *_not_followed(_OWN_PLACE, "chain", "chain_type", "chain_hook", "chain_priority"),
        *_not_followed("logban has a table of its own, inet logban", "table", "table_family"),
        *_not_followed(
            "IPv4 and IPv6 have a set each, named after `name`",
            *("addr_family", "addr_type", "addr_set"),
        ),
        *_not_followed("no shell is run; see `library`", "nftables"),
        *_not_followed(
            "the rules are logban's own; see `protocol` and `port`",
            *("rule_match-custom", "rule_match-allports", "rule_match-multiport", "match"),
        ),
        *_not_followed(
            "firewalld, ufw, shorewall and routes stay as they are: logban has a table of its own",
            *("zone", "service", "family", "rejecttype", "rich-blocktype", "level", "rate"),
            *("actiontype", "multiport", "allports", "ipsettype", "ipmset", "familyopt"),
            *("firewalld_familyopt", "default-ipsettime", "ipsettime", "timeout-bantime"),
            *("add", "destination", "application", "comment", "kill", "kill-mode"),
        ),
    ),
    aliases={
        "nftables-multiport": {"type": "multiport"},
        "nftables-allports": {"type": "allports"},
        "firewallcmd-new": {"type": "multiport"},
        "firewallcmd-multiport": {"type": "multiport"},
        "firewallcmd-allports": {"type": "allports"},
        "firewallcmd-ipset": {"type": "multiport"},
        "firewallcmd-rich-rules": {"type": "multiport"},
        "firewallcmd-rich-logging": {"type": "multiport"},
        "ufw": {"type": "allports", "protocol": "all"},
        "shorewall": {"type": "allports", "protocol": "all"},
        "shorewall-ipset-proto6": {"type": "allports", "protocol": "all"},
        "route": {"type": "allports", "protocol": "all"},
    },
    remarks={
        **dict.fromkeys(
            (
                *("firewallcmd-new", "firewallcmd-multiport", "firewallcmd-allports"),
                *("firewallcmd-ipset", "firewallcmd-rich-rules"),
            ),
            "the bans stand in logban's own nftables table, and firewalld does not show them",
        ),
        "firewallcmd-rich-logging": "what is dropped is not logged, and firewalld does not show it",
        "ufw": "the bans stand in logban's own nftables table, and ufw does not show them",
        **dict.fromkeys(
            ("shorewall", "shorewall-ipset-proto6"),
            "the bans stand in logban's own nftables table, and shorewall does not show them",
        ),
        "route": "the packets are dropped as they come in; there is no route for each address",
    },
)

IPTABLES = ActionType(
    name="iptables",
    module="logban.actions.iptables.action",
    doc="drop them with one rule in iptables-legacy and one ipset for IPv4 and IPv6 each",
    has_place=True,
    parameters=(
        *_COMMON,
        *_not_followed(_OWN_PLACE, "chain"),
        *_not_followed("what is not dropped goes on through the other chains", "returntype"),
        *_not_followed("the lock of iptables is always waited for", "lockingopt"),
        *_not_followed("no shell is run; the kernel is spoken to directly", "iptables"),
        *_not_followed("the rules are logban's own; see `protocol` and `port`", "pre-rule"),
        *_not_followed("the rules are logban's own; see `protocol` and `port`", "rule-jump"),
        *_not_followed("xt_recent is not used", "iptname"),
        *_not_followed(
            "IPv4 and IPv6 have a set each, named after `name`, with timeouts",
            *("ipmset", "familyopt", "default-ipsettime", "ipsettime", "timeout-bantime"),
        ),
    ),
    aliases={
        "iptables-multiport": {"type": "multiport"},
        "iptables-allports": {"type": "allports"},
        "iptables-new": {},
        "iptables-multiport-log": {"type": "multiport"},
        "iptables-xt_recent-echo": {"type": "allports", "protocol": "all"},
        "iptables-ipset": {},
        "iptables-ipset-proto4": {},
        "iptables-ipset-proto6": {},
        "iptables-ipset-proto6-allports": {"type": "allports"},
    },
    remarks={
        "iptables-multiport-log": "what is dropped is not written to the kernel's log",
        "iptables-xt_recent-echo": "the bans stand in an ipset, not in xt_recent",
    },
)
