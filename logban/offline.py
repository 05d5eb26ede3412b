# SPDX-License-Identifier: MIT
"""A filter or a jail over old logs, with no effect on anything."""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from logban.clock import SystemClock
from logban.config import parsers
from logban.config.settings import JailSettings, ServerSettings
from logban.deciding import RELEASE_EVERY, Deciding
from logban.jail import Jail, limits_of, recidive_of
from logban.judging.brakes import Brakes
from logban.judging.enquiries import Enquiries
from logban.judging.exemption_book import ExemptionBook
from logban.judging.exemption_files import list_of
from logban.judging.times import LogTimes
from logban.judging.trust import Trust
from logban.ledger.ledger import Ledger
from logban.matching.matcher import Matcher
from logban.matching.suspects import suspects
from logban.model import Block, Change, ChangeKind, Failure, Notice, Outcome
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
    """Give what a filter finds in a file; UsageError if it can't be read.

    It comes in the file's order, but for what the matcher held back for more than a block.
    ``missed`` asks for the suspicious lines without a match as well.
    """
    lines = _Lines()
    found: list[Matched | Missed] = []
    earlier: Block | None = None
    with open_log(path) as stream:
        for block in read_blocks(stream, path):
            lines.add(block, forget=not matcher.is_holding)
            matched = list(lines.numbered(matcher.match(block, now)))
            if earlier is not None:
                # What was held back belongs to the block before, most of the time.
                yield from _in_order(found, matched, earlier, lines, missed=missed)
                found = [each for each in matched if each.failure.offset >= block.offset]
            else:
                found = list(matched)
            earlier = block
            progress(len(block.data))
    if earlier is not None:
        last = list(lines.numbered(matcher.flush(source=path)))
        yield from _in_order([*found, *last], [], earlier, lines, missed=missed)


def _in_order(
    found: list[Matched | Missed],
    later: list[Matched],
    block: Block,
    lines: _Lines,
    *,
    missed: bool,
) -> list[Matched | Missed]:
    """Give what was found up to the end of a block, and what was missed in it."""
    end = block.offset + len(block.data)
    all_found = [*found, *(each for each in later if each.failure.offset < end)]
    if missed:
        hit = {each.failure.offset for each in all_found if isinstance(each, Matched)}
        for start, stop in suspects(block.data):
            if block.offset + start not in hit:
                line = block.data[start:stop].decode("utf-8", "replace")
                number = lines.number(block.offset + start)
                all_found.append(Missed(number, line, block.source))
    return sorted(all_found, key=lambda each: each.number)


class _Lines:
    """Knows the numbers of lines by their offsets, as far back as is needed."""

    def __init__(self) -> None:
        self._blocks: list[tuple[int, int, array[int]]] = []
        self._read = 0

    def add(self, block: Block, *, forget: bool) -> None:
        """Take up a block; what lies before the last one may be forgotten."""
        if forget:
            del self._blocks[:-1]
        data, ends, at = block.data, array("L"), -1
        while (at := data.find(b"\n", at + 1)) >= 0:
            ends.append(at)
        self._blocks.append((block.offset, self._read, ends))
        self._read += len(ends)

    def number(self, offset: int) -> int:
        """Give a line's number, from 1."""
        at = bisect_right(self._blocks, offset, key=lambda each: each[0]) - 1
        start, before, ends = self._blocks[at]
        return before + bisect_left(ends, offset - start) + 1

    def numbered(self, outcomes: Iterable[Outcome]) -> Iterator[Matched]:
        """Give the failures among outcomes with the numbers of their lines."""
        for outcome in outcomes:
            if isinstance(outcome, Failure):
                yield Matched(self.number(outcome.offset), outcome)


class Replay:
    """A jail's whole judgement over old logs, in the logs' own time."""

    def __init__(
        self,
        settings: JailSettings,
        server: ServerSettings,
        now: float,
        recidive: Iterable[JailSettings] = (),
    ) -> None:
        """``now`` lends the year to dates without one; names in ignoreip are not looked up.

        ``recidive`` are the jails that count this one's bans.
        """
        book = ExemptionBook()
        self.ledger = Ledger(book.exempt)
        for each in (settings, *recidive):
            book.set_jail(each.name, each.ignore, "ignoreip", own=each.ignore_self)
            self.ledger.escalation.set_jail(each.name, each.growth, recidive_of(each))
        for key in book.lists():
            listing = list_of(key, parsers.exempt).read()
            if listing is not None:
                book.set_listing(key, listing)
        self._notices: list[Notice] = []
        clock, trust = SystemClock(), Trust()
        brakes = Brakes(lambda subject: trust.registered(subject.network, self._clock))
        for each in (settings, *recidive):
            brakes.set_jail(each.name, limits_of(each))
        self._deciding = Deciding(
            self.ledger,
            Enquiries(clock),  # there are none: nobody is asked about a log of yesterday
            brakes,
            clock,
            submit=lambda _: None,
            tell=self._notices.append,
        )
        self.jail = Jail(
            settings,
            trust=trust,
            in_force=lambda subject: self.ledger.get(settings.name, subject) is not None,
            exempt=lambda subject: book.exempt(settings.name, subject),
            floors=self.ledger.floors,
            match_timeout=server.match_timeout,
            max_tracked=server.max_tracked,
        )
        self._now = now
        self._clock = float("-inf")
        self._released = float("-inf")

    def run(self, paths: Sequence[str], progress: Progress) -> Iterator[Change]:
        """Give what would have happened, in order; several files are read as one, by time."""
        streams = [self._outcomes(path, progress) for path in paths]
        times = LogTimes()
        for time, outcome in heapq.merge(*streams, key=lambda dated: dated[0]):
            # A log's clock may be set back; the judgement's own never goes back with it.
            self._clock = max(self._clock, time)
            yield from self._ended(self._clock)
            if self._clock >= self._released + RELEASE_EVERY:
                self._released = self._clock
                yield from self._deciding.release(self._clock)
            times.last = time
            for verdict in self.jail.judge.judge([outcome], times, live=False, now=self._clock):
                yield from self._deciding.take([verdict], verdict.time)
            yield from map(Change.of_notice, (*self._notices, *self.jail.judge.take_notices()))
            self._notices.clear()
            for subject, at in self.jail.judge.take_released():
                yield from self.ledger.end(self.jail.name, subject, at, "success")

    def _ended(self, now: float) -> Iterator[Change]:
        for change in self.ledger.expire(now):
            until = change.ban.until
            yield Change(ChangeKind.LIFT, change.ban, now if until is None else until)

    def _outcomes(self, path: str, progress: Progress) -> Iterator[tuple[float, Outcome]]:
        if self.jail.matcher is None:
            return
        times = LogTimes()
        with open_log(path) as stream:
            for block in read_blocks(stream, path):
                yield from self._dated(self.jail.matcher.match(block, self._now), times)
                progress(len(block.data))
        yield from self._dated(self.jail.matcher.flush(source=path), times)

    def _dated(
        self, outcomes: Iterable[Outcome], times: LogTimes
    ) -> Iterator[tuple[float, Outcome]]:
        for outcome in outcomes:
            time = times.effective(outcome.time, live=False, now=self._now)
            if time is not None:
                yield time, outcome
