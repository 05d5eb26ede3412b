# SPDX-License-Identifier: MIT
"""How many failures and successes there are, without making one of each line.

The same as the length of what the engine gives (see ``joining``), from less of each line: its
thread and its address where all lines are the program's own, or these and its text.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from logban.matching.engine.beginnings import Beginnings
from logban.matching.engine.blocks import BlockEngine, Sightings
from logban.matching.engine.stretches import Stretch
from logban.matching.engine.taken import Taken
from logban.matching.engine.tallying import Tallier
from logban.matching.quotes import SeenLine, Unread
from logban.model import Outcome, Success

TAIL: Final = 1024
"""Bytes behind which the last line of interest probably begins."""


@dataclass(slots=True)
class Tally:
    """What has been counted."""

    failures: int = 0
    successes: int = 0

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Count outcomes."""
        for outcome in outcomes:
            if isinstance(outcome, Success):
                self.successes += 1
            else:
                self.failures += 1


@dataclass(slots=True)
class Habit:
    """What is learned from stretch to stretch: whether all lines of one can be counted at once."""

    expects_strangers: bool = True


class Counting:
    """Counts what is in one block."""

    def __init__(
        self,
        taken: Taken,
        blocks: BlockEngine,
        tallier: Callable[[], Tallier],
        beginnings: Beginnings,
        habit: Habit,
    ) -> None:
        self.tally = Tally()
        self._tallier = tallier
        self._taken = taken
        self._blocks = blocks
        self._beginnings = beginnings
        self._habit = habit
        self._guard = taken.source.guard
        self._waiting = taken.source.hearsay.threads
        self._is_guarded = taken.reference.is_guarded
        self._reach = taken.reference.longest_message

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Count what the reference gave."""
        self.tally.add(outcomes)

    def count(self, stretch: Stretch) -> int | None:
        """Count a stretch; give up to where that was done, None if PCRE2 gives up.

        That is before its end where something is held back from there on.
        """
        if not self._habit.expects_strangers and self._count_all(stretch):
            return stretch.end
        found = self._blocks.sightings(stretch.text)
        return None if found is None else self._count_each(_Seen(stretch, found))

    def _count_all(self, stretch: Stretch) -> bool:
        """Count a stretch at once, if all lines that say something are the program's own."""
        if self._is_guarded and self._taken.source.hearsay.is_waiting:
            return False
        found = self._tallier().tally(stretch.text)
        if found is None or self._blocks.odd_among(found.addresses):
            return False
        threads = found.threads
        if threads and self._is_guarded:
            last = self._last_of(stretch, threads[-1])
            if not self._guard.passes_by(threads, last):
                self._habit.expects_strangers = True
                return False
        self.tally.failures += found.number - found.successes
        self.tally.successes += found.successes
        return True

    def _last_of(self, stretch: Stretch, thread: str) -> Unread:
        """Give the last line of a stretch that says something; it is only looked for when read."""
        taken, text = self._taken, stretch.text

        def read() -> SeenLine:
            found: Sightings | None = None
            for at in (text.rfind(b"\n", 0, max(len(text) - TAIL, 0)) + 1, 0):
                found = self._blocks.sightings(text[at:])
                if found is not None and found.points:
                    break
            assert found is not None  # noqa: S101  # there was one when all were counted
            start, line = _line_at(text, at + found.points[-1])
            return taken.seen(line, stretch.origin(start), thread)

        return Unread(taken.offset_behind(stretch.end), read)

    def _count_each(self, seen: _Seen) -> int:
        """Count what is in a stretch; give up to where that was done."""
        threads, addresses, guard = seen.threads, seen.addresses, self._guard
        odd = self._blocks.odd_among(addresses)
        left, new = self._unsure(seen, odd)
        self._habit.expects_strangers = bool(left)
        # As threads come to be known the later of these turn out to be as good as the others; but
        # where threads may be forgotten, or waited for, every line has to be looked at.
        is_careful = self._is_guarded and guard.may_forget(new)
        if is_careful:
            left = list(range(len(addresses)))
        elif left and self._is_guarded:
            seen.look_for(self._beginnings)
        left.reverse()
        run = 0  # where the lines begin that are not counted yet, all of them the program's own
        clear = self._clear_from(seen, run, is_careful=is_careful)
        while left:
            number = left.pop()
            thread, is_sure = threads[number], addresses[number] not in odd
            if is_sure and (not self._is_guarded or self._is_own(thread)):
                continue
            if is_sure and clear >= 0 and thread and thread not in self._waiting:
                if number > clear and seen.is_over(number, self._reach):
                    clear = seen.next_begun(number)
                if number <= clear:
                    continue
            self._count_run(seen, run, number)
            run = number + 1
            if is_sure and self._is_own(thread):
                run = number  # the thread of an earlier line
            elif is_sure and self._is_believed(thread, seen, number):
                guard.welcome(thread, self._unread(seen, number))
                self._count(addresses[number : number + 1])
            else:
                start, line = seen.line(number)
                self.add(self._taken.line(start, start + len(line)))
                if self._taken.is_holding():
                    return start + len(line) + 1
                if not is_careful and self._taken.source.hearsay.is_waiting:
                    is_careful = True
                    left = list(range(len(addresses) - 1, number, -1))
            clear = self._clear_from(seen, run, is_careful=is_careful)
        self._count_run(seen, run, len(addresses))
        return seen.end

    def _unsure(self, seen: _Seen, odd: set[str]) -> tuple[list[int], int]:
        """Give the numbers of the records that are to be looked at one by one, as things stand.

        And how many threads they name that may come to be known.
        """
        new: set[str] = set()
        if self._is_guarded:
            new = self._guard.unknown_of(seen.threads)
            if self._taken.source.hearsay.is_waiting:
                new.update(thread for thread in seen.threads if thread in self._waiting)
        if not odd:
            left = [n for n, thread in enumerate(seen.threads) if thread in new] if new else []
            return left, len(new)
        both = enumerate(zip(seen.threads, seen.addresses, strict=True))
        return [n for n, (thread, at) in both if thread in new or at in odd], len(new)

    def _clear_from(self, seen: _Seen, number: int, *, is_careful: bool) -> int:
        """Give the last record up to which all are believed, whatever threads they name.

        The guard is clear, and goes on being so up to the first one that may begin a message.
        """
        if is_careful or not self._is_guarded or self._guard.is_open:
            return -1
        return seen.next_begun(number)

    def _is_own(self, thread: str) -> bool:
        return self._guard.knows(thread) and thread not in self._waiting

    def _is_believed(self, thread: str, seen: _Seen, number: int) -> bool:
        """Tell whether the line of a thread that is not known is believed all the same."""
        if not self._is_guarded or not thread or thread in self._waiting:
            return False
        return self._guard.is_clear_at(self._taken.block.offset + seen.line(number)[0])

    def _count_run(self, seen: _Seen, begin: int, end: int) -> None:
        """Count lines that are the program's own."""
        if begin == end:
            return
        if self._is_guarded:
            self._guard.pass_by(seen.threads[begin:end], self._unread(seen, end - 1))
        self._count(seen.addresses[begin:end])

    def _unread(self, seen: _Seen, number: int) -> Unread | None:
        """Give what is to be read of a line if another one asks; None if it begins nothing."""
        if not seen.may_begin(number):
            return None
        start, _ = seen.line(number)
        return Unread(self._taken.offset_behind(start), partial(self._read, seen, number))

    def _read(self, seen: _Seen, number: int) -> SeenLine:
        start, line = seen.line(number)
        return self._taken.seen(line, start, seen.threads[number])

    def _count(self, addresses: Sequence[str]) -> None:
        successes = sum(address[0] == "+" for address in addresses)
        self.tally.failures += len(addresses) - successes
        self.tally.successes += successes


