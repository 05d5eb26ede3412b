# SPDX-License-Identifier: MIT
"""Time, handed to whoever needs it, so that no test has to wait for it."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time of day and wakes those who wait for it."""

    def now(self) -> float:
        """Give the time of day, seconds since the epoch."""
        ...

    def steady(self) -> float:
        """Give seconds that go on evenly, whatever the time of day is set to."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when that many seconds have gone by."""
        ...


class SystemClock:
    """The host's own clock."""

    def now(self) -> float:
        """Give the time of day, seconds since the epoch."""
        return time.time()

    def steady(self) -> float:
        """Give seconds that go on evenly, whatever the time of day is set to."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return when that many seconds have gone by."""
        await asyncio.sleep(seconds)
