# SPDX-License-Identifier: MIT
"""What somebody's failures weigh lately: the exact sliding window, for any number of subjects.

Memory is bounded.  A subject's failures within the window weigh less than what bans it, and it
keeps as many lines of evidence as the jail says; all subjects together keep no more than
``MAX_LINES_KEPT``, and those who have been quiet the longest lose theirs first.  Of more than
``max_subjects`` the one that has been quiet the longest is forgotten, and counted as dropped.

Subjects are known by a text, their key: a subject of a hundred bytes for each of a hundred
thousand addresses would be too much.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from struct import Struct
from typing import Final

from logban.judging.slow import SlowCounts
from logban.judging.surplus import surplus
from logban.judging.weights import tried, what_of
from logban.model import CanonicalAddress, Evidence, Failure

MAX_LINE_KEPT: Final = 1000
"""Characters of a line that are kept as evidence."""

MAX_LINES_KEPT: Final = 50_000
"""Lines of evidence that a tracker keeps of all subjects."""

MAX_ENTRIES: Final = 200
"""Failures of a subject that are kept; those of the slowest telephones are fewer."""

UNIT: Final = 256
"""The weight 1, as it is kept: sums of whole numbers are exact."""

# A failure: its time, what was tried, its weight.  In 16 bits, the last two are at 4 and 5.
_ENTRY: Final = Struct("<dHH")
_SIZE: Final = _ENTRY.size
_SHORTS: Final = _SIZE // 2
_WHAT: Final = 4
_WEIGHT: Final = 5

_NOBODY: Final = CanonicalAddress("")  # whoever it was stands in the key

Entry = tuple[float, int, int]

_pack = _ENTRY.pack
_unpack_from = _ENTRY.unpack_from


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
        self._findtime = findtime
        self._max_evidence = max_evidence
        self._max_subjects = max_subjects
        self._max_size = max_entries * _SIZE
        self._slow = slow
        # In the order of the last failure's arrival, so that the quietest come first.
        self._records: dict[str, bytes] = {}
        self._in_order = True
        self._evidence: dict[str, list[tuple[float, Failure]]] = {}
        self._lines = 0
        self._dirty: set[str] = set()

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __contains__(self, key: str) -> bool:
        return key in self._records

    def failures(self, oldest: float) -> int:
        """Count the failures of all subjects after a time."""
        count = 0
        for record in self._records.values():
            if _unpack_from(record)[0] > oldest:
                count += len(record) // _SIZE
            else:
                count += sum(entry[0] > oldest for entry in _ENTRY.iter_unpack(record))
        return count

    def get(self, key: str, now: float | None = None) -> Tracked | None:
        """Give what is known of a subject, as of its last failure or of ``now``."""
        record = self._records.get(key)
        slow = self._slow
        if record is None and (slow is None or key not in slow):
            return None
        entries = list(_ENTRY.iter_unpack(record or b""))
        oldest = float("-inf") if now is None else now - self._findtime
        entries = [entry for entry in entries if entry[0] > oldest]
        newest = entries[-1][0] if entries else now
        value = 0.0
        if slow is not None and newest is not None:
            value = slow.value(key, newest if now is None else now)
        return self._tracked(key, entries, value)

    def look(self, key: str, time: float) -> list[Entry]:
        """Give the failures of a subject that a failure at ``time`` comes on top of."""
        record = self._records.get(key)
        if record is None:
            return []
        entries = list(_ENTRY.iter_unpack(record))
        oldest = max(time, entries[-1][0]) - self._findtime
        if entries[0][0] > oldest:
            return entries
        return [entry for entry in entries if entry[0] > oldest]

    def add(
        self, key: str, time: float, failure: Failure, weight: int = UNIT, what: int = 0
    ) -> int:
        """Count a failure; give what those in the window weigh together, in units of 1/UNIT.

        A failure that comes late counts if it lies in the window that ends with the subject's
        newest one.
        """
        records = self._records
        record = records.pop(key, None)
        entry = _pack(time, what, weight)
        if record is None:
            records[key] = entry
            total = weight
        else:
            newest = _unpack_from(record, len(record) - _SIZE)[0]
            if time >= newest:
                record += entry
                newest = time
            else:
                entries = sorted([*_ENTRY.iter_unpack(record), (time, what, weight)])
                record = b"".join(_pack(*each) for each in entries)
            oldest = newest - self._findtime
            if _unpack_from(record)[0] <= oldest:
                record = self._cut(key, record, oldest)
            elif len(record) > self._max_size:
                record = self._cut(key, record, _unpack_from(record)[0])
            records[key] = record
            total = sum(array("H", record)[_WEIGHT::_SHORTS])
        self._note(key, time, failure)
        return total

    def add_to(
        self,
        entries: Sequence[Entry],
        key: str,
        time: float,
        failure: Failure,
        weight: int,
        what: int,
    ) -> None:
        """Count a failure on top of those that ``look`` gave for it a moment ago."""
        record = self._records.get(key, b"")
        size = len(record)
        fits = len(entries) * _SIZE == size < self._max_size
        if not fits or (size and time < entries[-1][0]):
            self.add(key, time, failure, weight, what)
            return
        if size:
            del self._records[key]
        self._records[key] = record + _pack(time, what, weight)
        self._note(key, time, failure)

    def _note(self, key: str, time: float, failure: Failure) -> None:
        """See to what else a failure that was counted needs."""
        self._dirty.add(key)
        if self._max_evidence:
            self._keep(key, time, failure)
        if len(self._records) > self._max_subjects:
            self._sort()
            for quietest in surplus(self._records, self._max_subjects):
                self._drop(quietest)
                self.dropped += 1

    def take(self, key: str) -> Tracked:
        """Give all that is known of a subject, whose count starts again."""
        tracked = self.get(key) or Tracked()
        self.clear(key)
        return tracked

    def clear(self, key: str) -> None:
        """Let a subject's count start again."""
        known = self._slow is not None and self._slow.forget(key)
        if key in self._records:
            self._drop(key)
        elif known:
            self._dirty.add(key)

    def keep_no_evidence(self) -> None:
        """Keep no lines from now on."""
        self._max_evidence = 0

    def forgive(self, key: str, what: int) -> None:
        """Take back what was tried with one name."""
        record = self._records.get(key)
        if self._slow is not None and key in self._slow:
            self._slow.forgive(key, what)
            self._dirty.add(key)
        if record is None:
            return
        left = [entry for entry in _ENTRY.iter_unpack(record) if entry[1] != what]
        if len(left) * _SIZE == len(record):
            return
        if not left:
            self._drop(key)
            return
        self._dirty.add(key)
        self._records[key] = b"".join(_pack(*entry) for entry in left)
        kept = self._evidence.get(key)
        if kept is not None:
            others = [item for item in kept if what_of(tried(item[1])) != what]
            self._lines -= len(kept) - len(others)
            self._evidence[key] = others

    def bring_back(self, now: float) -> None:
        """Have what is counted of a time that is still to come counted as of now.

        The clock has been set back.
        """
        for key, record in self._records.items():
            if _unpack_from(record, len(record) - _SIZE)[0] > now:
                entries = _ENTRY.iter_unpack(record)
                self._records[key] = b"".join(_pack(min(now, at), *rest) for at, *rest in entries)
                self._dirty.add(key)

    def forget_older(self, time: float) -> None:
        """Drop what has been in the window and is not after ``time``."""
        self._sort()
        old = []
        for key, record in self._records.items():
            if _unpack_from(record, len(record) - _SIZE)[0] > time:
                break
            old.append(key)
        for key in old:
            if self._slow is not None:
                self._cut(key, self._records[key], time)
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
            self._records[key] = b"".join(
                _pack(float(time), int(what), int(weight)) for time, what, weight in entries
            )
            self._in_order = False
            for time, rule, line, source, user in lines[-self._max_evidence :]:
                fields = {"user": user} if user else {}
                failure = Failure(_NOBODY, time, rule, fields, line, source, 0)
                self._evidence.setdefault(key, []).append((time, failure))
                self._lines += 1

    def take_over(self, earlier: Tracker) -> None:
        """Go on where the jail's tracker before this one stops, with what it has not saved yet."""
        self._records.update(earlier._records)
        self._evidence.update(earlier._evidence)
        self._lines = earlier._lines
        self._in_order = earlier._in_order
        self._dirty |= earlier._dirty
        self.dropped = earlier.dropped
        if self._slow is not None and earlier._slow is not None:
            self._slow.take_over(earlier._slow)

    def take_dirty(self) -> dict[str, str | None]:
        """Give what has changed since the last call, written down; None for a subject now gone."""
        changed = {key: self._to_text(key) for key in self._dirty}
        self._dirty.clear()
        return changed

    def _to_text(self, key: str) -> str | None:
        slow = self._slow.to_json(key) if self._slow is not None else None
        record = self._records.get(key, b"")
        if not record and slow is None:
            return None
        lines = [
            [time, each.rule, each.line, each.source, tried(each)]
            for time, each in self._evidence.get(key, ())
        ]
        return json.dumps([list(_ENTRY.iter_unpack(record)), lines, slow])

    def _tracked(self, key: str, entries: list[Entry], slow: float) -> Tracked:
        """Give what is known of a subject; evidence only of what is counted still."""
        oldest = entries[0][0] if entries else float("inf")
        return Tracked(
            [time for time, _, _ in entries],
            [weight / UNIT for _, _, weight in entries],
            [
                Evidence(time, each.rule, each.line, each.source)
                for time, each in self._evidence.get(key, ())
                if time >= oldest
            ],
            slow,
        )

    def _cut(self, key: str, record: bytes, oldest: float) -> bytes:
        """Give a record without the failures up to a time, which go to the slow counts."""
        end = 0
        for time, what, _ in _ENTRY.iter_unpack(record):
            if time > oldest:
                break
            end += _SIZE
            if self._slow is not None:
                self._slow.add(key, time, what)
        return record[end:]

    def _keep(self, key: str, time: float, failure: Failure) -> None:
        """Keep a failure's line as evidence."""
        if len(failure.line) > MAX_LINE_KEPT:
            failure = failure._replace(line=failure.line[:MAX_LINE_KEPT])
        kept = self._evidence.get(key)
        if kept is None:
            self._evidence[key] = [(time, failure)]
        else:
            kept.append((time, failure))
            if len(kept) > self._max_evidence:
                del kept[0]
                return
        self._lines += 1
        if self._lines > MAX_LINES_KEPT:
            for oldest in list(islice(self._evidence, 1 + len(self._evidence) // 10)):
                self._lines -= len(self._evidence.pop(oldest))

    def _sort(self) -> None:
        """Put those first who have been quiet the longest, after some came in another order."""
        if not self._in_order:
            self._records = dict(
                sorted(
                    self._records.items(),
                    key=lambda item: _unpack_from(item[1], len(item[1]) - _SIZE)[0],
                )
            )
            self._in_order = True

    def _drop(self, key: str) -> None:
        del self._records[key]
        self._lines -= len(self._evidence.pop(key, ()))
        self._dirty.add(key)
