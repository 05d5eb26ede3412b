# SPDX-License-Identifier: MIT
"""logban-client banned, ban, unban, reload, ping."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from logban.control import payloads
from logban.control.service import Forever
from logban.model import BanOrigin, Subject, SubjectKind


def ip(address):
    return Subject(SubjectKind.IP, address)


BANNED = """\
SUBJECT           JAIL      SINCE                UNTIL                            FAILURES  WHY\
               IN FORCE
198.51.100.7      asterisk  2026-11-20 09:59:48  2026-11-20 13:12:00 (in 3h 12m)  5        \
 wrong-password    nftables
2001:db8:66::/64  kamailio  2026-11-20 10:00:00  for ever                                  \
 by hand: scanner  not yet

2 bans, 1 not in force yet: see logban-client status
"""


def test_who_is_banned_is_listed(run, daemon):
    result = run("banned")
    assert (result.exit_code, result.stdout) == (0, BANNED)
    assert daemon.asked == [("banned", None, None)]


def test_who_is_banned_is_listed_in_json(run):
    answer = json.loads(run("banned", "--json").stdout)
    assert len(answer["bans"]) == 2
    assert answer["bans"][0] == {
        "jail": "asterisk",
        "subject": {"kind": "ip", "ip": "198.51.100.7"},
        "time": 1795168788.0,
        "until": 1795180320.0,
        "remaining": 11520.0,
        "failures": 5,
        "rule": "wrong-password",
        "origin": "jail",
        "reason": "",
        "in_force": True,
        "actions": ["nftables"],
        "offence": 0,
    }


def test_which_ban_it_is_of_somebody_is_told(run, daemon):
    daemon.bans = (replace(daemon.bans[0], offence=3),)
    assert "  wrong-password, 3rd ban  " in run("banned").stdout
    daemon.bans = (replace(daemon.bans[0], offence=1),)
    assert "  wrong-password  " in run("banned").stdout


def test_bans_whose_force_nobody_knows_and_enforcers_that_lag_are_told(run, daemon):
    scanner = daemon.bans[0]
    daemon.bans = (
        replace(scanner, in_force=None, actions=()),
        replace(scanner, subject=ip("203.0.113.1"), in_force=False),
        replace(scanner, subject=ip("203.0.113.2"), origin=BanOrigin.HAND, actions=()),
        replace(scanner, subject=ip("203.0.113.3"), reason="a feed"),
        replace(
            scanner,
            subject=Subject(SubjectKind.USER_IP, "203.0.113.4", "207"),
            in_force=None,
            actions=(),
        ),
    )
    lines = run("banned").stdout.splitlines()
    assert lines[1].endswith("wrong-password")
    assert lines[2].endswith("wrong-password  not yet (nftables)")
    assert lines[3].endswith("by hand         yes")
    assert lines[4].endswith("a feed          nftables")
    assert lines[5].startswith("207@203.0.113.4 ")
    assert lines[5].endswith("wrong-password  reported only")


def test_nobody_banned_is_told(run, daemon):
    daemon.bans = ()
    assert run("banned").stdout == "nobody is banned\n"
    result = run("banned", "--jail", "sshd")
    assert (result.exit_code, result.stdout) == (0, "nobody is banned in jail sshd\n")
    assert daemon.asked[1] == ("banned", "sshd", None)


def test_whether_one_is_banned_is_the_exit_code(run, daemon):
    assert run("banned", "198.51.100.7").exit_code == 0
    result = run("banned", "203.0.113.1")
    assert (result.exit_code, result.stdout) == (1, "203.0.113.1 is not banned\n")
    result = run("banned", "198.51.100.7", "203.0.113.1")
    assert result.exit_code == 1
    assert "1 ban\n203.0.113.1 is not banned\n" in result.stdout
    assert daemon.asked[-1] == ("banned", None, (ip("198.51.100.7"), ip("203.0.113.1")))


def test_an_unknown_jail_is_told(run):
    assert run("banned", "--jail", "x").exit_code == 5
    assert run("ban", "203.0.113.1", "--jail", "x").exit_code == 5
    assert run("unban", "203.0.113.1", "--jail", "x").exit_code == 5


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ((), (None, None, "")),
        (("--for", "1d12h"), (None, 129600.0, "")),
        (("--for", "forever", "--jail", "sshd"), ("sshd", Forever.FOREVER, "")),
        (("--reason", "a scanner"), (None, None, "a scanner")),
        (("--force",), (None, None, "", "force")),
    ],
)
def test_a_ban_by_hand_reaches_the_daemon(run, daemon, words, asked):
    assert run("ban", "203.0.113.1", "203.0.113.1", *words).exit_code == 0
    assert daemon.asked == [("ban", (ip("203.0.113.1"),), *asked)]


def test_a_ban_by_hand_is_told(run):
    result = run("ban", "203.0.113.1", "2001:db8::1", "--for", "1h")
    assert result.exit_code == 0
    assert result.stdout == (
        "203.0.113.1 is banned in jail asterisk until 2026-11-20 11:00:00 (in 1h)\n"
        "2001:db8::1 is banned in jail asterisk until 2026-11-20 11:00:00 (in 1h)\n"
        "  not in force yet: see logban-client status\n"
    )
    result = run("ban", "203.0.113.1", "--for", "forever")
    assert result.stdout == "203.0.113.1 is banned in jail asterisk for ever\n"
    answer = json.loads(run("ban", "203.0.113.1", "--json").stdout)
    assert answer["bans"][0]["subject"]["ip"] == "203.0.113.1"


def test_a_user_whom_nothing_keeps_out_is_said_to_be_noted_only(run):
    result = run("ban", "user:6003", "--for", "forever")
    assert result.stdout == (
        "6003 is banned in jail asterisk for ever\n"
        "  noted only: no action of the jail keeps users out, as kamailio-userban does\n"
    )


def test_who_is_exempt_is_not_banned(run):
    result = run("ban", "192.0.2.1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "192.0.2.1 is not banned: exempt by 192.0.2.0/24\n  more: logban-client why 192.0.2.1\n"
    )
    result = run("ban", "192.0.2.1", "203.0.113.1")
    assert result.exit_code == 6
    assert "203.0.113.1 is banned" in result.stdout
    assert run("ban", "192.0.2.1", "203.0.113.1", "--json").exit_code == 6


@pytest.mark.parametrize(
    "words",
    [
        ("ban",),
        ("ban", "300.1.1.1"),
        ("ban", "203.0.113.1", "--for", "soon"),
        ("ban", "203.0.113.1", "--for", "0"),
        ("unban",),
        ("unban", "--all", "203.0.113.1"),
        ("unban", "x"),
        ("banned", "x"),
        ("why",),
        ("why", "x"),
    ],
)
def test_what_was_mistyped_reaches_no_daemon(run, daemon, words):
    assert run(*words).exit_code == 2
    assert daemon.asked == []


def test_a_ban_is_lifted(run, daemon):
    result = run("unban", "198.51.100.7", "203.0.113.1", "--jail", "asterisk")
    assert (result.exit_code, result.stdout) == (
        0,
        "198.51.100.7 is no longer banned in jail asterisk\n203.0.113.1 was not banned\n",
    )
    subjects = (ip("198.51.100.7"), ip("203.0.113.1"))
    assert daemon.asked[0] == ("unban", subjects, "asterisk")


def test_lifting_what_is_not_banned_exits_with_1(run):
    assert run("unban", "203.0.113.1").exit_code == 1
    assert run("unban", "203.0.113.1", "--json").exit_code == 1


def test_all_bans_are_lifted(run, daemon):
    result = run("unban", "--all")
    assert (result.exit_code, result.stdout) == (0, "2 bans lifted\n")
    assert daemon.asked[0] == ("unban", None, None)
    daemon.bans = ()
    result = run("unban", "--all")
    assert (result.exit_code, result.stdout) == (1, "nobody was banned\n")


def test_a_reload_tells_what_changed(run, daemon):
    result = run("reload")
    assert (result.exit_code, result.stdout) == (0, "OK\njail asterisk: maxretry 5 -> 3\n")
    daemon.reloaded = payloads.Reloaded(())
    assert run("reload").stdout == "OK\nnothing has changed\n"
    assert json.loads(run("reload", "--json").stdout)["changed"] == []


def test_ping_is_answered(run):
    result = run("ping")
    assert result.stdout == "Server replied: pong\nlogban 0.1.0, process 812, running for 1h\n"
    assert json.loads(run("ping", "--json").stdout)["version"] == "0.1.0"
