# SPDX-License-Identifier: MIT
"""How long bans last."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.policy.bantime import DAY, Formula, Growth, luck_of, ordinal

spans = st.floats(1, 1e7)
factors = st.floats(0.01, 100)
multipliers = st.lists(st.floats(0.1, 1e4), max_size=8).map(sorted).map(tuple)
growths = st.builds(
    Growth,
    factor=factors,
    multipliers=multipliers,
    formula=st.sampled_from(Formula),
    max_time=st.one_of(spans, st.just(math.inf)),
    spread=st.one_of(st.just(0.0), spans),
)
offences = st.integers(1, 1000)
lucks = st.floats(0, 1)


@given(growths, spans, offences, lucks)
def test_never_longer_than_max_time_nor_shorter_than_bantime(
    growth: Growth, bantime: float, offence: int, luck: float
) -> None:
    length = growth.length(bantime, offence, luck)
    assert bantime <= length <= max(bantime, growth.max_time)
    assert math.isfinite(length)


@given(growths, spans, offences, lucks)
def test_a_further_ban_is_never_shorter(
    growth: Growth, bantime: float, offence: int, luck: float
) -> None:
    assert growth.length(bantime, offence, luck) <= growth.length(bantime, offence + 1, luck)


@given(growths, spans, offences, lucks)
def test_luck_only_adds_and_no_more_than_the_spread(
    growth: Growth, bantime: float, offence: int, luck: float
) -> None:
    plain = growth.length(bantime, offence)
    assert plain <= growth.length(bantime, offence, luck) <= (plain + growth.spread) * (1 + 1e-12)


@given(growths, spans, offences)
def test_every_length_can_be_explained(growth: Growth, bantime: float, offence: int) -> None:
    assert growth.explain(bantime, offence)
    assert growth.describe().endswith("forgotten after 4w")


@pytest.mark.parametrize(
    ("growth", "lengths"),
    [
        (Growth(), [600, 1200, 2400, 4800]),
        (Growth(factor=2), [600, 2400, 4800, 9600]),
        (Growth(factor=0.25), [600, 600, 600, 1200]),
        (Growth(multipliers=(1, 5, 30)), [600, 3000, 18000, 18000]),
        (Growth(multipliers=(3, 5), factor=2), [600, 6000, 6000]),
        (Growth(max_time=1000), [600, 1000, 1000]),
        (Growth(max_time=60), [600, 600, 600]),
    ],
)
def test_lengths(growth: Growth, lengths: list[float]) -> None:
    assert [growth.length(600, n + 1) for n in range(len(lengths))] == lengths


def test_fail2bans_second_formula_is_the_first_with_its_factor() -> None:
    growth = Growth(formula=Formula.EXPONENTIAL, factor=2.0 / 2.885385)
    found = [growth.length(600, n) for n in range(1, 6)]
    assert found == pytest.approx([600, 1200, 2400, 4800, 9600], rel=1e-5)


def test_growth_ends_somewhere_even_without_a_limit() -> None:
    growth = Growth(formula=Formula.EXPONENTIAL, factor=100.0, max_time=math.inf)
    assert growth.length(600, 1000) == growth.length(600, 1001) < 4e9
    assert Growth(max_time=math.inf).length(1, 1000) == 2.0**20


def test_luck_is_the_same_for_the_same_ban_and_spread_evenly() -> None:
    drawn = [luck_of(f"198.51.100.{n % 256}", n * 0.5) for n in range(1000)]
    assert drawn == [luck_of(f"198.51.100.{n % 256}", n * 0.5) for n in range(1000)]
    assert all(0 <= each < 1 for each in drawn)
    for low in (0, 0.25, 0.5, 0.75):
        assert 200 < sum(low <= each < low + 0.25 for each in drawn) < 300
    assert len(set(drawn)) == 1000


def test_what_an_admin_is_told() -> None:
    assert Growth().explain(3600, 1) == "1h: the first ban"
    assert Growth().explain(3600, 4) == "8h: 4th ban, 1h x 8"
    assert Growth(max_time=DAY).explain(3600, 9) == "1d: 9th ban, 1h x 256, at most 1d"
    assert Growth(spread=600).explain(60, 2) == "2m: 2nd ban, 1m x 2, and up to 10m by chance"
    assert Growth(all_jails=True, factor=3).describe() == (
        "twice as long with each earlier ban, times 3 in any jail, at most 4w; forgotten after 4w"
    )
    assert Growth(multipliers=(1, 2.5), max_time=math.inf).describe() == (
        "times 1 2.5; forgotten after 4w"
    )
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 112)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "112th",
    ]  # fmt: skip
