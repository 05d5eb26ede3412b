# SPDX-License-Identifier: MIT
"""How far messages reach in the log of a container."""

from __future__ import annotations

from itertools import pairwise

import pytest

from logban.matching.definition import MOST_WRAPPING, Expression, Quote
from logban.matching.messages import Window
from logban.model import Origin

A = "198.51.100.7"
STAMP = b"2026-11-20T10:00:00.5Z "
WRAPPED = Expression("<F-WRAPPED> </F-WRAPPED>", Origin("x", 1))


def window(size: int, until: int = 0) -> Window:
    """Give the window of a message that a container's runtime may write between the lines of."""
    return Window(Quote("q", WRAPPED, None, size), A, "1", until)


@pytest.mark.parametrize("cuts", [(), (1,), (2, 3)])
def test_a_message_in_a_container_is_as_long_as_its_own_bytes(cuts: tuple[int, ...]) -> None:
    """What the runtime writes in front of each line is no part of the message."""
    stamps = [STAMP, STAMP.replace(b".5", b".525"), STAMP.replace(b".5", b""), STAMP, STAMP]
    lines = [stamp + b"[x] 45678\n" for stamp in stamps]
    starts = [sum(map(len, lines[:number])) for number in range(6)]
    message = window(32, 32)
    blocks = [0, *cuts, len(lines)]
    grown = []
    for begin, end in pairwise(blocks):
        data, offset = b"".join(lines[begin:end]), starts[begin]
        if not begin:
            message.wrap(0, 1, data, offset)
        grown.append(message.grow(data, offset))
    assert not any(grown)
    # Three lines of ten bytes, and two bytes of the fourth.
    assert message.until == starts[3] + len(stamps[3]) + 2


def test_a_message_in_a_container_that_was_cut_behind_a_line_break_is_told() -> None:
    line = STAMP + b"[x] 45678\n"
    message = window(30, 30)
    message.wrap(0, 1, line * 5, 0)
    assert message.grow(line * 5, 0)
    assert message.until == 3 * len(line)


def test_of_a_message_whose_block_is_gone_the_most_is_taken() -> None:
    message = window(30)
    message.wrap(10, 1, b"", 100)
    assert message.until == 10 + 30 * MOST_WRAPPING
    assert not message.wrapping


def test_of_a_message_in_a_container_the_most_is_kept_over_a_restart() -> None:
    message = window(30, 30)
    assert message.latest == 30
    message.wrap(0, 1, STAMP + b"[x] 45678\n", 0)
    assert message.latest == message.until + 30 * MOST_WRAPPING
