# SPDX-License-Identifier: MIT
"""Who asks whether anybody is there, and for whom."""

from __future__ import annotations

from logban.judging.scrutiny.probes import NAMES, Probes


def test_only_a_name_that_is_new_is_told() -> None:
    probes = Probes()
    names = ["ping", "ping", "100", "100", "ping", "monitor", "100"]
    told = [False, False, True, False, False, True, False]
    assert [probes.is_other("p", each) for each in names] == told


def test_a_name_that_was_asked_for_long_ago_is_new_again() -> None:
    probes = Probes()
    names = ["ping", *map(str, range(100, 100 + NAMES)), "ping"]
    assert [probes.is_other("p", each) for each in names] == [False, *[True] * (NAMES + 1)]


def test_each_place_has_its_own_name() -> None:
    probes = Probes()
    assert not probes.is_other("p", "100")
    assert not probes.is_other("q", "101")
    assert not probes.is_other("p", "100")


def test_of_too_many_places_the_quietest_is_forgotten() -> None:
    probes = Probes(max_places=2)
    for place in ("p", "q", "p", "r"):
        probes.is_other(place, "100")
    assert probes.is_other("p", "101")
    assert not probes.is_other("q", "101")
