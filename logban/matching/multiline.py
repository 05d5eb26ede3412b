# SPDX-License-Identifier: MIT
r"""Expressions that span several lines: ``maxlines`` and ``<SKIPLINES>``.

They are searched in the last lines of a source, each without its date, joined by ``\n``.  The
lines of a match are taken out; those that ``<SKIPLINES>`` passed over stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import regex


@dataclass(frozen=True, slots=True)
class BufferedLine:
    """A line: as it was, without its date, and its time."""

    line: str
    text: str
    time: float | None


class LineBuffer:
    """The last lines of one source."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lines: list[BufferedLine] = []

    @property
    def lines(self) -> Sequence[BufferedLine]:
        """Give them, the oldest first."""
        return self._lines

    def take_up(self, lines: Sequence[BufferedLine]) -> None:
        """Go on with those that an earlier process had read last."""
        self._lines = list(lines)

    def add(self, line: BufferedLine) -> str:
        """Take a line in; give the text in which expressions are searched."""
        self._lines = [*self._lines, line][-self._size :]
        return "".join(f"{each.text}\n" for each in self._lines)

    def take(self, found: regex.Match[str], shift: int) -> Sequence[BufferedLine]:
        """Take a match's lines out, and give them; ``shift`` is where the searched text begins."""
        start, end = found.start() + shift, found.end() + shift
        skipped = [
            (found.start(group) + shift, found.end(group) + shift)
            for group in found.re.groupindex
            if group.startswith("skiplines") and found[group]
        ]
        taken, left, position = [], [], 0
        for each in self._lines:
            begin, position = position, position + len(each.text) + 1
            # A match may begin with the end of the line above, and end with its own line's end.
            is_in = begin < max(end, start + 1) and position > start + 1
            if is_in and not any(low <= begin and position <= high for low, high in skipped):
                taken.append(each)
            else:
                left.append(each)
        self._lines = left
        return taken


def time_of(lines: Sequence[BufferedLine]) -> float | None:
    """Give the last time that a match's lines name."""
    return next((each.time for each in reversed(lines) if each.time is not None), None)
