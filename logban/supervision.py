# SPDX-License-Identifier: MIT
"""Keeping stages going, and waking them when there is something to do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from logban.clock import Clock

log = logging.getLogger(__name__)

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
"""Seconds from a stage's failure to its next start; doubled each time, up to the longest."""


async def supervise(stage: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Keep a stage going: an error that nobody foresaw is logged and the stage starts again."""
    pause = FIRST_PAUSE
    while True:
        begun = clock.now()
        try:
            await stage()
        except Exception:
            if clock.now() - begun > LONGEST_PAUSE:  # that was another fault, long ago
                pause = FIRST_PAUSE
            name = getattr(stage, "__name__", "a stage")
            log.exception("%s failed; it starts again in %.0f s", name, pause)
        await clock.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 2)


async def sleep_until(clock: Clock, moment: float | None, sooner: asyncio.Event) -> None:
    """Return at a moment (None: never), or as soon as an event comes; after a minute anyway.

    The host's clock may be set meanwhile, and then the moment is another one.
    """
    seconds = 60.0
    if moment is not None:
        seconds = min(seconds, max(0.0, moment - clock.now()) + 0.001)
    waits: set[asyncio.Future[object]] = {
        asyncio.ensure_future(sooner.wait()),
        asyncio.ensure_future(clock.sleep(seconds)),
    }
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
