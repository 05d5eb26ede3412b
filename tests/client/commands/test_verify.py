# SPDX-License-Identifier: MIT
"""Whether all is in force is shown to people and told to scripts."""

from __future__ import annotations

import json

from logban.control.payloads import VerifiedAction
from logban.model import Subject

BAD, OTHER = Subject.parse("198.51.100.7"), Subject.parse("203.0.113.50")


def test_all_is_well(run, daemon) -> None:
    daemon.verified = (VerifiedAction("asterisk", "nftables", 3, drift=2),)
    result = run("verify", "asterisk")
    assert result.exit_code == 0
    assert daemon.asked == [("verify", "asterisk")]
    said = "asterisk nftables: 3 bans in force, as they should be; 2 repaired since the start\n"
    assert result.stdout == said


def test_drift_is_told_by_the_exit_code(run, daemon) -> None:
    daemon.verified = (
        VerifiedAction("asterisk", "nftables", 3, (BAD,), (), (OTHER,)),
        VerifiedAction("asterisk", "command", error="what is in force can't be read there"),
    )
    result = run("verify")
    assert result.exit_code == 7
    assert result.stdout.splitlines() == [
        "asterisk nftables: differs from the ledger's 3",
        "  1 not in force: 198.51.100.7",
        "  1 in force and not in the ledger: 203.0.113.50",
        "asterisk command: it can't be told what is in force: what is in force can't be read there",
    ]
    answer = json.loads(run("verify", "--json").stdout)
    assert answer["actions"][0]["missing"] == [{"kind": "ip", "ip": "198.51.100.7"}]


def test_many_are_not_all_shown(run, daemon) -> None:
    many = tuple(Subject.parse(f"198.51.100.{number}") for number in range(50))
    daemon.verified = (VerifiedAction("asterisk", "nftables", 50, changed=many),)
    said = run("verify").stdout
    assert "  50 in force with another end: 198.51.100.0, " in said
    assert "198.51.100.9, ..." in said
    assert "198.51.100.10" not in said


def test_what_can_not_be_asked_is_no_drift(run, daemon) -> None:
    daemon.verified = (VerifiedAction("asterisk", "nftables", error="down"),)
    assert run("verify").exit_code == 6


def test_what_differs_is_repaired(run, daemon) -> None:
    assert run("verify", "--fix").exit_code == 0
    assert daemon.asked == [("repair", None)]
