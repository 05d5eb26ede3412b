# SPDX-License-Identifier: MIT
"""What is told of single bans, for as long as it is true."""

from __future__ import annotations

from logban.actions.kamailio.remarks import Remarks


def test_what_is_not_said_again_is_forgotten() -> None:
    remarks = Remarks()
    remarks.add("a", "1")
    remarks.add("b", "2")
    remarks.age()
    remarks.add("a", "3")
    assert list(remarks) == [("a", "3"), ("b", "2")]
    assert len(remarks) == 2
    remarks.age()
    assert list(remarks) == [("a", "3")]
    remarks.age()
    assert len(remarks) == 0


def test_what_is_no_longer_so_is_dropped() -> None:
    remarks = Remarks()
    remarks.add("a", "1")
    remarks.age()
    remarks.add("b", "1")
    remarks.drop("a")
    remarks.drop("b")
    remarks.drop("c")
    assert list(remarks) == []


def test_they_are_bounded() -> None:
    remarks = Remarks()
    for number in range(150):
        remarks.add(str(number), "x")
    assert len(remarks) == 100
    assert next(iter(remarks)) == ("149", "x")
