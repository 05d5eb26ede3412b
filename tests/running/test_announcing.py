# SPDX-License-Identifier: MIT
"""What the daemon's log says of bans, and how little of a flood of them."""

from __future__ import annotations

import logging

import pytest

from logban.model import Ban, Change, ChangeKind, Notice, Subject
from logban.running.announcing import MOST_ANNOUNCED, Announcer
from logban.testing import FakeClock

NOW = 1_795_168_800.0


def changes(number: int, kind: ChangeKind = ChangeKind.BAN) -> list[Change]:
    subjects = (Subject.parse(f"198.51.100.{each}") for each in range(number))
    return [Change(kind, Ban("pbx", who, NOW, NOW + 60), NOW) for who in subjects]


def test_each_of_a_few_has_its_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Announcer(FakeClock(NOW)).announce(changes(2) + changes(1, ChangeKind.LIFT))
    assert caplog.messages == [
        "[pbx] ban 198.51.100.0 for 1m by hand",
        "[pbx] ban 198.51.100.1 for 1m by hand",
        "[pbx] lift 198.51.100.0",
    ]


def test_of_a_flood_only_some_are_named_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = FakeClock(NOW)
    announcer = Announcer(clock)
    announcer.announce(changes(MOST_ANNOUNCED))
    announcer.announce(changes(2))
    announcer.announce(changes(50))
    announcer.announce(changes(1, ChangeKind.LIFT))
    assert len(caplog.messages) == MOST_ANNOUNCED + 1
    assert caplog.messages[-1] == "[pbx] lift 198.51.100.0"
    announcer.sum_up()
    assert len(caplog.messages) == MOST_ANNOUNCED + 2
    flood = caplog.messages[-1]
    assert flood.startswith("[pbx] ban 52 subjects: 198.51.100.0, 198.51.100.1, 198.51.100.0, ")
    assert "198.51.100.7, ...; " in flood
    clock.advance(1)
    announcer.announce(changes(1))
    announcer.sum_up()
    assert len(caplog.messages) == MOST_ANNOUNCED + 3
    assert caplog.messages[-1] == "[pbx] ban 198.51.100.0 for 1m by hand"


def test_who_is_named_of_a_small_flood_is_all_of_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    announcer = Announcer(FakeClock(NOW))
    announcer.announce(changes(MOST_ANNOUNCED))
    announcer.announce(changes(2))
    announcer.sum_up()
    assert "ban 2 subjects: 198.51.100.0, 198.51.100.1; logban-client" in caplog.messages[-1]


def test_every_notice_is_told(caplog: pytest.LogCaptureFixture) -> None:
    who = Subject.parse("198.51.100.7")
    notices = [Change.of_notice(Notice("pbx", who, NOW, f"n{each}", 1, "r")) for each in range(30)]
    Announcer(FakeClock(NOW)).announce(notices)
    assert len(caplog.messages) == 30
