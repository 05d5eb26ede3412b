# SPDX-License-Identifier: MIT
"""What somebody's failures weigh lately: the exact sliding window, for any number of subjects.

Memory is bounded.  A subject's failures within the window weigh less than what bans it, and it
keeps as many lines of evidence as the jail says; all subjects together keep ``MAX_LINES`` of them.
Beyond that those who have been quiet the longest keep none, and are no more than a few bytes.  Of
more than ``max_subjects`` the one that has been quiet the longest is forgotten, and counted as
dropped.

Subjects are known by a text, their key: a subject of a hundred bytes for each of a hundred
thousand addresses would be too much.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain, islice, takewhile
from typing import Final

from logban.judging.counting.entries import SIZE, UNIT, entries_of, last, record_of
from logban.judging.counting.known import Noted, Taken, Tracked
from logban.judging.counting.slow import SlowCounts
from logban.judging.counting.window import (
    MAX_LINE,
    Kept,
    Window,
    bare,
    evidence_of,
    lines,
    packed,
    read,
    total,
    unpacked,
)
from logban.judging.surplus import surplus
from logban.model import Failure

MAX_ENTRIES: Final = 200
"""Failures of a subject that are kept; those of the slowest telephones are fewer."""

MAX_LINES: Final = 50_000
"""Lines of evidence that are kept of all subjects."""


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
        self.lines_dropped = 0
        """Lines that had to go because all subjects together had too many."""
        self._findtime = findtime
        self._max_evidence = max_evidence
        self._max_subjects = max_subjects
        self._max_entries = max_entries
        self._slow = slow
        # Everybody is in one of the two: as bytes, if none of his lines is kept.  Both are in the
        # order of the last failure's arrival, so that the quietest come first; those without lines
        # have been quiet for longer.  Who asks for each failure looks here.
        self.windows: dict[str, Window] = {}
        self.records: dict[str, bytes] = {}
        self._in_order = True
        self._room = MAX_LINES
        self._dirty: set[str] = set()

    def __len__(self) -> int:
        return len(self.records) + len(self.windows)

    def __iter__(self) -> Iterator[str]:
        return chain(self.records, self.windows)

    def __contains__(self, key: object) -> bool:
        return key in self.windows or key in self.records

    @property
    def failures(self) -> int:
        """The failures that are kept, of all subjects.

        Of somebody who goes on failing, what leaves the window is kept until he fails again; of
        all others until they are forgotten.
        """
        packed = sum(map(len, self.records.values())) // SIZE
        return packed + sum(map(len, self.windows.values()))

    @property
    def lines(self) -> int:
        """The lines that are kept, of all subjects."""
        return MAX_LINES - self._room

    def get(self, key: str, now: float | None = None) -> Tracked | None:
        """Give what is known of a subject, as of its last failure or of ``now``."""
        slow = self._slow
        if key not in self and (slow is None or key not in slow):
            return None
        oldest = float("-inf") if now is None else now - self._findtime
        window = [kept for kept in self._known(key) if kept[0] > oldest]
        newest = window[-1][0] if window else now
        value = 0.0
        if slow is not None and newest is not None:
            value = slow.value(key, newest if now is None else now)
        return Tracked(
            [kept[0] for kept in window],
            [kept[5] / UNIT for kept in window],
            evidence_of(window),
            value,
        )

    def look(self, key: str, time: float) -> Window:
        """Give the failures that one at ``time`` comes on top of."""
        window = self._known(key)
        return self.lately(window, time) if window else []

    def lately(self, window: Window, time: float) -> Window:
        """Give those of somebody's failures that one at ``time`` comes on top of."""
        oldest = max(time, window[-1][0]) - self._findtime
        return [kept for kept in window if kept[0] > oldest]

    def add(
        self, key: str, time: float, failure: Failure, weight: int = UNIT, what: int = 0
    ) -> int:
        """Count a failure; give what those in the window weigh together, in units of 1/UNIT."""
        return total(self.push(key, time, failure, weight, what))

    def push(self, key: str, time: float, failure: Failure, weight: int, what: int = 0) -> Window:
        """Count a failure; give those in the window.

        A failure that comes late counts if it lies in the window that ends with the subject's
        newest one.
        """
        window = self.windows.get(key)
        if window is None:
            if key not in self.records:
                return self.begin(key, time, failure, weight, what)
            window = self.open(key)
        self.push_on(window, key, time, failure, weight, what)
        return window

    def open(self, key: str) -> Window:
        """Give the window of somebody who is no more than bytes: he is about to fail again."""
        window = self.windows[key] = unpacked(self.records.pop(key))
        return window

    def push_on(
        self, window: Window, key: str, time: float, failure: Failure, weight: int, what: int
    ) -> None:
        """Count a failure of somebody who has a window."""
        line = failure.line
        kept = (time, failure.rule, line[:MAX_LINE], failure.source, what, weight)
        if (
            time < window[-1][0]
            or window[0][0] <= time - self._findtime
            or len(window) >= self._max_entries
        ):
            self._fit(window, key, kept)
        else:
            window.append(kept)
        windows = self.windows
        del windows[key]
        windows[key] = window
        self._dirty.add(key)
        self._room -= 1
        if len(window) > self._max_evidence or self._room < 0:
            self._bound(key, window)

    def begin(self, key: str, time: float, failure: Failure, weight: int, what: int) -> Window:
        """Count the first failure of somebody who is not known."""
        window: Window = [
            (time, failure.rule, failure.line[:MAX_LINE], failure.source, what, weight)
        ]
        self.windows[key] = window
        self._dirty.add(key)
        self._room -= 1
        if self._room < 0 or not self._max_evidence:
            self._bound(key, window)
        if len(self.windows) + len(self.records) > self._max_subjects:
            self._forget_quietest()
        return window

    def take(self, key: str) -> Taken:
        """Give what a subject did, whose count starts again."""
        known = self._slow is not None and self._slow.forget(key)
        window = self.windows.pop(key, None)
        if window is None:
            window = self._remove(key)
        evidence = evidence_of(window)
        self._room += len(evidence)
        if window or known:
            self._dirty.add(key)
        return Taken(tuple([kept[0] for kept in window]), evidence)

    def clear(self, key: str) -> None:
        """Let a subject's count start again."""
        self.take(key)

    def keep_no_evidence(self) -> None:
        """Keep no lines from now on."""
        self._max_evidence = 0

    def forgive(self, key: str, what: int) -> None:
        """Take back what was tried with one name."""
        if self._slow is not None and key in self._slow:
            self._slow.forgive(key, what)
            self._dirty.add(key)
        window = self._known(key)
        left = [kept for kept in window if kept[4] != what]
        if len(left) == len(window):
            return
        self._dirty.add(key)
        if not left:
            self._remove(key)
        elif key in self.windows:
            self._room += lines(window) - lines(left)
            self.windows[key] = left
        else:
            self.records[key] = packed(left)

    def bring_back(self, now: float) -> None:
        """Have what is counted of a time that is still to come counted as of now.

        The clock has been set back.
        """
        for key, window in self.windows.items():
            if window[-1][0] > now:
                self.windows[key] = [(min(now, kept[0]), *kept[1:]) for kept in window]
                self._dirty.add(key)
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
        old = [
            *takewhile(lambda key: last(self.records[key]) <= time, self.records),
            *takewhile(lambda key: self.windows[key][-1][0] <= time, self.windows),
        ]
        for key in old:
            self._leave(key, self._remove(key))
        self._dirty.update(old)

    def forget_faded(self, time: float) -> None:
        """Drop the slow counts that have faded away by ``time``."""
        if self._slow is not None:
            self._dirty.update(self._slow.forget_faded(time))

    def restore(self, key: str, text: str) -> None:
        """Take up what an earlier run wrote down of a subject, in whatever order they come."""
        written_entries, written_lines, slow = json.loads(text)
        if slow is not None and self._slow is not None:
            self._slow.restore(key, slow)
        if not written_entries:
            return
        self._in_order = False
        self._remove(key)
        window = read(
            entries_of(record_of(written_entries)),
            written_lines[-self._max_evidence :] if self._max_evidence else (),
        )
        number = lines(window)
        if number:
            self._room -= number
            self.windows[key] = window
        else:
            self.records[key] = packed(window)

    def take_over(self, earlier: Tracker) -> None:
        """Go on where the jail's tracker before this one stops, with what it has not saved yet."""
        self.windows.update(earlier.windows)
        self.records.update(earlier.records)
        self._room = MAX_LINES - sum(map(lines, self.windows.values()))
        self._in_order = earlier._in_order
        self._dirty |= earlier._dirty
        self.dropped, self.lines_dropped = earlier.dropped, earlier.lines_dropped
        if self._slow is not None and earlier._slow is not None:
            self._slow.take_over(earlier._slow)

    def take_dirty(self) -> dict[str, Noted | None]:
        """Give what has changed since the last call; None for a subject now gone."""
        changed = {key: self._noted(key) for key in self._dirty}
        self._dirty.clear()
        return changed

    def _noted(self, key: str) -> Noted | None:
        slow = self._slow.to_json(key) if self._slow is not None else None
        window = self.windows.get(key)
        if window is not None:
            return Noted(tuple(window), slow)
        record = self.records.get(key, b"")
        return Noted(record, slow) if record or slow is not None else None

    def _known(self, key: str) -> Window:
        """Give somebody's failures and leave them as they are."""
        window = self.windows.get(key)
        return unpacked(self.records.get(key, b"")) if window is None else window

    def _fit(self, window: Window, key: str, kept: Kept) -> None:
        """Put a failure where it belongs, and take away what is too old or too much then."""
        at = bisect_right(window, kept[0], key=_time_of)
        window.insert(at, kept)
        old = bisect_right(window, window[-1][0] - self._findtime, key=_time_of)
        gone = window[: max(old, len(window) - self._max_entries)]
        del window[: len(gone)]
        self._room += lines(gone)
        self._leave(key, gone)

    def _leave(self, key: str, gone: Window) -> None:
        """Hand on to the slow counts what has left the window."""
        if self._slow is not None:
            for time, _, _, _, what, _ in gone:
                self._slow.add(key, time, what)

    def _remove(self, key: str) -> Window:
        """Forget a subject; give the window that he had."""
        window = self.windows.pop(key, None)
        if window is None:
            return unpacked(self.records.pop(key, b""))
        self._room += lines(window)
        return window

    def _bound(self, key: str, window: Window) -> None:
        """Let the first of somebody's lines go, and those of others where all are too many."""
        for at in range(len(window) - self._max_evidence):
            time, _, line, _, what, units = window[at]
            if line is not None:
                window[at] = bare((time, what, units))
                self._room += 1
        if not self._max_evidence:
            self.records[key] = packed(self.windows.pop(key))
        elif self._room < 0:
            for quietest in list(islice(self.windows, 1 + len(self.windows) // 10)):
                window = self._remove(quietest)
                self.records[quietest] = packed(window)
                self.lines_dropped += lines(window)

    def _forget_quietest(self) -> None:
        self._sort()
        for quietest in surplus(self, self._max_subjects):
            self._remove(quietest)
            self._dirty.add(quietest)
            self.dropped += 1

    def _sort(self) -> None:
        """Put those first who have been quiet the longest, after some came in another order."""
        if not self._in_order:
            windows = sorted(self.windows.items(), key=lambda item: item[1][-1][0])
            self.windows.clear()
            self.windows.update(windows)
            records = sorted(self.records.items(), key=lambda item: last(item[1]))
            self.records.clear()
            self.records.update(records)
            self._in_order = True


def _time_of(kept: Kept) -> float:
    return kept[0]
