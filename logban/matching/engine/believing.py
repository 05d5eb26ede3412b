# SPDX-License-Identifier: MIT
"""Which of the engine's lines are believed without asking the guard (see ``quotes``).

A line's outcome is believed if

- nothing is held back,
- its thread is known, so that it is the program's own line, or the guard is clear where it begins,
- nothing that was told is waiting for a line of this thread (see ``hearsay``).

Such a line also ends every message before it, so that of many only the last one matters to the
guard: whether it begins a message itself.  Most hold no text of a beginning.  Of one that does, the
guard has it read if another line comes that could be in such a message, which is rare.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import partial

from logban.matching.engine.beginnings import Beginnings
from logban.matching.engine.blocks import Record
from logban.matching.engine.stretches import Stretch
from logban.matching.engine.taken import Taken
from logban.matching.quotes import Unread
from logban.model import Outcome


class Believing:
    """What is believed of one block's records, in their order."""

    def __init__(self, taken: Taken, beginnings: Beginnings) -> None:
        self.outcomes: list[Outcome] = []
        self._is_careful = False
        # Which records may begin a message, once somebody has looked for that.
        self._begun: list[int] | None = None
        self._taken = taken
        self._beginnings = beginnings
        self._guard = taken.source.guard
        self._hearsay = taken.source.hearsay

    def hear(self, records: Sequence[Record], stretch: Stretch) -> int:
        """Take what is believed in a stretch; give up to where records have been looked at.

        That is before its end where something is held back from there on.
        """
        strangers = self._strangers(records)
        begin = 0
        self._begun = self._begun_by(records, stretch) if strangers else None
        clear = self._clear_from(begin)
        for number, record in enumerate(records):
            thread = record.thread
            if record.outcome is not None and (
                thread not in strangers
                or (
                    thread not in self._hearsay.threads
                    and ((thread and number <= clear) or self._guard.knows(thread))
                )
            ):
                continue
            self._pass(records[begin:number])
            begin = number + 1
            if self._taken.is_holding():
                return record.start
            self._ask(record)
            if self._taken.is_holding():
                return record.end + 1
            if self._hearsay.is_waiting and not self._is_careful:
                self._is_careful = True
                strangers = {each.thread for each in records}
            clear = self._clear_from(begin)
        self._pass(records[begin:])
        return stretch.end

    def _strangers(self, records: Sequence[Record]) -> set[str]:
        """Give the threads that may turn out not to be the program's, as things stand.

        Where threads may be forgotten, or are waited for, that is any.
        """
        threads = {record.thread for record in records}
        unknown = self._guard.unknown_of(threads)
        self._is_careful = self._hearsay.is_waiting or self._guard.may_forget(len(unknown))
        return threads if self._is_careful else unknown

    def _begun_by(self, records: Sequence[Record], stretch: Stretch) -> list[int]:
        """Give the numbers of the records that may begin a message, and behind them that of all."""
        lines = {stretch.origin(start) for start, _ in self._beginnings.lines(stretch.text)}
        begun = [number for number, each in enumerate(records) if each.start in lines]
        return [*begun, len(records)]

    def _clear_from(self, number: int) -> int:
        """Give up to which record lines are believed whatever threads they name, -1 if none are.

        The guard is clear, and goes on being so up to the first line that may begin a message.
        """
        if self._begun is None or self._is_careful or self._guard.is_open:
            return -1
        return self._begun[bisect_left(self._begun, number)]

    def _ask(self, record: Record) -> None:
        """Take what is believed of a line that is not surely the program's own."""
        thread, outcome = record.thread, record.outcome
        if (
            outcome is not None
            and thread
            and thread not in self._hearsay.threads
            and self._guard.is_clear_at(self._taken.block.offset + record.start)
        ):
            self._guard.welcome(thread, self._unread(record))
            self.outcomes.append(outcome)
        else:
            self.outcomes += self._taken.line(record.start, record.end)

    def _pass(self, run: Sequence[Record]) -> None:
        """Take what a run of the program's own lines says."""
        if run:
            self._guard.pass_by([record.thread for record in run], self._unread(run[-1]))
            self.outcomes += [record.outcome for record in run if record.outcome is not None]

    def _unread(self, record: Record) -> Unread | None:
        """Give what is to be read of a line if another one asks; None if it begins nothing."""
        data = self._taken.block.data
        line = data[record.start : record.end]
        if not self._beginnings.may_be(line, data):
            return None
        read = partial(self._taken.seen, line, record.start, record.thread)
        return Unread(self._taken.offset_behind(record.start), read)
