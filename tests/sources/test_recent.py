# SPDX-License-Identifier: MIT
"""Of a big file that nobody has read yet, what is too old to matter is left out."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from logban.sources.book import PositionBook
from logban.sources.follower import FileFollower, Start
from logban.sources.recent import NEAR, WORTH_SEARCHING, recent_offset
from logban.testing import FakeClock

BORDER = 700_000


def is_old(line: bytes) -> bool | None:
    """Lines are numbers, filled up; those below the border are old, and others tell nothing."""
    number = line.split(b" ")[0]
    return int(number) < BORDER if number.isdigit() else None


def is_never_old(_: bytes) -> bool | None:
    return False


def log_of(path: Path, numbers: range, *, undated: int = 0) -> int:
    """Write a line a number, each with so many undated ones behind it; give the file's size."""
    with path.open("wb") as file:
        for number in numbers:
            file.write(b"%d some text\n" % number + b"   a line of something longer\n" * undated)
    return path.stat().st_size


@pytest.fixture
def offset_in(tmp_path: Path):
    def offset(numbers: range, *, undated: int = 0) -> tuple[bytes, bytes]:
        """Give what would be left out of such a log, and what would be read."""
        path = tmp_path / "log"
        size = log_of(path, numbers, undated=undated)
        descriptor = os.open(path, os.O_RDONLY)
        try:
            at = recent_offset(descriptor, size, is_old)
        finally:
            os.close(descriptor)
        data = path.read_bytes()
        return data[:at], data[at:]

    return offset


@pytest.mark.parametrize("undated", [0, 3, 60])
@pytest.mark.parametrize("first", [BORDER - 600_000, BORDER - 400_000, BORDER - 1000])
def test_what_is_left_out_is_old_and_what_is_read_is_not_much_more(
    offset_in, first, undated
) -> None:
    step = 1 + undated // 2
    skipped, read = offset_in(range(first, first + 610_000, step), undated=undated)
    assert skipped.endswith(b"\n") or not skipped
    assert not any(is_old(line) is False for line in skipped.split(b"\n"))
    old = [line for line in read.split(b"\n") if is_old(line)]
    share = 1 + undated * 3
    assert sum(map(len, old)) * share < WORTH_SEARCHING + share * NEAR
    if first == BORDER - 600_000:
        assert len(skipped) > len(read)


def test_a_log_of_old_lines_only_is_left_out_but_for_its_end(offset_in) -> None:
    skipped, read = offset_in(range(500_000))
    assert len(read) <= NEAR + 100
    assert skipped


@pytest.mark.parametrize("numbers", [range(BORDER, BORDER + 400_000), range(200_000)])
def test_what_is_new_or_small_is_read_from_its_beginning(offset_in, numbers) -> None:
    skipped, _ = offset_in(numbers)
    assert not skipped


def test_lines_that_tell_nothing_are_read(tmp_path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"no number here\n" * 500_000)
    descriptor = os.open(path, os.O_RDONLY)
    assert recent_offset(descriptor, path.stat().st_size, is_old) == 0
    path.write_bytes(random.Random(1).randbytes(6_000_000))  # noqa: S311  # noise
    assert recent_offset(descriptor, path.stat().st_size, lambda _: None) == 0
    os.close(descriptor)


def follower(path: Path, book: PositionBook, *, appeared: bool = False) -> FileFollower:
    return FileFollower(
        str(path),
        clock=FakeClock(),
        book=book,
        start=Start.HEAD,
        appeared=appeared,
        is_old=is_old,
    )


def first_line(reading: FileFollower) -> bytes:
    reading.look()
    block = reading.read()
    reading.close()
    assert block is not None
    return block.data.split(b"\n")[0]


def test_a_follower_begins_with_what_is_recent_but_goes_on_where_it_was(tmp_path) -> None:
    path = tmp_path / "log"
    log_of(path, range(400_000, 900_000))
    assert BORDER - 100_000 < int(first_line(follower(path, PositionBook())).split()[0]) <= BORDER
    assert first_line(follower(path, PositionBook(), appeared=True)).startswith(b"400000 ")
    book = PositionBook()
    reading = follower(path, book)
    reading.look()
    saved = book.positions()
    reading.close()
    assert [each.offset for each in saved] == [0]
    # A position that was saved is where reading goes on, however old that is: it was promised.
    resumed = PositionBook(saved)
    reading = follower(path, resumed)
    assert first_line(reading).startswith(b"400000 ")
