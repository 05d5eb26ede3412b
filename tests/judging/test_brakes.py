# SPDX-License-Identifier: MIT
"""What a jail does not do by itself."""

from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from logban.judging.brakes import Brakes, Limits
from logban.judging.scrutiny.trust import TRUST_FOR, Trust
from logban.model import Subject, SubjectKind, Verdict


def verdict(number: int = 7, time: float = 1000.0, jail: str = "pbx") -> Verdict:
    who = Subject.parse(str(ipaddress.IPv4Address(0x0A000000 + number)))
    return Verdict(jail, who, time, time + 600, 5, "rule")


def braking(limits: Limits) -> Brakes:
    made = Brakes()
    made.set_jail("pbx", limits)
    return made


@given(st.lists(st.floats(0, 500), max_size=60), st.integers(1, 5))
def test_never_more_than_so_many_within_a_minute(times: list[float], limit: int) -> None:
    brakes = braking(Limits(bans=limit))
    laid: list[float] = []
    for time in sorted(times):
        sentence = brakes.holds(verdict(time=time), time)
        full = len([each for each in laid if time - 60 < each <= time]) >= limit
        assert bool(sentence) == full
        if not sentence:
            brakes.laid(verdict(), time)
            laid.append(time)
    for time in laid:
        assert len([each for each in laid if time - 60 < each <= time]) <= limit


def test_what_it_says() -> None:
    brakes = braking(Limits(bans=1))
    assert brakes.is_full("pbx", 1000.0) == ""
    brakes.laid(verdict(), 1000.0)
    assert brakes.holds(verdict(8), 1059.0) == (
        "max_bans_per_minute is 1, and that many were laid within a minute"
    )
    assert brakes.holds(verdict(8), 1060.0) == ""
    assert brakes.holds(verdict(8, jail="other"), 1000.0) == ""


def test_accounts_are_no_addresses() -> None:
    brakes = braking(Limits(bans=1, users=1))
    brakes.registered = lambda _: 99
    user = Verdict("pbx", Subject(SubjectKind.USER, "", "6003"), 1000.0, None, 3, "rule")
    for _ in range(5):
        assert brakes.holds(user, 1000.0) == ""
        brakes.laid(user, 1000.0)
    assert brakes.is_full("pbx", 1000.0) == ""


def test_an_address_with_many_behind_it() -> None:
    brakes = braking(Limits(users=3))
    office = verdict().subject
    brakes.registered = lambda subject: 4 if subject == office else 3
    assert brakes.holds(verdict(), 1000.0) == (
        "4 registered users are behind 10.0.0.7, and max_registered_users is 3"
    )
    assert brakes.holds(verdict(8), 1000.0) == ""
    brakes.set_jail("pbx", Limits())
    assert brakes.holds(verdict(), 1000.0) == ""


def test_a_jail_without_limits_and_one_that_is_gone() -> None:
    brakes = braking(Limits(bans=1))
    brakes.laid(verdict(), 1000.0)
    brakes.forget_jail("pbx")
    assert brakes.is_full("pbx", 1000.0) == ""
    for _ in range(5):
        brakes.laid(verdict(), 1000.0)
        assert brakes.holds(verdict(8), 1000.0) == ""


def test_old_times_are_forgotten() -> None:
    brakes = braking(Limits(bans=10))
    for time in range(0, 1_000_000, 10):
        brakes.laid(verdict(), float(time))
    assert len(brakes._times["pbx"]) < 200


def test_who_is_registered_is_told_by_trust() -> None:
    trust = Trust()
    for number in range(30):
        trust.succeed("198.51.100.7", f"60{number}", 1000.0 + number)
    trust.fail("198.51.100.7", "somebody else's")
    assert trust.registered("198.51.100.7", 1100.0) == 30
    assert trust.registered("198.51.100.7", 1000.0 + TRUST_FOR + 10) == 19
    assert trust.registered("198.51.100.8", 1100.0) == 0
