# SPDX-License-Identifier: MIT
"""A jail and a filter for Asterisk as pages on the web print them, with nothing changed.

The page's commentary is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from logban.config import load
from logban.config.settings import LogPath

Write = Callable[[str, str], Path]

FILTER = """\
[INCLUDES]

# Commented out on the page as well
#before = common.conf

[Definition]

#_daemon = asterisk

failregex = Registration from '.*' failed for '<HOST>(:[0-9]{1,5})?' - Wrong password
       Registration from '.*' failed for '<HOST>(:[0-9]{1,5})?' - No matching peer found
       Registration from '.*' failed for '<HOST>(:[0-9]{1,5})?' - Device does not match ACL
       Registration from '.*' failed for '<HOST>(:[0-9]{1,5})?' - Username/auth name mismatch
       Registration from '.*' failed for '<HOST>(:[0-9]{1,5})?' - Peer is not supposed to register
       NOTICE.* <HOST> failed to authenticate as '.*'$
       NOTICE.* .*: No registration for peer '.*' (from <HOST>)
       NOTICE.* .*: Host <HOST> failed MD5 authentication for '.*' (.*)
       VERBOSE.* logger.c: -- .*IP/<HOST>-.* Playing 'ss-noservice' (language '.*')

ignoreregex =
"""

SECOND_ACTION = (
    "sendmail-whois[name=ASTERISK, dest=micorreo@algunmail.com, sender=fail2ban@example.org]"
)
AT_THE_MARGIN = f"""\
[asterisk-iptables]
enabled  = true
filter   = asterisk
action   = iptables-allports[name=ASTERISK, protocol=udp, port=5060]
{SECOND_ACTION}
logpath  = /var/log/asterisk/full
maxretry = 5
findtime = 600
bantime = 10800
"""
INDENTED = AT_THE_MARGIN.replace(SECOND_ACTION, f"           {SECOND_ACTION}")
EIGHT_LINES = """\
[pbx]
enabled  = true
filter   = asterisk
logpath  = /var/log/asterisk/messages
maxretry = 5
findtime = 600
bantime  = 10800
ignoreip = 127.0.0.1/8 192.0.2.0/24
"""


@pytest.fixture
def directory(write: Write) -> Path:
    return write("filters.d/asterisk.conf", FILTER)


@pytest.mark.parametrize("margin", ["", "    ", "\t"])
def test_the_jail_loads_as_it_is(directory: Path, write: Write, margin: str) -> None:
    text = "".join(f"{margin}{line}\n" for line in INDENTED.split("\n"))
    configuration = load(write("jails.d/asterisk.conf", text))
    assert configuration.failed == {}
    jail = configuration.jails["asterisk-iptables"]
    assert (jail.maxretry, jail.findtime, jail.bantime) == (5, 600.0, 10800.0)
    assert jail.log_paths == (LogPath("/var/log/asterisk/full"),)
    block, mail = jail.actions
    assert (block.written, block.type_name) == ("iptables-allports", "iptables")
    assert (block.parameters["name"], block.parameters["protocol"]) == ("ASTERISK", (17,))
    assert (mail.written, mail.type_name) == ("sendmail-whois", "email")
    assert mail.parameters["dest"] == ("micorreo@algunmail.com",)
    assert jail.filter is not None
    assert len(jail.filter.rules) == 9
    assert jail.filter.ignore == ()
    assert [str(rule.expression.origin) for rule in jail.filter.rules] == [
        f"filters.d/asterisk.conf:{line}" for line in range(10, 19)
    ]
    assert jail.filter.rules[5].expression.text == (
        "NOTICE.* <HOST> failed to authenticate as '.*'$"
    )


def test_the_second_action_at_the_margin_fails_the_jail(directory: Path, write: Write) -> None:
    configuration = load(write("jails.d/asterisk.conf", AT_THE_MARGIN))
    assert "asterisk-iptables" not in configuration.jails
    (problem,) = configuration.failed["asterisk-iptables"]
    assert (problem.origin.path, problem.origin.line) == ("jails.d/asterisk.conf", 5)
    assert problem.message.endswith("looks like a second action of 'action' and is not indented")
    assert problem.hint == "indent the line, so that it continues line 4"
    assert problem.jail == "asterisk-iptables"


def test_several_addresses_are_written_to(directory: Path, write: Write) -> None:
    # `;` begins a comment behind a blank only
    text = INDENTED.replace("micorreo@algunmail.com", "micorreo@algunmail.com;otro@algunmail.com")
    jail = load(write("jails.d/asterisk.conf", text)).jails["asterisk-iptables"]
    assert jail.actions[1].parameters["dest"] == ("micorreo@algunmail.com", "otro@algunmail.com")


def test_the_filter_is_warned_about(directory: Path, write: Write) -> None:
    warnings = load(write("jails.d/asterisk.conf", INDENTED)).warnings
    assert [(each.origin.line, each.message.split()[0]) for each in warnings] == [
        (10, "unanchored:"),
        (16, "the"),
        (18, "the"),
    ]
    assert "in 9 of 9 expressions" in warnings[0].message
    assert warnings[1].hint.endswith(r"No registration for peer '.*' \(from <HOST>\)")
    assert warnings[2].hint.endswith(r"Playing 'ss-noservice' \(language '.*'\)")


def test_eight_lines_make_a_jail(directory: Path, write: Write) -> None:
    configuration = load(write("jails.d/pbx.conf", EIGHT_LINES))
    assert configuration.failed == {}
    assert set(configuration.jails) == {"pbx", "manual"}
    jail = configuration.jails["pbx"]
    assert jail.ignore == ("127.0.0.0/8", "192.0.2.0/24")
    (action,) = jail.actions
    assert (action.type_name, action.parameters["port"]) == ("nftables", ())
    assert action.parameters["protocol"] == (6, 17)
