# SPDX-License-Identifier: MIT
"""A jail and a filter that a page on the web prints for fail2ban, at work with nothing changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from logban.testing.lines import LogFile, asterisk_line
from logban.testing.namespaces import BAD, NEIGHBOUR, Network
from logban.testing.running import RunningServer

JAIL = """\
[asterisk-iptables]
enabled  = true
filter   = asterisk
action   = iptables-allports[name=ASTERISK, protocol=udp, port=5060]
           sendmail-whois[name=ASTERISK, dest={dest}, sender=fail2ban@example.org{more}]
logpath  = {log}
maxretry = 5
findtime = 600
bantime = 10800
"""
FILTER = r"""
[INCLUDES]

# Read common prefixes. If any customizations available -- read them from
# common.local
#before = common.conf

[Definition]

#_daemon = asterisk

# Option:  failregex
# Notes.:  regex to match the password failures messages in the logfile. The
#          host must be matched by a group named "host". The tag "<HOST>" can
#          be used for standard IP/hostname matching and is only an alias for
#          (?:::f{4,6}:)?(?P<host>S+)
# Values:  TEXT
#

failregex = Registration from '.*' failed for '<HOST>(:[0-9]{1,5})?' - Wrong password
       Registration from '.*' failed for '<HOST>(:[0-9]{1,5})?' - No matching peer found
       Registration from '.*' failed for '<HOST>(:[0-9]{1,5})?' - Device does not match ACL
       Registration from '.*' failed for '<HOST>(:[0-9]{1,5})?' - Username/auth name mismatch
       Registration from '.*' failed for '<HOST>(:[0-9]{1,5})?' - Peer is not supposed to register
       NOTICE.* <HOST> failed to authenticate as '.*'$
       NOTICE.* .*: No registration for peer '.*' (from <HOST>)
       NOTICE.* .*: Host <HOST> failed MD5 authentication for '.*' (.*)
       VERBOSE.* logger.c: -- .*IP/<HOST>-.* Playing 'ss-noservice' (language '.*')