class _Seen:
    """What the engine saw of a stretch, and where."""

    def __init__(self, stretch: Stretch, found: Sightings) -> None:
        self.end = stretch.end
        self._points, self.threads, self.addresses = found
        self._stretch = stretch
        self._begun: Sequence[int] = range(len(self._points))

    def look_for(self, beginnings: Beginnings) -> None:
        """Find out which of the lines may begin a message of several; until then, all may."""
        found = []
        for start, end in beginnings.lines(self._stretch.text):
            number = bisect_left(self._points, start)
            if number < len(self._points) and self._points[number] < end:
                found.append(number)
        self._begun = found

    def next_begun(self, number: int) -> int:
        """Give the first record from one on that may begin a message; the number of all if none."""
        at = bisect_left(self._begun, number)
        return self._begun[at] if at < len(self._begun) else len(self._points)

    def is_over(self, number: int, reach: int) -> bool:
        """Tell whether no message that has begun before a record can go on there.

        It is over if a line of the program's own stands between them, or more than ``reach``.
        """
        last = self._begun[bisect_left(self._begun, number) - 1]
        return last < number - 1 or self.line(number)[0] - self.line(last)[0] >= reach

    def may_begin(self, number: int) -> bool:
        """Tell whether a record's line may begin a message of several lines."""
        return self.next_begun(number) == number

    def line(self, number: int) -> tuple[int, bytes]:
        """Give where the line of a record begins in the block, and the line."""
        at, line = _line_at(self._stretch.text, self._points[number])
        return self._stretch.origin(at), line


def _line_at(text: bytes, point: int) -> tuple[int, bytes]:
    begin = text.rfind(b"\n", 0, point) + 1
    return begin, text[begin : text.find(b"\n", point)]
