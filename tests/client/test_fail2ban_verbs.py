# SPDX-License-Identifier: MIT
"""logban-client set and get: what scripts that know fail2ban read."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from logban.client.main import cli
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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("ping", "Server replied: pong\n"),
        ("-c /etc/fail2ban -s /run/x -v ping", "Server replied: pong\n"),
        ("-V", "0.1.0\n"),
        ("status", "Status\n|- Number of jail:\t2\n`- Jail list:\tasterisk, kamailio\n"),
        ("get asterisk banip", "198.51.100.7\n"),
        ("get kamailio banned", "['2001:db8:66::/64']\n"),
        ("get asterisk banned 198.51.100.7 203.0.113.1", "[1, 0]\n"),
        ("banned 198.51.100.7", "[['asterisk']]\n"),
        ("set asterisk banip 203.0.113.1 198.51.100.7", "1\n"),
        ("set asterisk unbanip 198.51.100.7", "1\n"),
        ("unban 198.51.100.7 203.0.113.1", "1\n"),
        ("unban --all", "2\n"),
        ("get kamailio bantime", "-1\n"),
        ("get kamailio actions", "No actions for jail kamailio\n"),
        ("get kamailio logpath", "No file is currently monitored\n"),
        ("reload --restart asterisk", "OK\n"),
    ],
)
def test_programs_get_fail2bans_answers(run, words, said):
    result = run("fail2ban", *words.split())
    assert (result.exit_code, result.stdout, result.stderr) == (0, said, "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("status asterix", "Sorry but the jail 'asterix' does not exist\n"),
        ("set asterix banip 203.0.113.1", "Sorry but the jail 'asterix' does not exist\n"),
        ("get asterisk usedns", "Invalid command (no get action or not yet implemented)\n"),
        ("set asterisk maxretry 3", "Invalid command (no set action or not yet implemented)\n"),
        ("stop", "Invalid command\n"),
        ("unban", "Invalid command\n"),
        ("--what ping", "there is no option --what\n"),
        (
            "set asterisk unbanip --report-absent 203.0.113.1",
            "not banned: ['203.0.113.1']\n",
        ),
    ],
)
def test_what_fail2ban_would_not_do_either_is_255(run, words, said):
    result = run("fail2ban", *words.split())
    assert (result.exit_code, result.stdout) == (255, said)


def test_what_is_wrong_is_told_beside(run, daemon):
    for words in ("set asterisk banip x", "unban x", "set asterisk addignoreip 300.1.1.1"):
        result = run("fail2ban", *words.split())
        assert (result.exit_code, result.stdout) == (255, "")
        assert result.stderr
    exempt = run("fail2ban", "set", "asterisk", "banip", "192.0.2.1")
    assert (exempt.exit_code, exempt.stdout) == (0, "0\n")
    assert exempt.stderr == "192.0.2.1: exempt by 192.0.2.0/24\n"
    daemon.reloaded = None
    assert run("fail2ban", "reload").exit_code == 255


def test_nobody_who_answers_is_told_as_fail2ban_tells_it(tmp_path):
    socket = tmp_path / "none"
    result = CliRunner().invoke(cli, ["--socket", str(socket), "fail2ban", "ping"])
    assert (result.exit_code, result.stdout) == (255, "")
    assert result.stderr == f"Failed to access socket path: {socket}. Is fail2ban running?\n"


def test_the_answer_is_given_in_json_too(run):
    answer = json.loads(run("--json", "fail2ban", "ping").stdout)
    assert answer == {"schema": "logban/1", "ok": True, "said": "Server replied: pong"}