# Option:  ignoreregex
# Notes.:  regex to ignore. If this regex matches, the line is ignored.
# Values:  TEXT
#
ignoreregex =
"""
REASONS = (
    "Wrong password",
    "No matching peer found",
    "Device does not match ACL",
    "Username/auth name mismatch",
    "Peer is not supposed to register",
)
KINDS = (
    *(
        f"chan_sip.c: Registration from '<sip:2001@192.0.2.1>' failed for '{{}}{port}' - {reason}"
        for reason in REASONS
        for port in (":58385", "")
    ),
    "manager.c: {} failed to authenticate as 'admin'",
    "chan_iax2.c: Host {} failed MD5 authentication for '6001' (d41d8cd9 != 9e107d9d)",
)
"""What Asterisk writes; the expressions of the first five take a port and do without one."""


@pytest.fixture
def seed(server: RunningServer, log: LogFile) -> RunningServer:
    (server.config / "filters.d/asterisk.conf").write_text(FILTER)
    return server


def write_jail(server: RunningServer, log: LogFile, dest: str, more: str = "") -> None:
    server.write("jails.d/asterisk.conf", JAIL.format(dest=dest, more=more, log=log.path))


@pytest.mark.parametrize("dest", ["a@x.test;b@y.test", "a@x.test,b@y.test", "a@x.test b@y.test"])
def test_the_jail_bans_and_tells_both(
    dest: str, network: Network, seed: RunningServer, log: LogFile, post, whois: list[str]
) -> None:
    dest = f'"{dest}"' if "," in dest or " " in dest else dest
    write_jail(seed, log, dest, f", smtp={post.place}, whois_server=127.0.0.1")
    seed.start()
    for kind in KINDS[:8:2]:
        log.write(asterisk_line(kind.format(BAD)))
    seed.wait(lambda: seed.jail("asterisk-iptables")["failures"] == 4)
    assert network.arrives(BAD)
    log.write(asterisk_line(KINDS[10].format(BAD)))
    ban = seed.ban_of(BAD)
    assert float(str(ban["until"])) - float(str(ban["time"])) == 10800
    assert not network.arrives(BAD)
    assert network.connects(BAD)  # protocol=udp
    assert network.arrives(NEIGHBOUR)
    rules = network.host.run(["iptables-legacy", "-t", "raw", "-S"])
    assert "-A PREROUTING -j logban-ASTERISK" in rules
    assert "-p udp -m set --match-set logban-ASTERISK-4 src -j DROP" in rules
    assert f"\n{BAD} timeout 107" in network.host.run(["ipset", "list", "logban-ASTERISK-4"])
    recipients, mail = post.next()
    assert recipients == ["a@x.test", "b@y.test"]
    assert mail["From"].addresses[0].addr_spec == "fail2ban@example.org"
    assert "ASTERISK" in mail["Subject"]
    assert BAD in mail["Subject"]
    text = mail.get_content()
    assert "netname: EVIL-NET" in text
    assert "failed to authenticate as 'admin'" in text
    assert whois == [BAD]


def test_the_mail_goes_through_sendmail(
    network: Network, seed: RunningServer, log: LogFile, tmp_path: Path, whois: list[str]
) -> None:
    program, sent = tmp_path / "sendmail", tmp_path / "sent"
    program.write_text(f'#!/bin/sh\n{{ echo "$@"; cat; }} > {sent}.part && mv {sent}.part {sent}\n')
    program.chmod(0o755)
    more = f", sendmail={program}, whois_server=127.0.0.1"
    write_jail(seed, log, "a@x.test;b@y.test", more)
    seed.start()
    log.fail(BAD, 5)
    seed.wait(sent.exists)
    arguments, _, mail = sent.read_text().partition("\n")
    assert arguments.split()[-2:] == ["a@x.test", "b@y.test"]
    assert "To: a@x.test, b@y.test" in mail
    assert "EVIL-NET" in mail


def test_each_kind_is_a_failure_with_and_without_a_port(seed: RunningServer, log: LogFile) -> None:
    write_jail(seed, log, "root", ", mta=sendmail, sendmail=/bin/true")
    addresses = [f"203.0.113.{100 + number}" for number in range(len(KINDS))]
    for address, kind in zip(addresses, KINDS, strict=True):
        log.write(asterisk_line(kind.format(address)))
    tested = seed.client("filter", "test", "asterisk", str(log.path), "--json")
    assert tested.code == 0
    assert [json.loads(line)["ip"] for line in tested.out.splitlines()] == addresses
    seed.start()
    seed.wait(lambda: seed.jail("asterisk-iptables")["failures"] == len(KINDS))
    assert seed.jail("asterisk-iptables")["tracked"] == len(KINDS)


def test_check_tells_how_to_repair_the_two_that_match_nothing(
    seed: RunningServer, log: LogFile
) -> None:
    write_jail(seed, log, "root")
    checked = seed.check()
    assert checked.code == 0
    assert r"No registration for peer '.*' \(from <HOST>\)" in checked.err
    assert r"Playing 'ss-noservice' \(language '.*'\)" in checked.err
    assert "filters.d/asterisk.conf:26: " in checked.err
    assert "filters.d/asterisk.conf:28: " in checked.err
    assert seed.client("check").out.count(r"\(") >= 2


def test_the_second_action_at_the_margin_is_told(
    network: Network, seed: RunningServer, log: LogFile
) -> None:
    write_jail(seed, log, "root")
    path = seed.config / "jails.d/asterisk.conf"
    path.write_text(
        "\n".join(line.removeprefix("           ") for line in path.read_text().split("\n"))
    )
    told = "jails.d/asterisk.conf:5: "
    hint = "indent the line, so that it continues line 4"
    checked = seed.check()
    assert checked.code == 78
    assert told in checked.err
    assert hint in checked.err
    assert seed.client("check").code == 78
    seed.start()
    jail = seed.jail("asterisk-iptables")
    assert jail["state"] == "failed"
    assert told in str(jail["reason"])
    assert hint in str(jail["reason"])
    log.fail(BAD, 5)
    assert network.arrives(BAD)
