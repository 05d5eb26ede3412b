# SPDX-License-Identifier: MIT
"""Refused calls abroad of a known user are told of once, and ban nobody."""

from __future__ import annotations

import pytest

from logban.judging.judge import Judge
from logban.judging.scrutiny.abroad import TOLD_EVERY, country_of
from logban.judging.times import LogTimes
from logban.model import Failure, Notice, Success, canonical_address
from logban.policy.enough import Policy
from logban.policy.scrutiny import Scrutiny

START = 1_795_132_800.0
OFFICE = canonical_address("203.0.113.10")


def told(user: str, numbers: list[str], every: float = 5.0) -> list[Notice]:
    """Give what an admin is told of a caller in an office where 207 and 201 get in."""
    judge = Judge(
        "pbx", Policy(5, 600.0, 3600.0, scrutiny=Scrutiny()), exempt=lambda _: None, floors={}
    )
    outcomes = [
        Success(OFFICE, START, "in", {"user": each}, "line", "full", 0) for each in ("201", "207")
    ]
    calls = [
        Failure(OFFICE, START + 60 + n * every, "rule", {"user": user, "number": number},
                f"to {number}", "full", 0, "misdialled")
        for n, number in enumerate(numbers)
    ]  # fmt: skip
    for each in (*outcomes, *calls):
        assert each.time is not None
        assert judge.judge([each], LogTimes(), live=False, now=each.time) == []
    return judge.take_notices()


ABROAD = [f"00972591234{n:03}" for n in range(40)]


def test_the_third_number_abroad_is_told_of_with_its_country() -> None:
    assert told("207", ABROAD[:2]) == []
    (notice,) = told("207", ABROAD)
    assert (notice.subject.user, notice.subject.network) == ("207", OFFICE)
    assert "called 3 numbers abroad" in notice.text
    assert "00972591234002, country code 972" in notice.text
    assert len(told("207", ABROAD[:40], every=TOLD_EVERY / 40)) == 0  # one in half an hour
    assert len(told("207", [number for number in ABROAD for _ in range(3)], every=1199.0)) == 0
    assert len(told("207", ABROAD[:3] * 40, every=TOLD_EVERY / 100)) == 2


def test_mistakes_and_carriers_are_not_told_of() -> None:
    assert told("207", ["00972591234567"] * 40) == []
    assert told("207", [f"20{n}" for n in range(10)]) == []
    assert told("carrier", ABROAD) == []


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("+4930123456", "49"), ("0014155550100", "1"), ("011972591234567", "972"),
        ("90079261234567", "7"), ("0011442071234567", "44"), ("810355691234567", "355"),
        ("2000", ""), ("030123456", ""), ("+", ""),
    ],
)  # fmt: skip
def test_the_country_of_a_number(number: str, code: str) -> None:
    assert country_of(number) == code
