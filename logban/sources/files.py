# SPDX-License-Identifier: MIT
"""All the files that the jails follow, as one stream of blocks.

There is one follower for each file that a pattern leads to, by its real path, however many
patterns and jails that is for.
"""

from __future__ import annotations

import asyncio
import glob
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from logban.clock import Clock
from logban.model import Block, Position
from logban.sources.book import PositionBook
from logban.sources.follower import FileFollower, Start
from logban.sources.mounts import Mount, read_mounts
from logban.sources.patterns import WatchPoint, expand, watch_points
from logban.sources.reader import BLOCK
from logban.sources.report import SourceReport, SourceState
from logban.sources.watcher import Backend, Wanted, Watcher

log = logging.getLogger(__name__)

# Of a first read that will take a while, the log is told how far it has come.
_BIG = 64 * 1024 * 1024
_TELL_EVERY = 5.0

# Seconds of its own time that the loop may spend on a block, and the bytes it has at the least.
_LONG = 0.01
_SMALLEST = 8 * 1024
# What the first ones have: nobody knows yet how long they take.
_FIRST = 32 * 1024
# After so many seconds spent on blocks the loop turns so often for everybody else's sake: an answer
# to an admin takes some ten turns.
_SHIFT = 0.008
_TURNS = 20


@dataclass(frozen=True, slots=True)
class _Followed:
    """How a pattern is to be followed."""

    backend: Backend
    start: Start


