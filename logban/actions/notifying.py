# SPDX-License-Identifier: MIT
"""Telling people of changes: in their order, each at most once, a flood of them in one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from logban.actions.attempting import ActionReport, Worker
from logban.actions.declaration import ActionSpec
from logban.actions.pacing import Pacing
from logban.actions.protocols import Digesting, Notifier
from logban.clock import Clock
from logban.model import Change

MAX_NOTICES: Final = 1000
NOTICE_AGE: Final = 86400.0
"""Changes that wait for a notifier that does not get on, and the seconds that they may wait.

Beyond either the oldest are dropped, and counted.
"""

MAX_DIGEST: Final = 10_000
"""Changes that wait for a notifier that tells many in one."""

EVIDENCE_KEPT: Final = 100
"""Changes that wait there with the lines behind them."""


class NotifierWorker(Worker):
    """Passes changes to one notifier, each at most once, in their order."""

    kind = "notifier"

    def __init__(self, spec: ActionSpec, notifier: Notifier, clock: Clock) -> None:
        super().__init__(spec, clock)
        self._state = "ok"
        self._notifier = notifier
        self._digesting = notifier if isinstance(notifier, Digesting) else None
        pace = self._digesting.pace if self._digesting else None
        self._pacing = Pacing(pace) if pace is not None else None
        most = MAX_NOTICES if self._pacing is None else MAX_DIGEST
        self._queue: deque[Change] = deque(maxlen=most)
        self._dropped = 0
        self._dropped_told = 0

    def submit(self, changes: Iterable[Change]) -> None:
        """Take over changes; the oldest are dropped when too many wait."""
        for change in changes:
            if not self.spec.is_for(change.ban.subject):
                continue
            if self._digesting is not None and not self._digesting.wants(change):
                continue
            if len(self._queue) == self._queue.maxlen:
                self._dropped += 1
            # Of many that are told together, only what is said of each is kept.
            is_many = self._pacing is not None and len(self._queue) >= EVIDENCE_KEPT
            self._queue.append(_without_evidence(change) if is_many else change)
        self._wake.set()

    def report(self) -> ActionReport:
        """Tell how it does."""
        return ActionReport(
            self.spec.written, self.kind, self._state, self._error, self._since, self._retries,
            None, len(self._queue), 0, self._dropped, self._failures, self._busy(),
        )  # fmt: skip

    async def run(self) -> None:
        """Tell what is to be told, until cancelled."""
        while True:
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            now = self._clock.now()
            if now - self._queue[0].time > NOTICE_AGE:
                self._queue.popleft()
                self._dropped += 1
                continue
            pause = self._pacing.pause(now) if self._pacing else 0.0
            if pause > 0:
                await self._clock.sleep(pause)
                continue
            try:
                await self._tell()
            except Exception as error:  # noqa: BLE001  # a supervisor: logs, counts, tries again
                await self._clock.sleep(self._failed(error))
                continue
            self._well()

    async def _tell(self) -> None:
        """Tell the next change, or all that wait where they are gathered."""
        is_one = self._pacing is None or not self._pacing.is_gathering or len(self._queue) == 1
        changes = [self._queue[0]] if is_one else list(self._queue)
        dropped = self._dropped
        try:
            if is_one or self._digesting is None:
                await self._call(self._notifier.notify, changes[0])
            else:
                await self._call(self._digesting.digest, changes, dropped - self._dropped_told)
                self._dropped_told = dropped
        except asyncio.CancelledError:
            self._forget(changes)  # the thread goes on with these: nobody is told twice
            raise
        if self._pacing is not None:
            self._pacing.told(self._clock.now())
        self._forget(changes)

    def _forget(self, told: Iterable[Change]) -> None:
        ids = set(map(id, told))
        while self._queue and id(self._queue[0]) in ids:
            self._queue.popleft()

    async def _tell_rest(self) -> None:
        """Tell what would be lost, as long as nothing is in the way."""
        while self._queue and self._state == "ok":
            await self._tell()

    async def close(self) -> None:
        """End the worker; what waits is told, but for a notifier that fails or hangs."""
        await self._finish(self._tell_rest, lambda: self._call(self._notifier.close))


def _without_evidence(change: Change) -> Change:
    return replace(change, ban=replace(change.ban, evidence=()))
