# SPDX-License-Identifier: MIT
"""One open file: no line invented, lost or changed, whatever its bytes and its writer do."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logban.model import Block
from logban.sources import reader as module
from logban.sources.reader import MAX_LINE, Reader
from logban.sources.report import Tally
from logban.testing import FakeClock

LONGEST = 24
PIECES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"\n", b"\0", b"\0\0\0\n", b"line\n", b"x" * 30, b"\r\n", b"\0" * 40]),
)


class Opened:
    """A file, its writer and its reader."""

    def __init__(self, path: Path, content: bytes = b"", *, live: bool = True) -> None:
        path.write_bytes(content)
        self.writer = os.open(path, os.O_WRONLY | os.O_APPEND)
        self.tally = Tally()
        self.reader = Reader(
            os.open(path, os.O_RDONLY), str(path), clock=FakeClock(), tally=self.tally, live=live
        )

    def write(self, data: bytes) -> None:
        os.write(self.writer, data)

    def blocks(self, limit: int = 256 * 1024) -> list[Block]:
        found = []
        while True:
            block = self.reader.read(limit)
            if block is not None:
                found.append(block)
            if self.reader.drained:
                return found

    def data(self, limit: int = 256 * 1024) -> bytes:
        return b"".join(block.data for block in self.blocks(limit))

    def close(self) -> None:
        os.close(self.writer)
        self.reader.close()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    opened = Opened(tmp_path / "log")
    yield opened
    opened.close()


def expected(content: bytes, longest: int) -> bytes:
    lines = content.split(b"\n")[:-1]
    return b"".join(line.lstrip(b"\0")[:longest] + b"\n" for line in lines)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=12), st.integers(1, LONGEST), st.booleans(), st.integers(0, 6))
def test_random_bytes_in_random_cuts(
    pieces: list[bytes], limit: int, live: bool, found: int
) -> None:
    content = b"".join(pieces)
    with tempfile.TemporaryDirectory() as directory, patch.object(module, "MAX_LINE", LONGEST):
        opened = Opened(Path(directory, "log"), b"".join(pieces[:found]), live=live)
        try:
            blocks = opened.blocks(limit)
            for piece in pieces[found:]:
                opened.write(piece)
                blocks += opened.blocks(limit)
            assert b"".join(block.data for block in blocks) == expected(content, LONGEST)
            for block in blocks:
                assert content[: block.position.offset].endswith(b"\n")
                assert content[block.offset :].startswith(block.data[:-1])
            for block, following in pairwise(blocks):
                between = content[block.position.offset : following.offset]
                assert block.position.offset <= following.offset
                assert not between.strip(b"\0")
            rest = content[content.rfind(b"\n") + 1 :].lstrip(b"\0")
            last = opened.reader.finish()
            assert (last.data if last else b"") == (rest[:LONGEST] + b"\n" if rest else b"")
        finally:
            opened.close()


@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES, max_size=8).map(b"".join), st.integers(1, LONGEST))
def test_every_position_is_one_to_go_on_from(content: bytes, limit: int) -> None:
    with tempfile.TemporaryDirectory() as directory, patch.object(module, "MAX_LINE", LONGEST):
        opened = Opened(Path(directory, "log"), content)
        try:
            blocks = opened.blocks(limit)
            for index, block in enumerate(blocks):
                assert opened.reader.resume(block.position)
                rest = b"".join(later.data for later in blocks[index + 1 :])
                assert opened.data(limit) == rest
        finally:
            opened.close()


def test_a_line_waits_for_its_end(opened: Opened) -> None:
    opened.write(b"one\ntw")
    assert opened.data() == b"one\n"
    opened.write(b"o")
    assert opened.data() == b""
    opened.write(b"\nthree\n")
    assert opened.data() == b"two\nthree\n"


def test_blocks_are_of_the_size_asked_for(opened: Opened) -> None:
    line = b"x" * 99 + b"\n"
    opened.write(line * 10_000)
    blocks = opened.blocks()
    assert b"".join(block.data for block in blocks) == line * 10_000
    assert max(len(block.data) for block in blocks) <= 256 * 1024
    assert len(blocks) <= 5
    assert opened.tally.lines == 10_000
    assert opened.tally.bytes == 1_000_000


def test_a_line_of_a_megabyte_is_whole(opened: Opened) -> None:
    line = b"x" * MAX_LINE + b"\n"
    opened.write(b"before\n" + line + b"behind\n")
    assert opened.data() == b"before\n" + line + b"behind\n"
    assert opened.tally.long_lines == 0


def test_of_a_longer_line_the_head_is_kept(opened: Opened) -> None:
    opened.write(b"before\n" + b"x" * MAX_LINE + b"yyy")
    assert opened.data() == b"before\n"
    opened.write(b"z" * 3_000_000)
    assert opened.data() == b""
    opened.write(b"end\nbehind\n")
    assert opened.data() == b"x" * MAX_LINE + b"\nbehind\n"
    assert opened.tally.long_lines == 1
    opened.write(b"later\n")
    assert opened.data() == b"later\n"


def test_one_call_does_not_search_for_ever(opened: Opened) -> None:
    opened.write(b"x" * (10 * MAX_LINE))
    assert opened.reader.read() is None
    assert not opened.reader.drained
    assert opened.data() == b""


def test_a_hole_of_a_gigabyte_is_passed_over(opened: Opened) -> None:
    opened.write(b"before\n")
    assert opened.data() == b"before\n"
    hole = os.open(opened.reader.position.path, os.O_WRONLY)
    os.pwrite(hole, b"behind\n", 1 << 30)
    os.close(hole)
    calls = 0
    block = None
    while block is None:
        block = opened.reader.read()
        calls += 1
    assert (block.data, block.offset) == (b"behind\n", 1 << 30)
    assert opened.tally.nuls == (1 << 30) - 7
    assert calls < 10


def test_nuls_that_turn_into_text_are_read(opened: Opened) -> None:
    """Some network file systems show a hole before they show what was written there."""
    opened.write(b"one\n" + bytes(500_000))
    assert opened.data() == b"one\n"
    file = os.open(opened.reader.position.path, os.O_WRONLY)
    os.pwrite(file, b"two\n" + b"x" * 499_995 + b"\n", 4)
    os.close(file)
    assert opened.data() == b"two\n" + b"x" * 499_995 + b"\n"


def test_text_behind_nuls_that_stay(opened: Opened) -> None:
    opened.write(b"one\n" + bytes(300_000))
    assert opened.data() == b"one\n"
    opened.write(bytes(300_000) + b"two\n")
    assert opened.data() == b"two\n"
    opened.write(b"three\n")
    assert opened.data() == b"three\n"


def truncate(opened: Opened, length: int = 0) -> None:
    os.ftruncate(opened.writer, length)


def test_truncated(opened: Opened) -> None:
    opened.write(b"one\ntwo\n")
    assert opened.data() == b"one\ntwo\n"
    truncate(opened)
    assert opened.data() == b""
    opened.write(b"3\n")
    blocks = opened.blocks()
    assert [(block.data, block.offset, block.live) for block in blocks] == [(b"3\n", 0, True)]
    assert opened.tally.truncations == 1


@pytest.mark.parametrize("length", [8, 9, 100, 1_000_000])
def test_truncated_and_grown_past_the_offset(opened: Opened, length: int) -> None:
    opened.write(b"one\ntwo\n")
    assert opened.data() == b"one\ntwo\n"
    truncate(opened)
    opened.write(b"x" * (length - 1) + b"\n")
    assert opened.data() == b"x" * (length - 1) + b"\n"
    assert opened.tally.truncations == 1


def test_truncated_and_grown_past_the_offset_by_lines_that_are_alike(opened: Opened) -> None:
    """What comes before the offset is the same then: only the beginning tells."""
    opened.write(b"1 " + b"x" * 3000 + b"\n")
    assert opened.data() == b"1 " + b"x" * 3000 + b"\n"
    truncate(opened)
    again = b"2 " + b"x" * 3000 + b"\n" + b"3 " + b"x" * 3000 + b"\n"
    opened.write(again)
    assert opened.data() == again
    assert opened.tally.truncations == 1


def test_truncated_in_an_unfinished_line_that_is_long(opened: Opened) -> None:
    """The same where the look begins behind the offset, in search of the line's end."""
    opened.write(b"1 " + b"x" * 3000 + b"\n" + b"x" * 300_000)
    assert opened.data(1000) == b"1 " + b"x" * 3000 + b"\n"
    truncate(opened)
    again = b"2 " + b"x" * 3000 + b"\n" + b"x" * 600_000 + b"\n"
    opened.write(again)
    assert opened.data() == again
    assert opened.tally.truncations == 1


