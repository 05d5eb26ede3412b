# SPDX-License-Identifier: MIT
"""A clock that stands still until it is told to go on."""

from __future__ import annotations

import asyncio
import heapq
import itertools


class FakeClock:
    """A :class:`logban.clock.Clock` that a test moves by hand."""

    def __init__(self, now: float = 1_795_168_800.0) -> None:
        self._now = now
        self._steady = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> float:
        """Give the time that the test has set."""
        return self._now

    def steady(self) -> float:
        """Give the seconds that the test has let go by."""
        return self._steady

    def step(self, seconds: float) -> None:
        """Set the time of day forward or back, while no time goes by."""
        self._now += seconds

    def advance(self, seconds: float) -> None:
        """Let that many seconds go by and wake all who waited for a moment in them."""
        self._now += seconds
        self._steady += seconds
        while self._sleepers and self._sleepers[0][0] <= self._steady:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)

    async def sleep(self, seconds: float) -> None:
        """Return when the test has let that many seconds go by."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._steady + seconds, next(self._order), future))
        await future


class ToldClock(FakeClock):
    """Tells who goes to sleep, and for how long."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: asyncio.Queue[float] = asyncio.Queue()

    async def sleep(self, seconds: float) -> None:
        """Note it, and sleep."""
        self.slept.put_nowait(seconds)
        await super().sleep(seconds)
