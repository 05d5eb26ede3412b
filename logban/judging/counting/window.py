# SPDX-License-Identifier: MIT
"""What somebody did within the window: his failures, in the order of their times.

Of a line there is no more than its ban will show: the failure with all its captures would be ten
times as much.  Only the last failures have their lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Final

from logban.judging.counting.entries import UNIT, Entry, entries_of, record_of
from logban.judging.weights import what_of
from logban.model import Evidence

MAX_LINE: Final = 1000
"""Characters of a line that are kept as evidence."""

Kept = tuple[float, str, str | None, str, int, int]
"""When it counted, the rule, the line or None, its source, what was tried, and what it weighed."""

Window = list[Kept]

_WHAT: Final = itemgetter(4)

Written = Sequence[float | str]
"""The time, the rule, the line, its source, and what was tried."""


def shortened(line: str) -> str:
    """Give as much of a line as is kept."""
    return line if len(line) <= MAX_LINE else line[:MAX_LINE]


def bare(entry: Entry) -> Kept:
    """Give a failure without its line."""
    time, what, units = entry
    return (time, "", None, "", what, units)


def unpacked(record: bytes) -> Window:
    """Give the failures of a record, which has no lines."""
    return [bare(entry) for entry in entries_of(record)]


def packed(window: Iterable[Kept]) -> bytes:
    """Give the record of failures, without their lines."""
    return record_of(entries(window))


def entries(window: Iterable[Kept]) -> Iterator[Entry]:
    """Give time, what was tried and weight of each failure."""
    return ((time, what, units) for time, _, _, _, what, units in window)


def lines(window: Iterable[Kept]) -> int:
    """Count the lines of failures."""
    return sum(kept[2] is not None for kept in window)


def total(window: Iterable[Kept]) -> int:
    """Give what failures weigh together, in units of 1/UNIT."""
    return sum(kept[5] for kept in window)


def names(window: Iterable[Kept]) -> int:
    """Count the different names, or whatever else was tried."""
    return len(set(map(_WHAT, window)))


def has(window: Window, number: int, after: float) -> bool:
    """Tell whether there are at least so many failures after a time."""
    return len(window) >= number and window[-number][0] > after


def evidence_of(window: Iterable[Kept]) -> list[Evidence]:
    """Give the lines of failures, with what those weigh."""
    return [
        Evidence(time, rule, line, source, units / UNIT)
        for time, rule, line, source, _, units in window
        if line is not None
    ]


def written(window: Iterable[Kept]) -> list[Written]:
    """Write the lines down for :func:`read`."""
    return [
        (time, rule, line, source, what)
        for time, rule, line, source, what, _ in window
        if line is not None
    ]


def read(entries: Iterable[Entry], lines: Iterable[Written]) -> Window:
    """Give failures with those of their lines that :func:`written` gave.

    Earlier versions wrote names as they were.
    """
    lines_of: dict[tuple[float, int], list[Written]] = {}
    for each in lines:
        lines_of.setdefault((float(each[0]), _number_of(each[4])), []).append(each)
    window = []
    for time, what, units in reversed(list(entries)):
        kept = bare((time, what, units))
        if left := lines_of.get((time, what)):  # the last lines were kept
            _, rule, line, source, _ = left.pop()
            kept = (time, str(rule), str(line), str(source), what, units)
        window.append(kept)
    window.reverse()
    return window


def _number_of(what: float | str) -> int:
    if isinstance(what, str):
        return what_of(what) if what else 0
    return int(what)