def test_a_position_at_the_beginning_can_be_resumed_after_a_truncation(opened: Opened) -> None:
    opened.write(b"line\n")
    opened.data()
    truncate(opened)
    assert opened.data() == b""
    assert opened.reader.resume(opened.reader.position)


def test_truncated_under_a_writer_without_append(opened: Opened) -> None:
    file = os.open(opened.reader.position.path, os.O_WRONLY)
    os.write(file, b"one\n" * 1000)
    assert len(opened.data()) == 4000
    truncate(opened)
    os.write(file, b"two\n")
    os.close(file)
    assert opened.data() == b"two\n"
    assert (opened.tally.truncations, opened.tally.nuls) == (1, 4000)


def test_truncated_in_the_middle_of_a_long_line(opened: Opened) -> None:
    opened.write(b"x" * 400_000)
    assert opened.data() == b""
    truncate(opened)
    assert opened.data() == b""
    opened.write(b"short\n")
    assert opened.data() == b"short\n"


def test_truncated_in_a_long_line_behind_another(opened: Opened) -> None:
    opened.write(b"one\n" + b"x" * 400_000)
    assert opened.data() == b"one\n"
    truncate(opened)
    opened.write(b"two\n")
    assert opened.data() == b"two\n"


def test_what_was_found_is_not_live_and_what_comes_is(tmp_path: Path) -> None:
    opened = Opened(tmp_path / "log", b"one\ntwo\nhal", live=False)
    assert opened.reader.catching_up
    opened.write(b"f\nlast\n")
    blocks = opened.blocks()
    assert [(block.data, block.live) for block in blocks] == [
        (b"one\ntwo\n", False),
        (b"half\nlast\n", True),
    ]
    assert not opened.reader.catching_up
    opened.close()


