# SPDX-License-Identifier: MIT
"""A filter or a jail over old logs, with no effect on anything."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from logban.config.settings import JailSettings, ServerSettings
from logban.jail import Jail
from logban.judging.exemption_book import ExemptionBook
from logban.judging.times import LogTimes
from logban.ledger.ledger import Ledger
from logban.matching.matcher import Matcher
from logban.matching.suspects import suspects
from logban.model import Block, Change, ChangeKind, Failure
from logban.sources.offline import open_log, read_blocks

Progress = Callable[[int], None]
"""Told of the bytes that have just been read."""


@dataclass(frozen=True, slots=True)
class Matched:
    """A failure and the number of its line, from 1, lines ending at LF."""

    number: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class Missed:
    """A line that looks like an attack and matched nothing."""

    number: int
    line: str
    source: str


def try_filter(
    matcher: Matcher, path: str, now: float, progress: Progress, *, missed: bool
) -> Iterator[Matched | Missed]:
    """Give what a filter finds in a file, in the file's order; UsageError if it can't be read.

    ``missed`` asks for the suspicious lines without a match as well.
    """
    lines_before = 0
    with open_log(path) as stream:
        for block in read_blocks(stream, path):
            failures = matcher.match(block, now)
            found: Iterable[tuple[int, Matched | Missed]] = _numbered(block, failures, lines_before)
            if missed:
                hit = {failure.offset - block.offset for failure in failures}
                found = heapq.merge(found, _missed(block, hit, lines_before), key=lambda at: at[0])
            for _, each in found:
                yield each
            lines_before += block.data.count(b"\n")
            progress(len(block.data))


def _numbered(
    block: Block, failures: Sequence[Failure], lines_before: int
) -> Iterator[tuple[int, Matched]]:
    counted_to, number = 0, lines_before + 1
    for failure in failures:
        start = failure.offset - block.offset
        number += block.data.count(b"\n", counted_to, start)
        counted_to = start
        yield start, Matched(number, failure)


def _missed(block: Block, hit: set[int], lines_before: int) -> Iterator[tuple[int, Missed]]:
    counted_to, number = 0, lines_before + 1
    for start, end in suspects(block.data):
        if start in hit:
            continue
        number += block.data.count(b"\n", counted_to, start)
        counted_to = start
        line = block.data[start:end].decode("utf-8", "replace")
        yield start, Missed(number, line, block.source)


class Replay:
    """A jail's whole judgement over old logs, in the logs' own time."""

    def __init__(self, settings: JailSettings, server: ServerSettings, now: float) -> None:
        """``now`` lends the year to dates without one; names in ignoreip are not looked up."""
        book = ExemptionBook()
        book.set_jail(settings.name, settings.ignore, "ignoreip", own=settings.ignore_self)
        self.ledger = Ledger(book.exempt)
        self.jail = Jail(
            settings,
            exempt=lambda subject: book.exempt(settings.name, subject),
            floors=self.ledger.floors,
            match_timeout=server.match_timeout,
            max_tracked=server.max_tracked,
        )
        self._now = now
        self._clock = float("-inf")

    def run(self, paths: Sequence[str], progress: Progress) -> Iterator[Change]:
        """Give what would have happened, in order; several files are read as one, by time."""
        streams = [self._failures(path, progress) for path in paths]
        times = LogTimes()
        for time, failure in heapq.merge(*streams, key=lambda dated: dated[0]):
            # A log's clock may be set back; the judgement's own never goes back with it.
            self._clock = max(self._clock, time)
            yield from self._ended(self._clock)
            times.last = time
            for verdict in self.jail.judge.judge([failure], times, live=False, now=self._clock):
                change = self.ledger.decide(verdict, verdict.time)
                if change is not None:
                    yield change

    def _ended(self, now: float) -> Iterator[Change]:
        for change in self.ledger.expire(now):
            until = change.ban.until
            yield Change(ChangeKind.LIFT, change.ban, now if until is None else until)

    def _failures(self, path: str, progress: Progress) -> Iterator[tuple[float, Failure]]:
        if self.jail.matcher is None:
            return
        times = LogTimes()
        with open_log(path) as stream:
            for block in read_blocks(stream, path):
                for failure in self.jail.matcher.match(block, self._now):
                    time = times.effective(failure.time, live=False, now=self._now)
                    if time is not None:
                        yield time, failure
                progress(len(block.data))
