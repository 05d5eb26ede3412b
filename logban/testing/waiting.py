# SPDX-License-Identifier: MIT
"""Waiting for what is to come: never for a time, and no longer than until it has come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Final, TypeVar

T = TypeVar("T")

LIMIT: Final = 120.0
"""Seconds after which what has not come has failed.

They end a test that hangs, and say nothing of how long anything may take: the machine may be busy
with something else.
"""
_POLL: Final = 0.01


def wait(look: Callable[[], T | None], seconds: float = LIMIT) -> T:
    """Look again and again until there is something to be seen; give that."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(_POLL)
    return seen


def run(story: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run a story to its end."""

    async def bounded() -> None:
        await asyncio.wait_for(story(), LIMIT)

    asyncio.run(bounded())


async def until(condition: Callable[[], object]) -> None:
    """Let the loop and its threads go on until something is so."""
    async with asyncio.timeout(LIMIT):
        while not condition():  # noqa: ASYNC110  # threads have a part in it
            await asyncio.sleep(0.001)
