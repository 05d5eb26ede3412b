# SPDX-License-Identifier: MIT
"""Whoever is exempt for a time and abuses it is exempt no longer.

A guest whose hotel was let in for an hour may mistype; a program that tries passwords from there
may not.  The failures of those who have an exemption that ends by itself are counted, against a
limit far above ``maxretry``.  An exemption without an end is never lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from logban.durations import format_duration
from logban.judging.exemptions.exemption import Exemption
from logban.judging.surplus import surplus
from logban.model import Subject

MAX_COUNTED: Final = 10_000
"""Subjects that are counted at a time; those that began first are forgotten."""


class Abuse:
    """Counts the failures that temporary exemptions keep from counting."""

    def __init__(self, lose: Callable[[Exemption, str], None]) -> None:
        """``lose`` takes an exemption that was abused, and the sentence that says how."""
        self.dropped = 0
        self._lose = lose
        self._limits: dict[str, tuple[int, float]] = {}
        self._times: dict[tuple[str, Subject], deque[float]] = {}

    def set_jail(self, jail: str, limit: int, findtime: float) -> None:
        """Note that so many failures in a jail, within so many seconds, are abuse; 0: never."""
        self._limits[jail] = (limit, findtime)

    def forget_jail(self, jail: str) -> None:
        """Forget a jail that is no more."""
        self._limits.pop(jail, None)

    def note(self, jail: str, subject: Subject, exemption: Exemption, time: float) -> None:
        """Take note of a failure that did not count because of an exemption."""
        limit, findtime = self._limits.get(jail, (0, 0.0))
        if exemption.until is None or not limit:
            return
        times = self._times.get((jail, subject))
        if times is None or times.maxlen != limit:
            times = self._times[jail, subject] = deque(times or (), maxlen=limit)
            for oldest in surplus(self._times, MAX_COUNTED):
                del self._times[oldest]
                self.dropped += 1
        times.append(time)
        if len(times) == limit and max(times) - min(times) < findtime:
            del self._times[jail, subject]
            failures = f"{limit} failures in jail {jail} within {format_duration(findtime)}"
            self._lose(exemption, f"{failures} by {subject}")
