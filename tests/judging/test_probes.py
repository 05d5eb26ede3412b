# SPDX-License-Identifier: MIT
"""Who asks whether anybody is there, and for whom."""

from __future__ import annotations

from logban.judging.probes import Probes


def test_only_a_change_of_the_name_is_told() -> None:
    probes = Probes()
    names = ["ping", "ping", "100", "100", "ping"]
    assert [probes.is_other("p", each) for each in names] == [False, False, True, False, True]


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
