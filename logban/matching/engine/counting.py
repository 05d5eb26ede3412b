# SPDX-License-Identifier: MIT
"""How many failures and successes there are, without making one of each line.

The same as the length of what the engine gives (see ``joining``), from less of each line: its
thread and its address, or these and its text where some line has to be looked at by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from logban.matching.engine.blocks import BlockEngine, next_line
from logban.matching.engine.stretches import Stretch
from logban.matching.engine.taken import Taken
from logban.model import Outcome, Success

FEW: Final = 16 * 1024
"""Bytes of lines that are looked at one by one rather than all at once."""

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


class Counting:
    """Counts what is in one block."""

    def __init__(self, taken: Taken, blocks: BlockEngine) -> None:
        self.tally = Tally()
        self._taken = taken
        self._blocks = blocks
        self._guard = taken.source.guard
        self._waiting = taken.source.hearsay.threads
        self._is_guarded = taken.reference.is_guarded

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Count what the reference gave."""
        self.tally.add(outcomes)

    def count_all(self, stretch: Stretch) -> Stretch | None:
        """Count what of a stretch can be counted at once; give the rest, None if there is none.

        All lines have to be the program's own.  The last ones are left, of which the very last may
        begin a message.
        """
        if len(stretch.text) < FEW:
            return stretch
        first: Stretch = stretch
        rest: Stretch | None = None
        if self._is_guarded:
            at = self._last_lines(stretch.text)
            if not at or self._taken.source.hearsay.is_waiting:
                return stretch
            first, rest = stretch.cut(at)
        found = self._blocks.tally(first.text)
        if found is None:
            return stretch
        threads, addresses, successes = found
        if self._is_guarded:
            if not self._guard.knows_all(threads):
                return stretch
            self._guard.pass_by(threads)
        self.tally.failures += len(addresses) - successes
        self.tally.successes += successes
        return rest

    def _last_lines(self, text: bytes) -> int:
        """Give where the last lines begin that say something; 0 if that takes too long to find."""
        for size in (TAIL, 8 * TAIL):
            at = text.rfind(b"\n", 0, max(len(text) - size, 0)) + 1
            found = self._blocks.sightings(text[at:])
            if found is not None and len(found) > 1:
                return at
        return 0

    def count_each(self, stretch: Stretch) -> int | None:
        """Count a stretch line by line; give up to where that was done, None if PCRE2 gives up.

        That is before its end where something is held back from there on.
        """
        found = self._blocks.sightings(stretch.text)
        if found is None:
            return None
        threads, addresses = found[1::3], found[2::3]
        places = _Places(stretch, found[0:-1:3])
        run = 0  # where the lines begin that are not counted yet, all of them the program's own
        # As threads come to be known the later of these turn out to be as good as the others; but
        # where threads may be forgotten, or waited for, every line has to be looked at.
        left = self._unsure(threads, addresses)
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
            self._count_run(places, threads, addresses, range(run, number))
            run = number + 1
            if self._taken.is_holding():
                return places.start(number)
            if is_sure and thread and self._begins_nothing(thread, places.lines[number]):
                self._guard.welcome(thread)
                self._count([address])
                continue
            start = places.start(number)
            end = start + len(places.lines[number])
            self.add(self._taken.line(start, end))
            if self._taken.is_holding():
                return end + 1
            if not is_careful and self._taken.source.hearsay.is_waiting:
                is_careful = True
                left = list(range(len(addresses) - 1, number, -1))
        self._count_run(places, threads, addresses, range(run, len(addresses)))
        return stretch.end

    def _unsure(self, threads: Sequence[str], addresses: Sequence[str]) -> list[int]:
        """Give the numbers of the records that are to be looked at one by one, as things stand."""
        odd = {address for address in set(addresses) if not self._blocks.is_known(address)}
        if not self._is_guarded:
            return [number for number, address in enumerate(addresses) if address in odd]
        new = {thread for thread in set(threads) if not self._is_own(thread)}
        return [
            number
            for number, (thread, address) in enumerate(zip(threads, addresses, strict=True))
            if thread in new or address in odd
        ]

    def _is_own(self, thread: str) -> bool:
        return self._guard.knows(thread) and thread not in self._waiting

    def _begins_nothing(self, thread: str, line: str) -> bool:
        """Tell whether the first line of a thread is to be believed, and begins no message."""
        if self._guard.is_open or thread in self._waiting:
            return False
        return not self._taken.reference.may_open(line.encode("ascii"))

    def _count_run(
        self, places: _Places, threads: list[str], addresses: list[str], run: range
    ) -> None:
        """Count lines that are the program's own; the last one may begin a message."""
        if not run:
            return
        end, last = run.stop, run[-1]
        opens = self._is_guarded and self._taken.reference.may_open(
            places.lines[last].encode("ascii")
        )
        if opens:
            end = last
        if self._is_guarded and end > run.start:
            self._guard.pass_by(threads[run.start : end])
        self._count(addresses[run.start : end])
        if opens:
            start = places.start(last)
            self.add(self._taken.line(start, start + len(places.lines[last])))

    def _count(self, addresses: Sequence[str]) -> None:
        successes = sum(address[0] == "+" for address in addresses)
        self.tally.failures += len(addresses) - successes
        self.tally.successes += successes


class _Places:
    """Knows where the lines of records begin in the block; asked for in their order."""

    def __init__(self, stretch: Stretch, lines: Sequence[str]) -> None:
        self.lines = lines
        self._stretch = stretch
        self._at = 0
        self._next = 0

    def start(self, number: int) -> int:
        """Give where the line of a record begins."""
        line = self.lines[number]
        raw = line.encode("ascii")
        # The same text gives the same record, so as many lines of this text come first.
        same = self.lines[self._next : number].count(line)
        at = next_line(self._stretch.text, raw, self._at)
        for _ in range(same):
            at = next_line(self._stretch.text, raw, at + len(raw) + 1)
        self._at, self._next = at + len(raw) + 1, number + 1
        return self._stretch.origin(at)
