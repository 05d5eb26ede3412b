# SPDX-License-Identifier: MIT
"""The lines behind what is counted, of any number of subjects.

Of a line there is no more than its ban will show: the failure with all its captures would be ten
times as much.  All subjects together keep no more than ``MAX_LINES_KEPT``, and those whose first
line is the oldest lose theirs first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from logban.judging.counting.entries import UNIT, Entry
from logban.judging.weights import what_of
from logban.model import Evidence, Failure

MAX_LINE_KEPT: Final = 1000
"""Characters of a line that are kept as evidence."""

MAX_LINES_KEPT: Final = 50_000
"""Lines of evidence that are kept of all subjects."""

Kept = tuple[float, str, str, str, int, int]
"""When it counted, the rule, the line, its source, what was tried, and what it weighed."""

Written = Sequence[float | str]


def shortened(line: str) -> str:
    """Give as much of a line as is kept."""
    return line if len(line) <= MAX_LINE_KEPT else line[:MAX_LINE_KEPT]


def written(lines: Iterable[Kept]) -> list[Written]:
    """Write lines down for :meth:`KeptLines.restore`: the weights stand in the record."""
    return [item[:5] for item in lines]


class KeptLines:
    """The last lines of each subject."""

    def __init__(self, most: int) -> None:
        """Keep so many lines of a subject, at the most."""
        self.dropped = 0
        """Lines that had to go because all subjects together had too many."""
        self._most = most
        self._of: dict[str, list[Kept]] = {}
        self._number = 0

    def __len__(self) -> int:
        return self._number

    def keep(self, key: str, time: float, failure: Failure, what: int, units: int) -> None:
        """Keep a failure's line."""
        line = failure.line
        if len(line) > MAX_LINE_KEPT:
            line = line[:MAX_LINE_KEPT]
        item = (time, failure.rule, line, failure.source, what, units)
        kept = self._of.get(key)
        if kept is None:
            self._of[key] = [item]
        else:
            kept.append(item)
            if len(kept) > self._most:
                del kept[0]
                return
        self._number += 1
        if self._number > MAX_LINES_KEPT:
            self._shed()

    def give(self, key: str, oldest: float) -> list[Evidence]:
        """Give the lines of a subject's failures from a time on, with what those weigh."""
        return [
            Evidence(time, rule, line, source, units / UNIT)
            for time, rule, line, source, _, units in self._of.get(key, ())
            if time >= oldest
        ]

    def take(self, key: str, oldest: float) -> list[Evidence]:
        """Give the lines as :meth:`give` does, and keep them no longer."""
        given = self.give(key, oldest)
        self.forget(key)
        return given

    def forget(self, key: str) -> None:
        """Keep no lines of a subject any longer."""
        kept = self._of.pop(key, None)
        if kept is not None:
            self._number -= len(kept)

    def forgive(self, key: str, what: int) -> None:
        """Keep no lines any longer of what a subject did with one name."""
        kept = self._of.get(key)
        if kept is not None:
            others = [item for item in kept if item[4] != what]
            self._number -= len(kept) - len(others)
            self._of[key] = others

    def noted(self, key: str) -> tuple[Kept, ...]:
        """Give a subject's lines as they are now, for :func:`written`."""
        return tuple(self._of.get(key, ()))

    def restore(self, key: str, lines: Sequence[Written], entries: Iterable[Entry]) -> None:
        """Take up what :func:`written` gave, and what earlier versions did: names as they were."""
        weights: dict[tuple[float, int], list[int]] = {}
        for time, what, units in entries:
            weights.setdefault((time, what), []).append(units)
        kept: list[Kept] = []
        # The last lines are kept, so the last weights are theirs.
        for at, rule, line, source, tried in reversed(lines[-self._most :] if self._most else ()):
            time, what = float(at), _number_of(tried)
            left = weights.get((time, what))
            units = left.pop() if left else UNIT
            kept.append((time, str(rule), str(line), str(source), what, units))
        kept.reverse()
        if kept:
            self.forget(key)
            self._of[key] = kept
            self._number += len(kept)

    def take_over(self, earlier: KeptLines) -> None:
        """Go on where another one stops."""
        self._of.update(earlier._of)
        self._number = sum(map(len, self._of.values()))
        self.dropped = earlier.dropped

    def _shed(self) -> None:
        for oldest in list(islice(self._of, 1 + len(self._of) // 10)):
            gone = len(self._of.pop(oldest))
            self._number -= gone
            self.dropped += gone


def _number_of(what: float | str) -> int:
    if isinstance(what, str):
        return what_of(what) if what else 0
    return int(what)
