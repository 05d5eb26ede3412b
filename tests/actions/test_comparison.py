# SPDX-License-Identifier: MIT
"""What is in force beside what should be."""

from __future__ import annotations

import pytest

from logban.actions.comparison import compare
from logban.model import Ban, Subject


def who(number: int) -> Subject:
    return Subject.parse(f"198.51.100.{number}")


@pytest.mark.parametrize(
    ("wanted_days", "found_days", "differs"),
    [(30, 24, False), (30, 19, True), (None, 24, True), (24, 30, True), (19, 19, False)],
)
def test_a_ban_longer_than_its_place_can_hold_is_renewed_in_time(
    wanted_days: float | None, found_days: float, differs: bool
) -> None:
    """An ipset's timeouts end at 24 days: such a ban is no drift until it nears that end."""
    now, day = 1000.0, 86400.0
    until = None if wanted_days is None else now + wanted_days * day
    ban = Ban("jail", who(1), now, until)
    assert (
        bool(compare("jail", {ban.subject: ban}, {who(1): now + found_days * day}, now)) is differs
    )


@pytest.mark.parametrize("others", [0, 1])
def test_a_ban_that_the_kernel_ends_a_tick_too_soon_is_not_missed(others: int) -> None:
    now = 1000.0
    wanted = {each.subject: each for each in (Ban("jail", who(1), now, now + 0.02),)}
    found: dict[Subject, float | None] = {who(2 + n): now + 1 for n in range(others)}
    assert not compare("jail", wanted, found, now)
    wanted = {each.subject: each for each in (Ban("jail", who(1), now, now + 0.2),)}
    assert [ban.subject for ban in compare("jail", wanted, found, now).absent] == [who(1)]
