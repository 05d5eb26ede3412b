# SPDX-License-Identifier: MIT
"""How many failures and successes there are, without making one of each line.

The same as the length of what the engine gives (see ``joining``), from less of each line: its
thread and its address where all lines are the program's own, or these and its text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from logban.matching.engine.blocks import BlockEngine, next_line
from logban.matching.engine.stretches import Stretch
from logban.matching.engine.taken import Taken
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

    def __init__(self, taken: Taken, blocks: BlockEngine, habit: Habit) -> None:
        self.tally = Tally()
        self._taken = taken
        self._blocks = blocks
        self._habit = habit
        self._guard = taken.source.guard
        self._waiting = taken.source.hearsay.threads
        self._is_guarded = taken.reference.is_guarded

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
        return None if found is None else self._count_each(_Sightings(stretch, found))

    def _count_all(self, stretch: Stretch) -> bool:
        """Count a stretch at once, if all lines that say something are the program's own."""
        if self._is_guarded and self._taken.source.hearsay.is_waiting:
            return False
        found = self._blocks.tally(stretch.text)
        if found is None:
            return False
        threads, addresses, successes = found
        if threads and self._is_guarded:
            if not self._guard.knows_all(threads):
                self._habit.expects_strangers = True
                return False
            self._guard.pass_by(threads, self._last_of(stretch, threads[-1]))
        self.tally.failures += len(addresses) - successes
        self.tally.successes += successes
        return True

    def _last_of(self, stretch: Stretch, thread: str) -> Unread:
        """Give the last line of a stretch that says something; it is only looked for when read."""
        taken, text = self._taken, stretch.text

        def read() -> SeenLine:
            found: list[str] | None = None
            for at in (text.rfind(b"\n", 0, max(len(text) - TAIL, 0)) + 1, 0):
                found = self._blocks.sightings(text[at:])
                if found is not None and len(found) > 1:
                    break
            assert found is not None  # noqa: S101  # there was one when all were counted
            line = found[-4].encode("ascii")
            at = text.rfind(b"\n%b\n" % line) + 1
            return taken.unread(line, stretch.origin(at), thread).read()

        return Unread(taken.block.offset + stretch.end + taken.reference.longest_message, read)

    def _count_each(self, seen: _Sightings) -> int:
        """Count what is in a stretch; give up to where that was done."""
        threads, addresses = seen.threads, seen.addresses
        run = 0  # where the lines begin that are not counted yet, all of them the program's own
        # As threads come to be known the later of these turn out to be as good as the others; but
        # where threads may be forgotten, or waited for, every line has to be looked at.
        left = self._unsure(threads, addresses)
        self._habit.expects_strangers = bool(left)
        is_careful = self._is_guarded and self._guard.may_forget(len(left))
        if is_careful:
            left = list(range(len(addresses)))
        left.reverse()
        while left:
            number = left.pop()
            thread, address = threads[number], addresses[number]
            is_sure = self._blocks.is_known(address)
            if is_sure and (not self._is_guarded or self._is_own(thread)):
                continue
            self._count_run(seen, range(run, number))
            run = number + 1
            start = seen.start(number)
            if is_sure and self._is_believed(thread, start):
                self._guard.welcome(thread, self._unread(seen, number))
                self._count([address])
                continue
            end = start + len(seen.lines[number])
            self.add(self._taken.line(start, end))
            if self._taken.is_holding():
                return end + 1
            if not is_careful and self._taken.source.hearsay.is_waiting:
                is_careful = True
                left = list(range(len(addresses) - 1, number, -1))
        self._count_run(seen, range(run, len(addresses)))
        return seen.end

    def _unsure(self, threads: Sequence[str], addresses: Sequence[str]) -> list[int]:
        """Give the numbers of the records that are to be looked at one by one, as things stand."""
        odd = {address for address in set(addresses) if not self._blocks.is_known(address)}
        new: set[str] = set()
        if self._is_guarded:
            new = {thread for thread in set(threads) if not self._is_own(thread)}
        if not odd and not new:
            return []
        return [
            number
            for number, (thread, address) in enumerate(zip(threads, addresses, strict=True))
            if thread in new or address in odd
        ]

    def _is_own(self, thread: str) -> bool:
        return self._guard.knows(thread) and thread not in self._waiting

    def _is_believed(self, thread: str, start: int) -> bool:
        """Tell whether the line of a thread that is not known is believed all the same."""
        if not self._is_guarded or not thread or thread in self._waiting:
            return False
        return self._guard.is_clear_at(self._taken.block.offset + start)

    def _count_run(self, seen: _Sightings, run: range) -> None:
        """Count lines that are the program's own."""
        if not run:
            return
        if self._is_guarded:
            self._guard.pass_by(seen.threads[run.start : run.stop], self._unread(seen, run[-1]))
        self._count(seen.addresses[run.start : run.stop])

    def _unread(self, seen: _Sightings, number: int) -> Unread:
        line, thread = seen.lines[number].encode("ascii"), seen.threads[number]
        return self._taken.unread(line, seen.start(number), thread)

    def _count(self, addresses: Sequence[str]) -> None:
        successes = sum(address[0] == "+" for address in addresses)
        self.tally.failures += len(addresses) - successes
        self.tally.successes += successes


class _Sightings:
    """What the engine saw of a stretch, and where; asked for in the order of the lines."""

    def __init__(self, stretch: Stretch, found: Sequence[str]) -> None:
        self.lines, self.threads, self.addresses = found[0:-1:3], found[1::3], found[2::3]
        self.end = stretch.end
        self._stretch = stretch
        self._start = self._next = 0
        self._last = -1

    def start(self, number: int) -> int:
        """Give where the line of a record begins; no earlier one may be asked for behind it."""
        if number > self._last:
            line = self.lines[number]
            raw = line.encode("ascii")
            # The same text gives the same record, so as many lines of this text come first.
            for _ in range(self.lines[self._last + 1 : number].count(line) + 1):
                self._start = next_line(self._stretch.text, raw, self._next)
                self._next = self._start + len(raw) + 1
            self._last = number
        return self._stretch.origin(self._start)
