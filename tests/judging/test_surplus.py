# SPDX-License-Identifier: MIT
"""What has to go where a table has grown beyond its cap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.judging.counting.slow import SlowCounts
from logban.judging.scrutiny.accounts import Accounts
from logban.judging.scrutiny.networks import Networks
from logban.judging.surplus import surplus


@given(st.integers(0, 200), st.integers(0, 100))
def test_no_more_than_the_cap_is_left_and_not_much_less(size: int, most: int) -> None:
    table = dict.fromkeys(range(size))
    gone = surplus(table, most)
    assert gone == list(range(len(gone)))
    assert size - len(gone) <= most or not gone
    if size <= most:
        assert gone == []
    else:
        assert size - len(gone) >= most - most // 10


@pytest.mark.parametrize("cap", [1, 5, 40])
def test_the_quietest_go_and_are_counted(cap: int) -> None:
    slow = SlowCounts(findtime=100.0, max_subjects=cap)
    networks = Networks(100.0, max_networks=cap)
    accounts = Accounts(findtime=100.0, enough=3, protect_for=10.0, max_accounts=cap)
    for number in range(cap + 1):
        slow.add(str(number), float(number), 1)
        networks.add(str(number), 1, float(number))
        accounts.fail(str(number), "198.51.100.7", float(number))
    for table in (slow, networks, accounts):
        assert len(table) <= cap
        assert table.dropped == cap + 1 - len(table) > 0
    assert "0" not in slow
    assert str(cap) in slow
    assert accounts.places("0") == 0
    assert accounts.places(str(cap)) == 1


def test_an_account_counts_each_place_once_and_starts_again_when_all_is_old() -> None:
    accounts = Accounts(findtime=100.0, enough=3, protect_for=10.0)
    assert not any(accounts.fail("201", "198.51.100.7", float(n)) for n in range(9))
    assert not accounts.fail("201", "198.51.100.8", 50.0)
    assert not accounts.fail("201", "198.51.100.9", 101.0)
    assert accounts.places("201") == 1
    assert not accounts.fail("201", "198.51.100.7", 102.0)
    assert accounts.fail("201", "198.51.100.8", 103.0)
    assert accounts.is_protected("201", 112.9)
    assert not accounts.is_protected("201", 113.0)
    assert not accounts.fail("201", "198.51.100.9", 110.0)
    assert accounts.is_protected("201", 119.9)


def test_accounts_and_networks_follow_a_clock_that_is_set_back() -> None:
    accounts = Accounts(findtime=100.0, enough=2, protect_for=10.0)
    networks = Networks(100.0)
    accounts.fail("201", "198.51.100.7", 5000.0)
    networks.add("198.51.100", 7, 5000.0)
    assert [accounts.fail("202", f"198.51.100.{n}", 5000.0) for n in (7, 8)] == [False, True]
    accounts.take_dirty()
    accounts.bring_back(1000.0)
    networks.bring_back(1000.0)
    assert accounts.take_dirty().keys() == {"201", "202"}
    assert accounts.is_protected("202", 1009.9)
    assert not accounts.is_protected("202", 1010.0)
    # What began in what is the future now is forgotten in its time.
    assert accounts.places("201") == 1
    accounts.tidy(1101.0)
    networks.tidy(1200.0)
    assert accounts.places("201") == 0
    assert len(networks) == 0


def test_a_network_forgets_what_was_long_ago() -> None:
    networks = Networks(100.0)
    assert [networks.add("198.51.100", part, 0.0) for part in (1, 2, 2, 3)] == [1, 2, 2, 3]
    assert networks.add("198.51.100", 4, 150.0) == 4
    assert networks.add("198.51.100", 5, 260.0) == 2
    assert networks.add("198.51.100", 6, 900.0) == 1


def test_a_number_decays() -> None:
    slow = SlowCounts(findtime=100.0, max_subjects=9)
    for time in range(10):
        slow.add("x", float(time), 7)
    assert 9.5 < slow.value("x", 9.0) < 10.5
    assert slow.value("x", 109.0) == pytest.approx(slow.value("x", 9.0) / 2.71828, rel=0.001)
    assert slow.forget_faded(200.0) == []
    assert slow.forget_faded(1000.0) == ["x"]
    assert len(slow) == 0
