# SPDX-License-Identifier: MIT
"""A block is taken apart into lines for the engine and lines left alone."""

from __future__ import annotations

import pytest

from logban.matching.engine.doubts import Doubts
from logban.matching.engine.pcre2 import library
from logban.matching.engine.stretches import Stretches
from logban.matching.engine.written import LONG


@pytest.fixture
def stretches() -> Stretches:
    pcre2 = library()
    assert pcre2 is not None
    return Stretches(Doubts(pcre2, [], ""))


@pytest.mark.parametrize("place", [0, 1, 500, 999])
def test_long_lines_are_left_alone(stretches: Stretches, place: int) -> None:
    lines = [b"x" * (number % 200) + b"\n" for number in range(1000)]
    lines[place] = b"y" * LONG + b"\n"
    found = list(stretches.of_block(b"".join(lines)))
    assert b"".join(each.text for each in found) == b"".join(lines)
    assert [each.text for each in found if not each.is_plain] == [lines[place]]


def test_lines_as_long_as_can_be_are_for_the_engine(stretches: Stretches) -> None:
    data = (b"x" * (LONG - 1) + b"\n") * 50
    assert [each.text for each in stretches.of_block(data)] == [data]


def test_long_lines_behind_each_other(stretches: Stretches) -> None:
    long = b"y" * (3 * LONG) + b"\n"
    data = b"a\n" + long * 2 + b"b\n" + long
    found = [(each.text, each.is_plain) for each in stretches.of_block(data)]
    assert found == [
        (b"a\n", True), (long, False), (long, False), (b"b\n", True), (long, False),
    ]  # fmt: skip
