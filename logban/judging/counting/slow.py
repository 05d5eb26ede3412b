# SPDX-License-Identifier: MIT
"""The second window, a day long: a number that decays, for those who try seldom and for ever.

A subject's failures come here when they leave the exact window.  A name that was not tried from
there before counts half as much again.  Of a subject there are 24 bytes: the time of the last
failure, the number, and 64 bits of names.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from struct import Struct
from typing import Final

from logban.judging.surplus import surplus
from logban.judging.weights import PASSING

_RECORD: Final = Struct("<ddQ")

NEW_NAME: Final = 1.5
"""What a failure counts with a name that is new; any other one counts 1."""

MANY_NAMES: Final = 16
"""Of the bits of names, so many are of a walk through the extensions: some eighteen names."""

_FORGOTTEN: Final = 0.5
"""A number below this is as good as none."""

_NONE: Final = (0.0, 0.0, 0)


class SlowCounts:
    """How much each subject failed within about the last ``findtime`` seconds."""

    def __init__(self, *, findtime: float, max_subjects: int) -> None:
        self.dropped = 0
        self._findtime = findtime
        self._max_subjects = max_subjects
        # In the order in which they were last added to; who asks for each failure looks here.
        self.records: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self.records)

    def __contains__(self, key: str) -> bool:
        return key in self.records

    def __iter__(self) -> Iterator[str]:
        return iter(self.records)

    def add(self, key: str, time: float, what: int, more: float = 0.0) -> None:
        """Count one failure, and ``more``; what is of no account a day later is none."""
        if what == PASSING:
            return
        record = self.records.pop(key, None)
        last, value, names = _NONE if record is None else _RECORD.unpack(record)
        if record is not None:
            # One that comes late counts as of the last one's time.
            time = max(time, last)
            value *= math.exp((last - time) / self._findtime)
            if value < _FORGOTTEN:
                names = 0
        bit = 1 << (what & 63)
        value += more + (1.0 if names & bit else NEW_NAME)
        self.records[key] = _RECORD.pack(time, value, names | bit)
        if len(self.records) > self._max_subjects:
            for quietest in surplus(self.records, self._max_subjects):
                del self.records[quietest]
                self.dropped += 1

    def value(self, key: str, time: float) -> float:
        """Give a subject's number at a time."""
        record = self.records.get(key)
        if record is None:
            return 0.0
        last, value, _ = _RECORD.unpack(record)
        return float(value * math.exp(min(0.0, last - time) / self._findtime))

    def has_tried(self, key: str, what: int) -> bool:
        """Tell whether a subject has tried a name, or one that looks like it here."""
        record = self.records.get(key)
        return record is not None and bool(_RECORD.unpack(record)[2] & 1 << (what & 63))

    def has_many_names(self, key: str) -> bool:
        """Tell whether a subject has tried many names."""
        record = self.records.get(key)
        return record is not None and _RECORD.unpack(record)[2].bit_count() >= MANY_NAMES

    def forget(self, key: str) -> bool:
        """Let a subject start again; tell whether anything was known."""
        return self.records.pop(key, None) is not None

    def forgive(self, key: str, what: int) -> None:
        """Let a subject start again that tried no other name than this."""
        record = self.records.get(key)
        if record is not None and _RECORD.unpack(record)[2] == 1 << (what & 63):
            del self.records[key]

    def bring_back(self, now: float) -> list[str]:
        """Have what was added at a time that is still to come be of now; give whose it was."""
        ahead = []
        for key, record in self.records.items():
            last, value, names = _RECORD.unpack(record)
            if last > now:
                ahead.append(key)
                self.records[key] = _RECORD.pack(now, value, names)
        return ahead

    def forget_faded(self, time: float) -> list[str]:
        """Drop the numbers that have faded away; give whose they were."""
        gone = []
        # The quietest come first, and the number of who was added to last has faded the least.
        for key, record in self.records.items():
            last, value, _ = _RECORD.unpack(record)
            if last > time - self._findtime:
                break
            if value * math.exp((last - time) / self._findtime) < _FORGOTTEN:
                gone.append(key)
        for key in gone:
            del self.records[key]
        return gone

    def to_json(self, key: str) -> list[float] | None:
        """Write a subject's record down for :meth:`restore`."""
        record = self.records.get(key)
        return None if record is None else list(_RECORD.unpack(record))

    def restore(self, key: str, written: list[float]) -> None:
        """Read what :meth:`to_json` wrote."""
        time, value, names = written
        self.records[key] = _RECORD.pack(float(time), float(value), int(names))

    def take_over(self, earlier: SlowCounts) -> None:
        """Go on where another one stops."""
        self.records.update(earlier.records)
        self.dropped = earlier.dropped
