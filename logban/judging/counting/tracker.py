# SPDX-License-Identifier: MIT
"""What somebody's failures weigh lately: the exact sliding window, for any number of subjects.

Memory is bounded.  A subject's failures within the window weigh less than what bans it, and it
keeps as many lines of evidence as the jail says.  Of more than ``max_subjects`` the one that has
been quiet the longest is forgotten, and counted as dropped.

Subjects are known by a text, their key: a subject of a hundred bytes for each of a hundred
thousand addresses would be too much.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from logban import nouns
from logban.judging.counting.entries import (
    ENTRY_SHARE,
    SIZE,
    UNIT,
    UNPACK,
    Entry,
    entries_of,
    first,
    flat,
    last,
    pack,
    record_of,
)
from logban.judging.counting.evidence import Kept, KeptLines, written
from logban.judging.counting.slow import SlowCounts
from logban.judging.surplus import surplus
from logban.model import Evidence, Failure

MAX_ENTRIES: Final = 200
"""Failures of a subject that are kept; those of the slowest telephones are fewer."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """What is known of one subject: its failures in the order of their times, and their evidence.

    ``weights`` go with ``times``; ``slow`` is the number of failures before those, decayed.
    """

    times: list[float] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    slow: float = 0.0

    @property
    def total(self) -> float:
        """What the failures weigh together."""
        return sum(self.weights)


@nouns.dataclass(frozen=True, slots=True)
class Taken:
    """What a verdict is based on: when there were failures, in order, and the lines of them."""

    times: tuple[float, ...]
    evidence: list[Evidence]


class Noted(NamedTuple):
    """What is known of a subject at a moment; ``str`` writes it down for :meth:`Tracker.restore`.

    That takes several times as long as to note it, and can be done in another thread.
    """

    record: bytes
    lines: tuple[Kept, ...]
    slow: list[float] | None

    def __str__(self) -> str:
        """Write it down."""
        return json.dumps((entries_of(self.record), written(self.lines), self.slow))


class Tracker:
    """Weighs failures per subject over the last ``findtime`` seconds."""

    def __init__(
        self,
        *,
        findtime: float,
        max_evidence: int,
        max_subjects: int,
        max_entries: int = MAX_ENTRIES,
        slow: SlowCounts | None = None,
    ) -> None:
        """Hand to ``slow`` what leaves the window, or is too much for it."""
        self.dropped = 0
        self.lines = KeptLines(max_evidence)
        self._findtime = findtime
        self._keep = self.lines.keep if max_evidence else None
        self._max_subjects = max_subjects
        self._max_size = max_entries * SIZE
        self._slow = slow
        # In the order of the last failure's arrival, so that the quietest come first.  Who asks
        # for each failure looks here.
        self.records: dict[str, bytes] = {}
        self._in_order = True
        self._dirty: set[str] = set()

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[str]:
        return iter(self.records)

    def __contains__(self, key: str) -> bool:
        return key in self.records

    @property
    def failures(self) -> int:
        """The failures that are kept, of all subjects.

        Of somebody who goes on failing, what leaves the window is kept until he fails again; of
        all others until they are forgotten.
        """
        return sum(map(len, self.records.values())) // SIZE

    def get(self, key: str, now: float | None = None) -> Tracked | None:
        """Give what is known of a subject, as of its last failure or of ``now``."""
        record = self.records.get(key)
        slow = self._slow
        if record is None and (slow is None or key not in slow):
            return None
        entries = entries_of(record or b"")
        oldest = float("-inf") if now is None else now - self._findtime
        entries = [entry for entry in entries if entry[0] > oldest]
        newest = entries[-1][0] if entries else now
        value = 0.0
        if slow is not None and newest is not None:
            value = slow.value(key, newest if now is None else now)
        return Tracked(
            [time for time, _, _ in entries],
            [weight / UNIT for _, _, weight in entries],
            self.lines.give(key, entries[0][0]) if entries else [],
            value,
        )

    def look(self, key: str, time: float) -> tuple[float, ...]:
        """Give the failures that one at ``time`` comes on top of: time, what and weight of each."""
        record = self.records.get(key)
        if record is None:
            return ()
        unpack = UNPACK.get(len(record))
        entries = flat(record) if unpack is None else unpack(record)
        if entries[0] > time - self._findtime and entries[-3] <= time:
            return entries
        oldest = max(time, entries[-3]) - self._findtime
        at = 0
        while at < len(entries) and entries[at] <= oldest:
            at += 3
        return entries[at:]

    def add(
        self, key: str, time: float, failure: Failure, weight: int = UNIT, what: int = 0
    ) -> int:
        """Count a failure; give what those in the window weigh together, in units of 1/UNIT."""
        return int(sum(flat(self.push(key, time, failure, weight, what))[2::3]))

    def push(self, key: str, time: float, failure: Failure, weight: int, what: int = 0) -> bytes:
        """Count a failure; give the record of those in the window.

        A failure that comes late counts if it lies in the window that ends with the subject's
        newest one.
        """
        return self.push_on(self.look(key, time), key, time, failure, weight, what)

    def push_on(
        self,
        entries: tuple[float, ...],
        key: str,
        time: float,
        failure: Failure,
        weight: int,
        what: int,
    ) -> bytes:
        """Count a failure on top of those that ``look`` gave for it a moment ago."""
        records = self.records
        record = records.pop(key, b"")
        size = len(record)
        if (
            size != len(entries) * ENTRY_SHARE
            or size >= self._max_size
            or (entries and time < entries[-3])
        ):
            record = self._grown(key, record, (time, what, weight))
        else:
            record += pack(time, what, weight)
        records[key] = record
        self._dirty.add(key)
        if self._keep is not None:
            self._keep(key, time, failure, what, weight)
        if not size and len(records) > self._max_subjects:
            self._forget_quietest()
        return record

    def begin(self, key: str, time: float, failure: Failure, weight: int, what: int) -> None:
        """Count the first failure of somebody who is not known."""
        self.records[key] = pack(time, what, weight)
        self._dirty.add(key)
        if self._keep is not None:
            self._keep(key, time, failure, what, weight)
        if len(self.records) > self._max_subjects:
            self._forget_quietest()

    def take(self, key: str) -> Taken:
        """Give what a subject did, whose count starts again."""
        record = self.records.pop(key, b"")
        times = flat(record)[0::3]
        evidence = self.lines.take(key, times[0]) if record else []
        known = self._slow is not None and self._slow.forget(key)
        if record or known:
            self._dirty.add(key)
        return Taken(times, evidence)

    def clear(self, key: str) -> None:
        """Let a subject's count start again."""
        known = self._slow is not None and self._slow.forget(key)
        if key in self.records:
            self._drop(key)
        elif known:
            self._dirty.add(key)

    def keep_no_evidence(self) -> None:
        """Keep no lines from now on."""
        self._keep = None

    def forgive(self, key: str, what: int) -> None:
        """Take back what was tried with one name."""
        record = self.records.get(key)
        if self._slow is not None and key in self._slow:
            self._slow.forgive(key, what)
            self._dirty.add(key)
        if record is None:
            return
        left = [entry for entry in entries_of(record) if entry[1] != what]
        if len(left) * SIZE == len(record):
            return
        if not left:
            self._drop(key)
            return
        self._dirty.add(key)
        self.records[key] = record_of(left)
        self.lines.forgive(key, what)

    def bring_back(self, now: float) -> None:
        """Have what is counted of a time that is still to come counted as of now.

        The clock has been set back.
        """
        for key, record in self.records.items():
            if last(record) > now:
                brought = [(min(now, time), *rest) for time, *rest in entries_of(record)]
                self.records[key] = record_of(brought)
                self._dirty.add(key)
        if self._slow is not None:
            self._dirty.update(self._slow.bring_back(now))

    def forget_older(self, time: float) -> None:
        """Drop what has been in the window and is not after ``time``."""
        self._sort()
        old = []
        for key, record in self.records.items():
            if last(record) > time:
                break
            old.append(key)
        for key in old:
            if self._slow is not None:
                self._cut(key, self.records[key], time)
            self._drop(key)

    def forget_faded(self, time: float) -> None:
        """Drop the slow counts that have faded away by ``time``."""
        if self._slow is not None:
            self._dirty.update(self._slow.forget_faded(time))

    def restore(self, key: str, text: str) -> None:
        """Take up what an earlier run wrote down of a subject, in whatever order they come."""
        entries, lines, slow = json.loads(text)
        if slow is not None and self._slow is not None:
            self._slow.restore(key, slow)
        if entries:
            self.records[key] = record_of(entries)
            self._in_order = False
            self.lines.restore(key, lines, entries)

    def take_over(self, earlier: Tracker) -> None:
        """Go on where the jail's tracker before this one stops, with what it has not saved yet."""
        self.records.update(earlier.records)
        self.lines.take_over(earlier.lines)
        self._in_order = earlier._in_order
        self._dirty |= earlier._dirty
        self.dropped = earlier.dropped
        if self._slow is not None and earlier._slow is not None:
            self._slow.take_over(earlier._slow)

    def take_dirty(self) -> dict[str, Noted | None]:
        """Give what has changed since the last call; None for a subject now gone."""
        changed = {key: self._noted(key) for key in self._dirty}
        self._dirty.clear()
        return changed

    def _noted(self, key: str) -> Noted | None:
        slow = self._slow.to_json(key) if self._slow is not None else None
        record = self.records.get(key)
        if record is None:
            return None if slow is None else Noted(b"", (), slow)
        return Noted(record, self.lines.noted(key), slow)

    def _grown(self, key: str, record: bytes, entry: Entry) -> bytes:
        """Give a record with one failure more, and without what is too old or too much."""
        newest = last(record)
        time = entry[0]
        if time >= newest:
            record += pack(*entry)
            newest = time
        else:
            record = record_of(sorted([*entries_of(record), entry]))
        oldest = newest - self._findtime
        if first(record) <= oldest:
            record = self._cut(key, record, oldest)
        too_much = len(record) - self._max_size
        return self._shed(key, record, too_much) if too_much > 0 else record

    def _cut(self, key: str, record: bytes, oldest: float) -> bytes:
        """Give a record without the failures up to a time, which go to the slow counts."""
        old = sum(each[0] <= oldest for each in entries_of(record))
        return self._shed(key, record, old * SIZE)

    def _shed(self, key: str, record: bytes, size: int) -> bytes:
        """Give a record without the first failures, which go to the slow counts."""
        if self._slow is not None:
            for time, what, _ in entries_of(record[:size]):
                self._slow.add(key, time, what)
        return record[size:]

    def _forget_quietest(self) -> None:
        self._sort()
        for quietest in surplus(self.records, self._max_subjects):
            self._drop(quietest)
            self.dropped += 1

    def _sort(self) -> None:
        """Put those first who have been quiet the longest, after some came in another order."""
        if not self._in_order:
            in_order = sorted(self.records.items(), key=lambda item: last(item[1]))
            self.records.clear()
            self.records.update(in_order)
            self._in_order = True

    def _drop(self, key: str) -> None:
        del self.records[key]
        self.lines.forget(key)
        self._dirty.add(key)
