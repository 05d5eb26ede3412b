# SPDX-License-Identifier: MIT
"""How often a log usually grows, and from when on its silence is not usual."""

from __future__ import annotations

from collections import deque
from typing import Final

WATCHED_FOR: Final = 1800.0
GROWN_TIMES: Final = 20
"""Seconds and growths that it takes to know what is usual."""

AT_LEAST: Final = 1800.0
"""No silence shorter than this is worth an alarm."""

FACTOR: Final = 3.0
"""A silence is unusual when it is so many times as long as the longest one that was usual."""

REMEMBERED: Final = 7 * 86400.0
"""Seconds for which a silence counts as usual; so do quiet nights and week-ends."""


class Rhythm:
    """The rhythm of one log, by the times at which it was seen to have grown."""

    def __init__(self, now: float, lines: int) -> None:
        self._begun = now
        self._grown = now
        self._lines = lines
        self._times = 0
        # Silences that are over, (when it ended, how long), each longer than all that came after
        # it: the first is the longest, and no more of them are kept than matter.
        self._silences: deque[tuple[float, float]] = deque()

    def note(self, now: float, lines: int) -> None:
        """Take in how many lines there have been so far."""
        while self._silences and self._silences[0][0] < now - REMEMBERED:
            self._silences.popleft()
        if lines == self._lines:
            return
        self._lines = lines
        self._times += 1
        silence = now - self._grown
        self._grown = now
        while self._silences and self._silences[-1][1] <= silence:
            self._silences.pop()
        self._silences.append((now, silence))

    def skip(self, seconds: float) -> None:
        """Leave out a span in which nobody looked, or which the clock leapt over."""
        self._begun += seconds
        self._grown += seconds

    def silence(self, now: float) -> float:
        """Give the seconds since it last grew."""
        return now - self._grown

    def longest(self) -> float:
        """Give the longest silence that was over, within what is remembered."""
        return self._silences[0][1] if self._silences else 0.0

    def is_unusual(self, now: float) -> bool:
        """Tell whether it has been silent for too long."""
        if self._grown - self._begun < WATCHED_FOR or self._times < GROWN_TIMES:
            return False
        return self.silence(now) > max(AT_LEAST, FACTOR * self.longest())