class FileSources:
    """Follows files by patterns; resumes at ``positions``.

    ``is_old`` tells of a line and the patterns that lead to it whether it is too old to matter,
    None if it does not say.  All of it belongs to one event loop.  ``rescan`` is to be called about
    once a second: it is what finds files that no event has told of, and what lets go of old ones.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        positions: Iterable[Position] = (),
        mounts: Callable[[], tuple[Mount, ...]] = read_mounts,
        is_old: Callable[[frozenset[str], bytes], bool | None] = lambda _patterns, _line: False,
    ) -> None:
        self._clock = clock
        self._is_old = is_old
        self._limit = _FIRST
        self._book = PositionBook(positions)
        self._watcher = Watcher(self._wake, mounts=mounts)
        self._followed: dict[str, _Followed] = {}
        self._expanded: set[str] = set()
        self._followers: dict[str, FileFollower] = {}
        self._patterns: dict[str, frozenset[str]] = {}
        # An ordered set: the one that has waited longest is first.
        self._ready: dict[FileFollower, None] = {}
        self._woken = asyncio.Event()
        self._closed = False
        self._told: dict[str, float] = {}

    def follow(
        self, patterns: Iterable[str], *, backend: str = Backend.AUTO, start: str = Start.HEAD
    ) -> None:
        """Follow these absolute paths and globs as well; all that they lead to now is caught up.

        ``backend`` is ``auto``, ``inotify`` or ``polling``; ``start`` is ``head`` or ``tail``:
        where reading a file begins that was never read.  Where two patterns lead to one file,
        polling wins, and so does head.
        """
        for pattern in patterns:
            self._followed[pattern] = _Followed(Backend(backend), Start(start))
        self.rescan()

    def forget(self, patterns: Iterable[str]) -> None:
        """Follow these no longer; if they are followed again, reading goes on where it was."""
        for pattern in patterns:
            self._followed.pop(pattern, None)
            self._expanded.discard(pattern)
        wanted = self._expand()
        for path in self._followers.keys() - wanted.keys():
            if not self._patterns[path] & self._followed.keys():
                self._part_with(path)
        self.rescan()

    async def blocks(self) -> AsyncIterator[Block]:
        """Give block after block, in turn from every file that has more, until closed.

        What is given counts as handled when the next one is asked for.  May be begun anew after
        an error in whatever handles them.
        """
        loop = asyncio.get_running_loop()
        self._watcher.attach(loop)
        spent = 0.0
        while not self._closed:
            if not self._ready:
                self._woken.clear()
                await self._woken.wait()
                spent = 0.0
                continue
            follower = next(iter(self._ready))
            del self._ready[follower]
            if self._followers.get(follower.path) is not follower:
                continue
            block = follower.read(self._limit)
            if not follower.drained:
                self._ready[follower] = None
            turns = 1
            if block is not None:
                # Not the wall's: a host that is busy with other things would get ever smaller ones.
                given = time.thread_time()
                yield block
                took = time.thread_time() - given
                self._adapt(took)
                spent += took
                if spent >= _SHIFT:
                    turns, spent = _TURNS, 0.0
            for _ in range(turns):
                await asyncio.sleep(0)

    def _adapt(self, took: float) -> None:
        """Give smaller blocks where one takes so long that everybody else has to wait."""
        if took > _LONG:
            self._limit = max(_SMALLEST, self._limit // 2)
        elif took < _LONG / 4:
            self._limit = min(BLOCK, self._limit * 2)

    def rescan(self) -> None:
        """Look at everything: what the patterns lead to, and whether files grew or were rotated."""
        wanted = self._expand()
        for path, patterns in wanted.items():
            if path not in self._followers:
                self._followers[path] = self._new_follower(path, patterns)
            self._patterns[path] = patterns
        self._expanded.update(self._followed)
        self._watch()
        for path, follower in tuple(self._followers.items()):
            follower.is_leaving = path not in wanted
            follower.look()
            if follower.is_leaving and follower.idle:
                self._part_with(path)
            else:
                self._make_ready(follower)
                self._tell_progress(follower)

    @property
    def is_catching_up(self) -> bool:
        """Tell whether some of what was there when a file was found is still unread."""
        return any(each.state is SourceState.CATCHING_UP for each in self._followers.values())

    def patterns_of(self, source: str) -> frozenset[str]:
        """Give the patterns that lead to a block's source."""
        found = self._patterns.get(source, frozenset())
        for follower in self._followers.values():
            if follower.alias_of == source:
                found |= self._patterns[follower.path]
        return found

    def take_changed(self) -> tuple[Position, ...]:
        """Give the positions that are to be saved: new, or moved on since this was last asked.

        They are those behind the last block that was given, of older files too; a position is
        known by its path, device and inode.
        """
        return self._book.take_changed()

    def take_retired(self) -> tuple[Position, ...]:
        """Give the positions that need not be saved any more, since this was last asked."""
        return self._book.take_retired()

    def report(self) -> tuple[SourceReport, ...]:
        """Tell of every file."""
        return tuple(self._report_on(path) for path in sorted(self._followers))

    def close(self) -> None:
        """Let go of all files and end ``blocks``."""
        self._closed = True
        self._woken.set()
        self._watcher.close()
        for follower in self._followers.values():
            follower.close()

    def _expand(self) -> dict[str, frozenset[str]]:
        """Give every file that is to be followed, and the patterns that lead to it."""
        found: dict[str, set[str]] = {}
        for pattern in self._followed:
            for path in expand(pattern):
                found.setdefault(path, set()).add(pattern)
        return {path: frozenset(patterns) for path, patterns in found.items()}

    def _new_follower(self, path: str, patterns: frozenset[str]) -> FileFollower:
        from_end = all(self._followed[pattern].start is Start.TAIL for pattern in patterns)
        return FileFollower(
            path,
            clock=self._clock,
            book=self._book,
            start=Start.TAIL if from_end else Start.HEAD,
            appeared=patterns <= self._expanded,
            is_old=lambda line: self._is_old(self._patterns[path], line),
        )

    def _watch(self) -> None:
        """Watch the directories in which something may happen that matters."""
        names: dict[str, set[str]] = {}
        polled: dict[str, set[Backend]] = {}
        for pattern, followed in self._followed.items():
            for point in watch_points(pattern):
                names.setdefault(point.directory, set()).add(point.names)
                polled.setdefault(point.directory, set()).add(followed.backend)
        for path, patterns in self._patterns.items():
            point = _watch_point_of(path)
            if not Path(point.directory).is_dir():
                continue
            names.setdefault(point.directory, set()).add(point.names)
            polled.setdefault(point.directory, set()).update(
                self._followed[pattern].backend for pattern in patterns if pattern in self._followed
            )
        self._watcher.watch(
            {
                directory: Wanted(frozenset(of_interest), _strictest(polled[directory]))
                for directory, of_interest in names.items()
            }
        )

    def _wake(self, paths: frozenset[str], names_changed: bool) -> None:
        """Take in that something happened to these paths."""
        if names_changed:
            self.rescan()
            return
        for path in paths:
            follower = self._followers.get(path)
            if follower is not None:
                if follower.idle:
                    follower.look()
                self._make_ready(follower)
            if follower is None or follower.alias_of:
                self._wake_reader_of(path, follower)

    def _wake_reader_of(self, path: str, alias: FileFollower | None) -> None:
        """Have a file read that another path stands for: an older one, or one of two names."""
        for other in self._followers.values():
            if path.startswith(other.path) or (alias and alias.alias_of == other.path):
                other.look_at_older()
                self._make_ready(other)

    def _make_ready(self, follower: FileFollower) -> None:
        self._ready[follower] = None
        self._woken.set()

    def _part_with(self, path: str) -> None:
        self._followers.pop(path).close()
        self._patterns.pop(path)
        self._told.pop(path, None)

    def _tell_progress(self, follower: FileFollower) -> None:
        """Log how far the first read of a big file has come."""
        path = follower.path
        catching_up = follower.state is SourceState.CATCHING_UP
        if catching_up and (path in self._told or follower.lag >= _BIG):
            now = self._clock.now()
            if now - self._told.get(path, 0.0) >= _TELL_EVERY:
                self._told[path] = now
                size = max(1, follower.size)
                log.info(
                    "reading %r: %d of %d MB, %d %%",
                    path,
                    follower.offset // 1_000_000,
                    size // 1_000_000,
                    100 * follower.offset // size,
                )
        elif not catching_up and self._told.pop(path, None) is not None:
            log.info("reading %r: caught up, %d lines", path, follower.tally.lines)

    def _report_on(self, path: str) -> SourceReport:
        follower = self._followers[path]
        tally = follower.tally
        watching = self._watcher.watching(_watch_point_of(path).directory)
        return SourceReport(
            path=path,
            patterns=tuple(sorted(self._patterns[path])),
            state=follower.state,
            reason=follower.reason,
            size=follower.size,
            offset=follower.offset,
            lag=follower.lag,
            bytes=tally.bytes,
            lines=tally.lines,
            rotations=tally.rotations,
            truncations=tally.truncations,
            long_lines=tally.long_lines,
            nuls=tally.nuls,
            watching=watching.method,
            watching_reason=watching.reason,
            was_read=tally.bytes > 0 or bool(self._book.of_path(path)),
        )


def _watch_point_of(path: str) -> WatchPoint:
    directory, _, name = path.rpartition("/")
    return WatchPoint(directory or "/", glob.escape(name) + "*")


def _strictest(backends: set[Backend]) -> Backend:
    for backend in (Backend.POLLING, Backend.INOTIFY):
        if backend in backends:
            return backend
    return Backend.AUTO
