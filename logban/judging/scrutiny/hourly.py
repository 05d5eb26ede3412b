# SPDX-License-Identifier: MIT
"""So often an hour and no more."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

HOUR: Final = 3600.0


class HourlyCap:
    """Counts what is done within an hour; ``held`` is how often it was one too many."""

    def __init__(self, most: int) -> None:
        self.held = 0
        self.has_changed = False
        """Whether it has been done since the last :meth:`take_times`."""
        self._most = most
        self._times: deque[float] = deque()

    def allows(self, time: float) -> bool:
        """Tell whether it may be done once more."""
        while self._times and self._times[0] <= time - HOUR:
            self._times.popleft()
        if len(self._times) >= self._most:
            self.held += 1
            return False
        self._times.append(time)
        self.has_changed = True
        return True

    def take_times(self) -> list[float]:
        """Give when it was done, for :meth:`restore`."""
        self.has_changed = False
        return list(self._times)

    def restore(self, times: Iterable[float]) -> None:
        """Take up when an earlier run did it."""
        self._times = deque(map(float, times))

    def bring_back(self, now: float) -> None:
        """Have what was done at a time that is still to come be of now."""
        self._times = deque(min(time, now) for time in self._times)
