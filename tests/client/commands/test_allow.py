# SPDX-License-Identifier: MIT
"""logban-client allow."""

from __future__ import annotations

import json

import pytest

LIST = """\
ENTRY               JAIL      UNTIL                        ORIGIN                              \
 NOTE        ADDRESSES
192.0.2.0/24        asterisk                               /etc/logban/jails.d/asterisk.conf:7
office.example.net  every     2026-11-20 11:00:00 (in 1h)  hand                                \
 the office  192.0.2.80 2001:db8::80
"""


def test_the_list_is_shown(run, daemon):
    assert run("allow", "list").stdout == LIST
    assert run("allow", "list", "--jail", "asterisk").exit_code == 0
    assert daemon.asked == [("allow_list", None), ("allow_list", "asterisk")]
    answer = json.loads(run("allow", "list", "--json").stdout)
    assert answer["entries"][1]["addresses"] == ["192.0.2.80", "2001:db8::80"]


def test_an_empty_list_says_how_to_fill_it(run, daemon):
    daemon.entries = ()
    assert run("allow", "list").stdout.startswith("nobody is exempt; logban-client allow add")


@pytest.mark.parametrize(
    ("words", "asked", "told"),
    [
        (("Office.Example.NET",), ("office.example.net", None, ""), "office.example.net is exempt"),
        (("203.0.113.9/24", "--for", "forever"), ("203.0.113.0/24", None, ""), None),
        (
            ("203.0.113.9", "--for", "1d", "--note", "n"),
            ("203.0.113.9", 86400.0, "n"),
            "203.0.113.9 is exempt until 2026-11-21 10:00:00 (in 1d)",
        ),
    ],
)
def test_an_entry_is_added(run, daemon, words, asked, told):
    result = run("allow", "add", *words)
    assert result.exit_code == 0
    assert daemon.asked == [("allow_add", *asked)]
    if told:
        assert result.stdout == told + "\n"


def test_adding_tells_which_bans_it_lifted(run):
    assert run("allow", "add", "198.51.100.7").stdout == (
        "198.51.100.7 is exempt\n  the ban of 198.51.100.7 in jail asterisk is lifted\n"
    )
    answer = json.loads(run("allow", "add", "--json", "198.51.100.7").stdout)
    assert answer["entry"]["entry"] == "198.51.100.7"


def test_an_entry_is_taken_back(run, daemon):
    result = run("allow", "del", "office.example.net")
    assert (result.exit_code, result.stdout) == (0, "office.example.net is no longer exempt\n")
    result = run("allow", "del", "office.example.net")
    assert result.exit_code == 5
    assert json.loads(run("--json", "allow", "del", "192.0.2.0/24").stdout)["ok"] is True


@pytest.mark.parametrize(
    "words", [("add", "300.1.1.1"), ("del", "a b"), ("add",), ("add", "x", "--for", "x")]
)
def test_what_was_mistyped_reaches_no_daemon(run, daemon, words):
    assert run("allow", *words).exit_code == 2
    assert daemon.asked == []


def test_whoever_types_is_exempt_for_a_day_or_as_he_says(run, daemon, monkeypatch):
    monkeypatch.setattr("logban.client.commands.allow.ssh_peer", lambda *_: "203.0.113.9")
    assert run("allow", "add", "--me").exit_code == 0
    assert run("allow", "add", "--me", "--for", "1h", "--note", "hotel").exit_code == 0
    assert run("allow", "add", "--me", "--for", "forever").exit_code == 0
    assert daemon.asked == [
        ("allow_add", "203.0.113.9", 86400.0, ""),
        ("allow_add", "203.0.113.9", 3600.0, "hotel"),
        ("allow_add", "203.0.113.9", None, ""),
    ]


@pytest.mark.parametrize("words", [(), ("192.0.2.1", "--me")])
def test_it_is_either_me_or_somebody(run, daemon, words):
    result = run("allow", "add", *words)
    assert result.exit_code == 2
    assert "give either ENTRY" in result.stderr
    assert not daemon.asked
