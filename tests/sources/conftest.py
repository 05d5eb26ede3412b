# SPDX-License-Identifier: MIT
"""What the tests of sources share: a log and its followers, a stream of files, a watcher.

Every block of a follower is checked for what holds of all blocks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from logban.model import Block, Position
from logban.sources.book import PositionBook
from logban.sources.files import FileSources
from logban.sources.follower import FileFollower, Start
from logban.sources.report import SourceReport
from logban.sources.watcher import Watcher
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


class Stream:
    """Sources, and what they give, taken as a daemon takes it."""

    def __init__(self, positions: Iterable[Position] = ()) -> None:
        self.clock = FakeClock()
        self.sources = FileSources(clock=self.clock, positions=positions)
        self._blocks: AsyncIterator[Block] | None = None

    async def block(self) -> Block:
        if self._blocks is None:
            self._blocks = self.sources.blocks()
        return await anext(self._blocks)

    async def data(self, length: int) -> dict[str, bytes]:
        """Take blocks until there are that many bytes; give them by the names of the files."""
        found: dict[str, bytes] = {}
        while sum(map(len, found.values())) < length:
            block = await self.block()
            name = Path(block.source).name
            found[name] = found.get(name, b"") + block.data
        return found

    async def settle(self) -> None:
        """Let everything that is ready be read, where nothing is expected."""
        waiting = asyncio.ensure_future(self.block())
        await asyncio.sleep(0)
        # However many turns the stream leaves to others, and whatever events come meanwhile.
        while self.sources._ready or self.sources._woken.is_set():  # noqa: ASYNC110  # being idle is no event
            await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        self._blocks = None

    def report(self, path: Path) -> SourceReport:
        return {report.path: report for report in self.sources.report()}[str(path)]


@asynccontextmanager
async def _stream(positions: Iterable[Position] = ()) -> AsyncIterator[Stream]:
    stream = Stream(positions)
    try:
        yield stream
    finally:
        stream.sources.close()


@pytest.fixture
def stream() -> Callable[..., AbstractAsyncContextManager[Stream]]:
    """Give what makes a stream, of the positions of before."""
    return _stream


class Woken:
    """Collects what a watcher tells."""

    def __init__(self, **options: object) -> None:
        self.paths: set[str] = set()
        self.names_changed = False
        self.calls = 0
        self.event = asyncio.Event()
        self.watcher = Watcher(self.wake, **options)  # type: ignore[arg-type]  # a test's options

    def wake(self, paths: frozenset[str], names_changed: bool) -> None:
        assert paths or names_changed
        self.paths |= paths
        self.names_changed |= names_changed
        self.calls += 1
        self.event.set()

    async def wait_for(self, path: Path) -> None:
        while str(path) not in self.paths:
            await self.event.wait()
            self.event.clear()

    def forget(self) -> None:
        self.paths.clear()
        self.names_changed = False
        self.calls = 0


@asynccontextmanager
async def _woken(**options: object) -> AsyncIterator[Woken]:
    told = Woken(**options)
    told.watcher.attach(asyncio.get_running_loop())
    try:
        yield told
    finally:
        told.watcher.close()


@pytest.fixture
def woken() -> Callable[..., AbstractAsyncContextManager[Woken]]:
    """Give what makes a watcher, of its options."""
    return _woken


@pytest.fixture
def unattached() -> Woken:
    """Give a watcher that is in no loop yet."""
    return Woken()
