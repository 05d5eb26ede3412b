# SPDX-License-Identifier: MIT
"""A filter over old logs: what it finds, what it ignores, what it misses."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from enum import Enum
from io import BytesIO
from typing import IO, Final

from logban.matching.matcher import Matcher
from logban.matching.named import MAX_NAMED, NamedFailure
from logban.matching.unmatched import suspects
from logban.model import Block, Failure, Outcome
from logban.sources.offline import open_log, read_blocks

COUNTED_AT_A_TIME: Final = 2 * 1024 * 1024
"""Bytes that are counted at a time: what is done once a block is much for the little it holds."""

Progress = Callable[[int], None]
"""Told of the bytes that have just been read."""


@dataclass(frozen=True, slots=True)
class Matched:
    """A failure and the number of its line, from 1, lines ending at LF."""

    number: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class Named:
    """A failure of a host that the line names by no address."""

    number: int
    failure: NamedFailure


@dataclass(frozen=True, slots=True)
class Ignored:
    """A line that matched and that ignoreregex took back."""

    number: int
    line: str
    source: str
    offset: int


@dataclass(frozen=True, slots=True)
class Missed:
    """A line that matched nothing."""

    number: int
    line: str
    source: str


Finding = Matched | Named | Ignored | Missed


class Sought(Enum):
    """Which lines without a match are given."""

    NONE = "none"
    SUSPECT = "suspect"
    ALL = "all"


def try_filter(
    matcher: Matcher,
    log: Log,
    now: float,
    progress: Progress,
    *,
    missed: Sought = Sought.NONE,
    unfiltered: Matcher | None = None,
) -> Iterator[Finding]:
    """Give what a filter finds in a log; UsageError if it can't be read.

    It comes in the file's order, but for what the matcher held back for more than a block.
    ``unfiltered`` is the same filter without its ignoreregex: what that one finds and the filter
    does not was ignored.
    """
    trial = _Trial(matcher, unfiltered, now, missed)
    found: list[Finding] = []
    earlier: Block | None = None
    with log.opened() as stream:
        for block in read_blocks(stream, log.name):
            matched = trial.match(block)
            if earlier is not None:
                # What was held back belongs to the block before, most of the time.
                yield from trial.in_order(found, matched, earlier)
                found = [each for each in matched if _offset(each) >= block.offset]
            else:
                found = matched
            earlier = block
            progress(len(block.data))
    if earlier is not None:
        yield from trial.in_order([*found, *trial.rest(log.name)], [], earlier)


def count_matches(matcher: Matcher, log: Log, now: float, progress: Progress) -> int:
    """Give only the number of matches in a log; UsageError if it can't be read."""
    number, named = 0, matcher.named
    with log.opened() as stream:
        for block in read_blocks(stream, log.name, COUNTED_AT_A_TIME):
            number += matcher.count(block, now)
            progress(len(block.data))
    number += matcher.named - named
    return number + sum(isinstance(each, Failure) for each in matcher.flush(source=log.name))


@dataclass(frozen=True, slots=True)
class Log:
    """What a filter is tried on: a file by its name, or a text that was typed."""

    name: str
    text: bytes | None = None

    def opened(self) -> AbstractContextManager[IO[bytes]]:
        """Open it; UsageError if it can't be."""
        return open_log(self.name) if self.text is None else nullcontext(BytesIO(self.text))


class _Trial:
    """A filter, the same without its ignoreregex, and what is sought beside their matches."""

    def __init__(
        self, matcher: Matcher, unfiltered: Matcher | None, now: float, missed: Sought
    ) -> None:
        self._matcher = matcher
        self._unfiltered = unfiltered
        self._now = now
        self._missed = missed
        self._lines = _Lines()

    def match(self, block: Block) -> list[Finding]:
        """Give what is found in a block, and what could be ignored in it."""
        self._lines.add(block, forget=not self._matcher.is_holding)
        found: list[Finding] = []
        for portion in _portions(block):
            found += self._lines.numbered(self._matcher.match(portion, self._now))
            found += self._named()
        if self._unfiltered is not None:
            for portion in _portions(block):
                outcomes = self._unfiltered.match(portion, self._now)
                found += self._candidates(outcomes)
        return found

    def rest(self, name: str) -> list[Finding]:
        """Give what was held back until the end."""
        found: list[Finding] = [*self._lines.numbered(self._matcher.flush(source=name))]
        found += self._named()
        if self._unfiltered is not None:
            found += self._candidates(self._unfiltered.flush(source=name))
        return found

    def in_order(
        self, found: Sequence[Finding], later: Sequence[Finding], block: Block
    ) -> list[Finding]:
        """Give what was found up to the end of a block, and what was missed in it."""
        end = block.offset + len(block.data)
        known = [*found, *(each for each in later if _offset(each) < end)]
        hits = {_offset(each) for each in known if not isinstance(each, Ignored)}
        kept = [each for each in known if not isinstance(each, Ignored) or each.offset not in hits]
        hits |= {_offset(each) for each in kept}
        for start, stop in self._sought(block):
            if block.offset + start not in hits:
                line = block.data[start:stop].decode("utf-8", "replace")
                number = self._lines.number(block.offset + start)
                kept.append(Missed(number, line, block.source))
        return sorted(kept, key=lambda each: each.number)

    def _sought(self, block: Block) -> Iterable[tuple[int, int]]:
        if self._missed is Sought.SUSPECT:
            return suspects(block.data)
        return _all_lines(block.data) if self._missed is Sought.ALL else ()

    def _named(self) -> Iterator[Finding]:
        for failure in self._matcher.take_named():
            yield Named(self._lines.number(failure.offset), failure)

    def _candidates(self, outcomes: Iterable[Outcome]) -> Iterator[Finding]:
        assert self._unfiltered is not None  # noqa: S101  # the callers have asked
        failures: list[Failure | NamedFailure] = [
            *(each for each in outcomes if isinstance(each, Failure)),
            *self._unfiltered.take_named(),
        ]
        for outcome in failures:
            number = self._lines.number(outcome.offset)
            yield Ignored(number, outcome.line, outcome.source, outcome.offset)


def _offset(found: Finding) -> int:
    if isinstance(found, Matched | Named):
        return found.failure.offset
    return found.offset if isinstance(found, Ignored) else -1


def _portions(block: Block) -> Iterator[Block]:
    """Cut a block so small that the matcher can keep all the names that it holds."""
    start = lines = 0
    for _, end in _all_lines(block.data):
        lines += 1
        if lines == MAX_NAMED:
            yield replace(block, data=block.data[start : end + 1], offset=block.offset + start)
            start, lines = end + 1, 0
    if lines:
        yield replace(block, data=block.data[start:], offset=block.offset + start)


def _all_lines(data: bytes) -> Iterator[tuple[int, int]]:
    start = 0
    while (end := data.find(b"\n", start)) >= 0:
        yield start, end
        start = end + 1


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
