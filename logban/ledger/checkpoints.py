# SPDX-License-Identifier: MIT
"""When what has changed goes to the database, and in which thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from logban.clock import Clock
from logban.errors import LedgerError
from logban.ledger.opening import Database
from logban.ledger.records import Checkpoint
from logban.model import Ban, Evidence
from logban.supervision import sleep_until

log = logging.getLogger(__name__)

SOONEST: Final = 0.1
EVERY: Final = 1.0
LATEST: Final = 2.0
"""Seconds from one commit to the next: after a ban, without one, and where commits take long.

A ban goes to disk sooner than a mere count: until then a crash makes it a new one, which is told
of again.
"""

REST: Final = 20.0
"""How much longer than the last commit took it is left alone: in a flood each would write the same
counts again, and more time goes into that than into reading the log.
"""

_BANS_BACK: Final = 20  # bans of a subject among which the one whose lines are wanted is

T = TypeVar("T")


class Checkpoints:
    """Commits what ``gather`` gives, whole and in order; keeps it as long as that fails.

    ``attempted`` is called after each attempt to commit, whether it came to anything or not.
    ``error`` says why the last commit failed, "" if it did not.
    """

    def __init__(
        self,
        store: Database,
        clock: Clock,
        gather: Callable[[], Checkpoint],
        attempted: Callable[[], None] = lambda: None,
    ) -> None:
        self.store = store
        self.error = ""
        self._clock = clock
        self._gather = gather
        self._attempted = attempted
        self._uncommitted = Checkpoint()
        self._committing = asyncio.Lock()
        self._urgent = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "ledger")
        self._counting: asyncio.Future[int] | None = None
        self._count: int | None = None

    def hurry(self) -> None:
        """Let the next commit come soon."""
        self._urgent.set()

    def add(self, checkpoint: Checkpoint) -> None:
        """Have something more committed with the next one."""
        self._uncommitted = self._uncommitted.then(checkpoint)

    async def run(self) -> None:
        """Commit again and again, until cancelled."""
        pause = SOONEST
        while True:
            await self._clock.sleep(pause)
            left = max(0.0, EVERY - pause)
            await sleep_until(self._clock, self._clock.now() + left, self._urgent)
            self._urgent.clear()
            begun = self._clock.steady()
            try:
                await self.commit()
            except LedgerError as error:
                if self.error != str(error):
                    log.error("%s; trying again", error)  # noqa: TRY400  # the sentence says it all
                self.error = str(error)
            took = self._clock.steady() - begun
            pause = min(LATEST, max(SOONEST, REST * took))

    async def commit(self) -> None:
        """Write to the database all that has changed; LedgerError keeps it for the next time.

        Once begun it goes on whoever is cancelled: nobody else would know whether it was written.
        """
        await asyncio.shield(self._commit())

    async def _commit(self) -> None:
        async with self._committing:
            self.add(self._gather())
            try:
                if not self._uncommitted.is_empty():
                    await self.in_database(self.store.commit, self._uncommitted)
                    self._uncommitted = Checkpoint()
                    self.error = ""
            finally:
                self._attempted()

    async def in_database(self, work: Callable[..., T], *arguments: object) -> T:
        """Do something with the database in its thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def count(self) -> int:
        """Give the number of bans in the database; as it was, while something is committed."""
        if self._counting is None or self._counting.done():
            self._counting = asyncio.ensure_future(self.in_database(self.store.count))
        counting = self._counting
        if self._count is None or not self._committing.locked():
            await asyncio.wait((counting,))
        if counting.done():
            self._count = counting.result()
        return self._count or 0

    def evidence(self, ban: Ban) -> tuple[Evidence, ...]:
        """Read the lines behind a ban back, for a thread that is not the loop's: it blocks."""
        past = self._thread.submit(self.store.history, ban.subject, _BANS_BACK).result()
        same = (each.ban for each in past if (each.ban.jail, each.ban.time) == (ban.jail, ban.time))
        return next((each.evidence for each in same), ())

    async def close(self) -> None:
        """Commit what is left, and close the database."""
        try:
            await self.commit()
        except LedgerError as error:
            log.error("at the end: %s", error)  # noqa: TRY400  # the sentence says it all
        await self.in_database(self.store.close)
        self._thread.shutdown()
