# SPDX-License-Identifier: MIT
"""The host's clock, and the one that tests move."""

from __future__ import annotations

import asyncio
import time

from logban.clock import SystemClock
from logban.testing import FakeClock


def test_the_hosts_clock() -> None:
    clock = SystemClock()
    before = time.time()
    asyncio.run(clock.sleep(0.001))
    assert before < clock.now() <= time.time()


def test_the_fake_clock_wakes_those_whose_time_has_come_in_its_order() -> None:
    async def tell() -> None:
        clock = FakeClock(1000.0)
        woken: list[str] = []

        async def sleeper(name: str, seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append(name)

        tasks = [
            asyncio.create_task(sleeper(name, seconds))
            for name, seconds in (("late", 10), ("soon", 1), ("now", 0), ("given up", 1), ("b", 1))
        ]
        await asyncio.sleep(0)
        tasks[3].cancel()
        await asyncio.sleep(0)
        assert woken == ["now"]
        clock.advance(0.9)
        await asyncio.sleep(0)
        assert woken == ["now"]
        clock.advance(0.1)
        await asyncio.sleep(0)
        assert woken == ["now", "soon", "b"]
        clock.advance(100)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert woken == ["now", "soon", "b", "late"]
        assert clock.now() == 1101.0

    asyncio.run(tell())