def test_an_unfinished_line_does_not_keep_it_catching_up(tmp_path: Path) -> None:
    opened = Opened(tmp_path / "log", b"half", live=False)
    assert opened.data() == b""
    assert not opened.reader.catching_up
    opened.close()


def test_resume_refuses_another_file(tmp_path: Path) -> None:
    opened = Opened(tmp_path / "log", b"one\ntwo\n")
    position = opened.blocks()[-1].position
    for content in (b"ONE\ntwo\nmore\n", b"one\n", b""):
        other = Opened(tmp_path / "other", content)
        assert not other.reader.resume(position)
        assert other.data() == content
        other.close()
    opened.close()


def test_the_head_does_not_change_as_the_file_grows(opened: Opened) -> None:
    positions = []
    for _ in range(10):
        opened.write(b"x" * 59 + b"\n")
        positions.append(opened.blocks()[-1].position)
    assert [position.head_length for position in positions[:6]] == [60, 120, 180, 240, 256, 256]
    assert all(opened.reader.resume(position) for position in positions)


def test_skip_to_end_awaits_the_unfinished_line(tmp_path: Path) -> None:
    opened = Opened(tmp_path / "log", b"one\ntwo\nhal")
    opened.reader.skip_to_end()
    assert opened.data() == b""
    opened.write(b"f\n")
    assert opened.data() == b"half\n"
    opened.close()


def test_finish_of_an_over_long_line(opened: Opened) -> None:
    opened.write(b"x" * (MAX_LINE + 10))
    assert opened.data() == b""
    last = opened.reader.finish()
    assert last is not None
    assert last.data == b"x" * MAX_LINE + b"\n"
    assert last.position.offset == MAX_LINE + 10
    assert opened.tally.long_lines == 1
