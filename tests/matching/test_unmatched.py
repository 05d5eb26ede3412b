# SPDX-License-Identifier: MIT
"""What looks like an attack and no rule knows is counted, and shown by samples that stay few."""

from __future__ import annotations

import pytest

from logban.matching.unmatched import AT_ONCE, LOOKED_AT, MAX_SHAPES, Unmatched, suspects
from logban.model import Block, Position

LINE = b"[Nov 20 10:00:0%d] NOTICE[77] chan_new.c: Login of 2001 failed for 198.51.100.%d\n"


def block(data: bytes, offset: int = 0) -> Block:
    return Block("/log", data, offset, True, Position("/log", 0, 0, 0, b"", 0))


def shown(*lines: str) -> list[str]:
    data = "".join(f"{line}\n" for line in lines).encode()
    return [data[start:end].decode() for start, end in suspects(data)]


@pytest.mark.parametrize(
    "line",
    [
        "login failed from 198.51.100.7",
        "198.51.100.7: FORBIDDEN",
        "Wrong password (2001:db8::7)",
        "blocked 1:2:3:4:5:6:7:8",
    ],
)
def test_words_of_failure_and_an_address(line: str) -> None:
    assert shown("all is well", line, "all is well 198.51.100.7") == [line]


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-20 10:00:00 module failed to load",
        "failed after 10.5 s",
        "invalid version 1.2.3.4.5",
        "00:11:22:33:44:55 rejected",
        "198.51.100.7 logged in",
        "198.51.100.7 sailed home",
        "",
    ],
)
def test_one_without_the_other(line: str) -> None:
    assert shown(line) == []


def test_each_line_once_and_also_the_last_without_its_end() -> None:
    assert shown("failed failure denied 198.51.100.7", "denied 198.51.100.8") == [
        "failed failure denied 198.51.100.7",
        "denied 198.51.100.8",
    ]
    assert list(suspects(b"x\nfailed 198.51.100.7")) == [(2, 21)]
    assert list(suspects(b"")) == []


def test_lines_that_differ_in_their_numbers_are_one_shape() -> None:
    unmatched = Unmatched()
    unmatched.look(block(LINE % (1, 7) + LINE % (2, 8)), (), 5.0)
    (sample,) = unmatched.samples
    assert (unmatched.count, sample.count, sample.time) == (2, 2, 5.0)
    assert sample.line == (LINE % (2, 8)).decode().rstrip("\n")
    assert sample.source == "/log"


def test_matched_lines_are_known_by_their_place_in_the_file() -> None:
    unmatched = Unmatched()
    unmatched.look(block(LINE % (1, 7) + LINE % (2, 8), offset=100), {100}, 5.0)
    assert unmatched.count == 1


def test_lines_without_an_address_or_a_word_of_failure_are_of_no_interest() -> None:
    unmatched = Unmatched()
    unmatched.look(block(b"login failed\nhello 198.51.100.7\n[10:00:00] failed to open\n"), (), 5.0)
    assert unmatched.count == 0


def test_shapes_are_few_however_many_come() -> None:
    unmatched = Unmatched()
    words = [f"{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(2 * MAX_SHAPES)]
    for word in words:
        unmatched.look(block(f"{word} failed for 198.51.100.7\n".encode()), (), 5.0)
    assert unmatched.count == 2 * MAX_SHAPES
    assert len(unmatched.samples) == MAX_SHAPES
    assert unmatched.samples[-1].line.startswith(words[-1])


def test_of_a_flood_only_the_beginning_is_looked_at() -> None:
    unmatched = Unmatched()
    line = LINE % (1, 7)
    unmatched.look(block(line * (10 * LOOKED_AT // len(line))), (), 5.0)
    assert 0 < unmatched.count <= AT_ONCE // len(line) + 1
    for _ in range(2 * LOOKED_AT // AT_ONCE):
        unmatched.look(block(line * (10 * LOOKED_AT // len(line))), (), 5.0)
    seen = unmatched.count
    assert seen <= LOOKED_AT // len(line) + LOOKED_AT // AT_ONCE
    unmatched.look(block(line), (), 5.9)
    assert unmatched.count == seen
    unmatched.look(block(line), (), 6.0)
    assert unmatched.count == seen + 1


def test_between_lines_that_matched() -> None:
    lines = [LINE % (number, number) for number in range(6)]
    data = b"".join(lines)
    starts = [sum(map(len, lines[:number])) for number in range(6)]
    for known in ([], [0], [5], [0, 1, 4], [2, 3], [1, 5], list(range(6))):
        unmatched = Unmatched()
        # What was held back earlier may lie before the block.
        unmatched.look(block(data, 100), {100 + starts[n] for n in known} | {3}, 5.0)
        assert unmatched.count == 6 - len(known)
