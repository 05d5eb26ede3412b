# SPDX-License-Identifier: MIT
"""Temporary exemptions are lost by abuse, others never."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.judging.exemptions import abuse as module
from logban.judging.exemptions.abuse import Abuse
from logban.judging.exemptions.exemption import Exemption
from logban.model import Subject

WHO, ELSE = Subject.parse("198.51.100.7"), Subject.parse("203.0.113.50")
HOTEL = Exemption("198.51.100.7", "allow add", until=9000.0)
OFFICE = Exemption("198.51.100.0/24", "ignoreip of [pbx]")


class Lost(list[tuple[Exemption, str]]):
    """What was lost, and why."""

    def __call__(self, exemption: Exemption, why: str) -> None:
        self.append((exemption, why))


def counting(limit: int = 3) -> tuple[Abuse, Lost]:
    lost = Lost()
    abuse = Abuse(lost)
    abuse.set_jail("pbx", limit, 600.0)
    return abuse, lost


def test_the_limit_within_findtime() -> None:
    abuse, lost = counting()
    for time in (0.0, 300.0, 600.0, 650.0):
        abuse.note("pbx", WHO, HOTEL, time)
        abuse.note("pbx", ELSE, HOTEL, time * 10)
    assert [exemption for exemption, _ in lost] == [HOTEL]
    assert lost[0][1] == "3 failures in jail pbx within 10m by 198.51.100.7"
    for time in (651.0, 652.0):
        abuse.note("pbx", WHO, HOTEL, time)
    assert len(lost) == 1


def test_an_exemption_without_an_end_is_never_lost() -> None:
    abuse, lost = counting()
    for _ in range(1000):
        abuse.note("pbx", WHO, OFFICE, 0.0)
    assert not lost


def test_a_jail_that_takes_none_away() -> None:
    abuse, lost = counting(limit=0)
    for jail in ("pbx", "never-there"):
        for _ in range(1000):
            abuse.note(jail, WHO, HOTEL, 0.0)
    abuse.set_jail("pbx", 1, 600.0)
    abuse.forget_jail("pbx")
    abuse.note("pbx", WHO, HOTEL, 0.0)
    assert not lost


def test_those_counted_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_COUNTED", 3)
    abuse, lost = counting(limit=2)
    people = [Subject.parse(f"198.51.100.{number}") for number in range(5)]
    for _ in range(2):
        for person in people:
            abuse.note("pbx", person, HOTEL, 0.0)
    assert not lost
    abuse.note("pbx", people[-1], HOTEL, 0.0)
    assert len(lost) == 1


@given(st.lists(st.floats(0, 10_000), max_size=60), st.integers(1, 5))
def test_it_is_lost_when_so_many_in_a_row_lie_in_the_window(times: list[float], limit: int) -> None:
    abuse, lost = counting(limit)
    expected, run = 0, list[float]()
    for time in times:
        abuse.note("pbx", WHO, HOTEL, time)
        run = [*run, time][-limit:]
        if len(run) == limit and max(run) - min(run) < 600:
            expected, run = expected + 1, []
    assert len(lost) == expected
