# SPDX-License-Identifier: MIT
"""How fast people are told: one change after another, and of too many all of them together."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """At most ``most`` tellings within ``within`` seconds; what comes beyond is told together."""

    most: int
    within: float


class Pacing:
    """Says when something may be told, and whether together with all that waits."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._told: deque[float] = deque(maxlen=max(1, pace.most))
        self._gathering = False

    @property
    def is_gathering(self) -> bool:
        """Tell whether what comes is to be told together, when its time has come."""
        return self._gathering

    def pause(self, now: float) -> float:
        """Give the seconds until something may be told, 0 if it may be now.

        Who has to wait once is told together with what comes meanwhile.
        """
        while self._told and not now - self._pace.within < self._told[0] <= now:
            self._told.popleft()  # long ago, or the clock was set back
        if len(self._told) >= self._pace.most and self._told:
            self._gathering = True
            return self._told[-1] + self._pace.within - now
        return 0.0

    def told(self, now: float) -> None:
        """Note that something was told; what was gathered counts as all that may be told."""
        times = self._pace.most if self._gathering else 1
        self._told.extend([now] * times)
        self._gathering = False
