# SPDX-License-Identifier: MIT
"""An action's thread, and what comes of its failures: a second and a third attempt.

Each action has one worker and each worker one thread, so an action that hangs holds up itself
alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from logban.actions.declaration import ActionSpec
from logban.clock import Clock
from logban.errors import LogbanError

log = logging.getLogger(__name__)

FIRST_RETRY: Final = 1.0
LONGEST_RETRY: Final = 60.0
"""Seconds from a failed attempt to the next; doubled each time, up to the longest."""

CLOSE_WITHIN: Final = 10.0
"""Seconds that an action has for its last work when the daemon ends."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ActionReport:
    """How an action does, for ``status``; ``since`` is when it last changed between ok and not.

    ``retries`` are its failures in this state, ``failures`` all of them since it was made.
    ``busy`` are the seconds for which it has been at one and the same job, 0 if it is at none.
    """

    name: str
    kind: str
    state: str
    error: str
    since: float
    retries: int
    in_force: int | None
    pending: int
    drift: int
    dropped: int
    failures: int = 0
    busy: float = 0.0


class Worker:
    """One action's thread, and the story of its failures."""

    kind = ""

    def __init__(self, spec: ActionSpec, clock: Clock) -> None:
        self.spec = spec
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, f"{spec.jail}-{spec.written}")
        self._wake = asyncio.Event()
        self._state = "starting"
        self._error = ""
        self._since = clock.now()
        self._retries = 0
        self._failures = 0
        self._longest_retry = LONGEST_RETRY
        self._busy_since: float | None = None

    async def _call(self, work: Callable[..., T], *arguments: object) -> T:
        """Do something that blocks in the action's own thread."""
        loop = asyncio.get_running_loop()
        self._busy_since = self._clock.steady()
        try:
            return await loop.run_in_executor(self._thread, work, *arguments)
        finally:
            self._busy_since = None

    def _busy(self) -> float:
        """Give the seconds for which the thread has been at one job."""
        return 0.0 if self._busy_since is None else self._clock.steady() - self._busy_since

    def _well(self) -> None:
        if self._state != "ok":
            if self._retries:
                log.info("[%s] action %s works again", self.spec.jail, self.spec.written)
            self._state, self._error, self._since = "ok", "", self._clock.now()
            self._retries = 0

    def _failed(self, error: Exception) -> float:
        """Note a failure; give the seconds until the next attempt."""
        if not isinstance(error, LogbanError):
            log.error("[%s] action %s", self.spec.jail, self.spec.written, exc_info=error)
        if self._state != "retrying" or self._error != str(error):
            log.warning("[%s] action %s: %s", self.spec.jail, self.spec.written, error)
        if self._state != "retrying":
            self._state, self._since = "retrying", self._clock.now()
        self._error = str(error) or type(error).__name__
        self._retries += 1
        self._failures += 1
        return float(min(self._longest_retry, FIRST_RETRY * 2 ** min(self._retries - 1, 10)))

    async def _finish(self, *steps: Callable[[], Awaitable[object]]) -> None:
        """Do the last work and end the thread; what fails or hangs holds nothing else up."""
        last_work = asyncio.ensure_future(self._try_each(steps))
        limit = asyncio.ensure_future(self._clock.sleep(CLOSE_WITHIN))
        await asyncio.wait((last_work, limit), return_when=asyncio.FIRST_COMPLETED)
        if not last_work.done():
            log.warning("[%s] action %s hangs; left alone", self.spec.jail, self.spec.written)
        for future in (last_work, limit):
            future.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _try_each(self, steps: Sequence[Callable[[], Awaitable[object]]]) -> None:
        for step in steps:
            try:
                await step()
            except LogbanError as error:
                log.warning(
                    "[%s] action %s, at its end: %s", self.spec.jail, self.spec.written, error
                )
            except Exception:
                log.exception("[%s] action %s, at its end", self.spec.jail, self.spec.written)

    async def _pause(self, seconds: float) -> None:
        """Wait for that long, or until there is something to do."""
        waits = {
            asyncio.ensure_future(self._clock.sleep(seconds)),
            asyncio.ensure_future(self._wake.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
