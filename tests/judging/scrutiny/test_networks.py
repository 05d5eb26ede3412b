# SPDX-License-Identifier: MIT
"""Tests of networks from which many places offend, and of their names as keys."""

from __future__ import annotations

import pytest

from logban.judging.places import around, key_of, network_of
from logban.judging.scrutiny.networks import Networks

KEY = "198.51.100"


def test_places_count_once_and_for_one_to_two_spans() -> None:
    networks = Networks(findtime=100.0)
    assert [networks.add(KEY, part, 1000.0) for part in (1, 2, 2, 255)] == [1, 2, 2, 3]
    assert networks.add(KEY, 3, 1100.0) == 4
    assert networks.add(KEY, 4, 1199.0) == 5
    assert networks.add(KEY, 5, 1200.0) == 3  # those of the first span are too old by now
    networks.tidy(1500.0)
    assert len(networks) == 0


def test_what_is_taken_back_counts_no_longer_in_either_span() -> None:
    networks = Networks(findtime=100.0)
    for part, time in ((1, 1000.0), (2, 1000.0), (1, 1100.0), (3, 1100.0)):
        networks.add(KEY, part, time)
    networks.take_dirty()
    networks.forgive(KEY, 1)
    networks.forgive("192.0.2", 1)
    assert set(networks.take_dirty()) == {KEY}
    assert networks.add(KEY, 4, 1101.0) == 3


def test_what_is_written_down_goes_on_in_the_next_run() -> None:
    networks = Networks(findtime=100.0)
    networks.add(KEY, 0, 1000.25)
    networks.add(KEY, 255, 1100.5)
    networks.add("192.0.2", 7, 1100.5)
    written = networks.take_dirty()
    assert networks.take_dirty() == {}
    later = Networks(findtime=100.0)
    for key, text in written.items():
        assert text is not None
        later.restore(key, text)
    assert later.take_dirty() == {}
    assert later.add(KEY, 9, 1101.0) == networks.add(KEY, 9, 1101.0) == 3


def test_what_is_forgotten_is_forgotten_there_as_well() -> None:
    networks = Networks(findtime=100.0, max_networks=2)
    networks.add("192.0.2", 1, 1000.0)
    networks.add(KEY, 1, 1001.0)
    networks.add("203.0.113", 1, 1002.0)
    assert networks.take_dirty()["192.0.2"] is None
    networks.forget(KEY)
    networks.forget("192.0.2")
    assert networks.take_dirty() == {KEY: None}
    networks.tidy(1300.0)
    assert networks.take_dirty() == {"203.0.113": None}


@pytest.mark.parametrize("place", ["198.51.100.7", "2001:db8:0:42::/64", "2001:db8::7"])
def test_the_network_around_a_place_has_its_key_again(place: str) -> None:
    key, _ = around(place)
    assert key_of(network_of(key), ipv6_prefix=64) == key


@pytest.mark.parametrize(
    ("network", "prefix"),
    [("198.51.100.7", 64), ("2001:db8::/64", 64), ("2001:db8::/56", 56), ("2001:db8::/48", 48)],
)
def test_a_place_is_no_network_around_places(network: str, prefix: int) -> None:
    assert key_of(network, prefix) == ""
