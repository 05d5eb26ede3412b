# SPDX-License-Identifier: MIT
"""logban-client set and get: what scripts that know fail2ban read."""

from __future__ import annotations

import json

import pytest

from logban.model import Subject, SubjectKind

ONE = Subject(SubjectKind.IP, "203.0.113.1")
TWO = Subject(SubjectKind.IP, "203.0.113.2")
IGNORED = """\
These IP addresses/networks are ignored:
|- 192.0.2.0/24
`- office.example.net
"""


def test_banip_prints_how_many_it_banned(run, daemon):
    result = run("set", "asterisk", "banip", "203.0.113.1", "203.0.113.2")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "2\n", "")
    assert daemon.asked == [("ban", (ONE, TWO), "asterisk", None, "banip")]


def test_banip_tells_who_is_exempt(run):
    result = run("set", "asterisk", "banip", "203.0.113.1", "192.0.2.1")
    assert (result.exit_code, result.stdout) == (6, "1\n")
    assert result.stderr == "192.0.2.1 is not banned: exempt by 192.0.2.0/24\n"
    result = run("set", "asterisk", "banip", "192.0.2.1")
    assert (result.exit_code, result.stdout) == (1, "0\n")


def test_unbanip_prints_how_many_it_lifted(run, daemon):
    result = run("set", "asterisk", "unbanip", "198.51.100.7")
    assert (result.exit_code, result.stdout) == (0, "1\n")
    assert daemon.asked[0][2] == "asterisk"
    result = run("set", "asterisk", "unbanip", "--report-absent", "203.0.113.1")
    assert (result.exit_code, result.stdout) == (1, "0\n")


def test_ignoreip_is_added_and_taken_back(run, daemon):
    added = run("set", "asterisk", "addignoreip", "203.0.113.1", "203.0.113.0/30")
    assert added.exit_code == 0
    assert added.stdout.endswith("|- 203.0.113.1\n`- 203.0.113.0/30\n")
    assert daemon.asked[0] == ("allow_add", "203.0.113.1", None, "addignoreip")
    removed = run("set", "asterisk", "delignoreip", "203.0.113.1", "203.0.113.0/30")
    assert (removed.exit_code, removed.stdout) == (0, IGNORED)


@pytest.mark.parametrize("verb", ["banip", "unbanip", "addignoreip", "delignoreip"])
def test_an_unknown_jail_is_told_and_nothing_done(run, daemon, verb):
    entries = daemon.entries
    result = run("set", "asterix", verb, "198.51.100.7")
    assert (result.exit_code, result.stdout) == (5, "")
    assert daemon.entries == entries


@pytest.mark.parametrize(
    "words",
    [
        ("set", "asterisk", "maxretry", "3"),
        ("set", "asterisk", "banip"),
        ("set", "asterisk", "banip", "x"),
        ("set", "asterisk", "addignoreip", "300.1.1.1"),
        ("get", "asterisk", "usedns"),
    ],
)
def test_what_logban_has_not_is_a_usage_error(run, daemon, words):
    assert run(*words).exit_code == 2
    assert daemon.asked == []


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (("set", "asterisk", "banip", "203.0.113.1"), "bans"),
        (("set", "asterisk", "unbanip", "198.51.100.7"), "lifted"),
        (("set", "asterisk", "addignoreip", "203.0.113.1"), "entries"),
        (("get", "asterisk", "banip"), "bans"),
        (("get", "asterisk", "ignoreip"), "entries"),
    ],
)
def test_json_is_one_object(run, words, key):
    result = run("--json", *words)
    assert result.exit_code == 0
    assert key in json.loads(result.stdout)


def test_get_banip_prints_addresses(run, daemon):
    assert run("get", "asterisk", "banip").stdout == "198.51.100.7\n"
    daemon.bans = (daemon.bans[0],) * 2
    assert run("get", "asterisk", "banip").stdout == "198.51.100.7 198.51.100.7\n"
    assert run("get", "asterisk", "banip", "\n").stdout == "198.51.100.7\n198.51.100.7\n"
    daemon.bans = ()
    assert run("get", "asterisk", "banip").stdout == "\n"


def test_get_banip_with_time_prints_a_ban_a_line(run):
    assert run("get", "asterisk", "banip", "--with-time").stdout == (
        "198.51.100.7 \t2026-11-20 09:59:48 + 11532 = 2026-11-20 13:12:00\n"
    )
    assert run("get", "kamailio", "banip", "--with-time").stdout == (
        "2001:db8:66::/64 \t2026-11-20 10:00:00 + -1 = 9999-12-31 23:59:59\n"
    )


def test_get_ignoreip_prints_a_list(run, daemon):
    assert run("get", "asterisk", "ignoreip").stdout == IGNORED
    daemon.entries = ()
    assert run("get", "asterisk", "ignoreip").stdout == "No IP address/network is ignored\n"
