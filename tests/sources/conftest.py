# SPDX-License-Identifier: MIT
"""A log on disk, and followers of it whose every block is checked for what holds of all blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from logban.model import Block, Position
from logban.sources.book import PositionBook
from logban.sources.follower import FileFollower, Start
from logban.testing import FakeClock


class Bench:
    """Makes followers of one log and reads them out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = FakeClock()
        self.book = PositionBook()
        self.followers: list[FileFollower] = []

    def write(self, data: bytes, path: Path | None = None) -> None:
        """Append to the log, or to another file."""
        with (path or self.path).open("ab") as file:
            file.write(data)

    def rotate(self, suffix: str = ".1") -> Path:
        """Rename the log and leave nothing in its place."""
        return self.path.rename(f"{self.path}{suffix}")

    def rotate_on(self, times: int) -> list[bytes]:
        """Write a line into each of so many files and into the log; give the lines."""
        lines = []
        for number in range(times, -1, -1):
            lines.append(b"of %d" % number)
            self.write(lines[-1] + b"\n")
            if number:
                self.rotate(f".{number}")
        return lines

    def follow(
        self, path: Path | None = None, *, start: Start = Start.HEAD, appeared: bool = False
    ) -> FileFollower:
        """Make a follower with the book as it is."""
        follower = FileFollower(
            str(path or self.path),
            clock=self.clock,
            book=self.book,
            start=start,
            appeared=appeared,
        )
        self.followers.append(follower)
        return follower

    def restart(
        self, positions: Iterable[Position] | None = None, *, start: Start = Start.HEAD
    ) -> FileFollower:
        """Stop all followers and start one anew with what was saved."""
        saved = self.book.positions() if positions is None else positions
        self.close()
        self.book = PositionBook(saved)
        return self.follow(start=start)

    def blocks(self, follower: FileFollower, limit: int = 256 * 1024) -> list[Block]:
        """Look, and read until there is no more."""
        follower.look()
        found = []
        while True:
            block = follower.read(limit)
            if block is not None:
                assert block.data.endswith(b"\n")
                assert block.source == follower.path
                assert block.position.offset >= block.offset + len(block.data) - 1
                found.append(block)
            if follower.drained:
                return found

    def lines(self, follower: FileFollower, limit: int = 256 * 1024) -> list[bytes]:
        """Look, and give all lines that there are, without their LFs."""
        return [
            line for block in self.blocks(follower, limit) for line in block.data[:-1].split(b"\n")
        ]

    def close(self) -> None:
        """Stop all followers."""
        for follower in self.followers:
            follower.close()
        self.followers.clear()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "full")
    yield bench
    bench.close()
