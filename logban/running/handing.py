# SPDX-License-Identifier: MIT
"""Changes of the ledger on their way out: to the actions, into the log, to people.

Whoever enforces is handed a change at once, and the daemon's own log is told behind that.  Whoever
tells people hears of it once it is in the database.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Final

from logban.clock import Clock
from logban.ledger.checkpoints import Checkpoints
from logban.model import Change, ChangeKind, Subject
from logban.running.announcing import Announcer
from logban.running.jails import Jails

log = logging.getLogger("logban.daemon")

NOTICES_KEPT: Final = 50
"""Notices that ``status`` can show."""

SETTLE_WITHIN: Final = 2.0
"""Seconds that an order by hand waits at the most for the actions to carry it out."""

TURNS_TO_ACTION: Final = 5
"""Turns of the loop until a change has reached its action's thread; the log is told behind that."""


class Handing:
    """Hands changes on; ``is_catching_up`` says that lines of before a start are still unread."""

    def __init__(
        self, jails: Jails, checkpoints: Checkpoints, clock: Clock, ends_changed: asyncio.Event
    ) -> None:
        """``ends_changed`` is set where some ban ends sooner, or is new."""
        self.notices: deque[Change] = deque(maxlen=NOTICES_KEPT)
        """The last things that somebody was told of, the oldest first."""
        self.is_catching_up = True
        self._jails = jails
        self._checkpoints = checkpoints
        self._ends_changed = ends_changed
        # Changes of which those who tell are to be told, before and while they are committed.
        self._untold: list[Change] = []
        self._telling: list[Change] = []
        self._announcer = Announcer(clock)
        self._unannounced: list[list[Change]] = []

    def submit(self, changes: Iterable[Change]) -> None:
        """Hand changes of the ledger on to the actions of their jails."""
        by_jail: dict[str, list[Change]] = {}
        for change in changes:
            by_jail.setdefault(change.ban.jail, []).append(change)
            if change.kind is ChangeKind.NOTICE:
                self.notices.append(change)
        for name, of_jail in by_jail.items():
            if name in self._jails.actions:
                self._jails.actions[name].submit(of_jail)
                self._untold += of_jail
            elif lifted := [each.ban for each in of_jail if each.kind is ChangeKind.LIFT]:
                self._jails.take_out(name, lifted)
            if name in self._jails.running:
                self._jails.running[name].changes.update(
                    (change.kind, change.ban.subject.kind) for change in of_jail
                )
        if by_jail:
            if not self._unannounced:
                self.announce(TURNS_TO_ACTION)
            self._unannounced += by_jail.values()
            self._ends_changed.set()
            self._checkpoints.hurry()

    def announce(self, turns: int = 0) -> None:
        """Tell the log what was handed on, some turns of the loop from now."""
        if turns:
            asyncio.get_running_loop().call_soon(self.announce, turns - 1)
            return
        unannounced, self._unannounced = self._unannounced, []
        for changes in unannounced:
            self._announcer.announce(changes)

    def sum_up(self) -> None:
        """Tell the log of floods; once a second, and at the end."""
        self._announcer.sum_up()

    def begin_commit(self) -> None:
        """Take note that all that was handed on so far is about to be committed."""
        self._telling += self._untold
        self._untold = []

    def tell(self) -> None:
        """Tell of the changes that are in the database by now, or can't be put there.

        Not before: after a crash they would be decided, and told of, a second time.
        """
        telling, self._telling = self._telling, []
        for jail, changes in groupby(telling, key=lambda change: change.ban.jail):
            if jail in self._jails.actions:
                self._jails.actions[jail].tell(changes)

    async def order(self, changes: Iterable[Change]) -> None:
        """Carry out what an admin ordered.

        Return when it is in the database and in force, but do not wait long for an action that
        does not get on.
        """
        taken = list(changes)
        self.submit(taken)
        await self.settled({change.ban.jail for change in taken})

    async def settled(self, jails: Iterable[str]) -> None:
        """Return when all is in the database and in force in these jails, or after a while."""
        await self._checkpoints.commit()
        concerned = set(self._jails.actions)
        if not self.is_catching_up:  # until then a ban may be in force that the ledger hasn't yet
            concerned &= set(jails)
        settled = [self._jails.actions[name].settled() for name in concerned]
        settled.append(self._jails.taken_out())
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*settled), SETTLE_WITHIN)

    async def adopt(self, changes: Iterable[Change]) -> None:
        """Put bans in force that another program had laid, and tell nobody of them."""
        by_jail: dict[str, list[Change]] = {}
        for change in changes:
            by_jail.setdefault(change.ban.jail, []).append(change)
        for name, of_jail in by_jail.items():
            self._jails.actions[name].submit(of_jail)
            log.info("[%s] %d bans are taken over from another program", name, len(of_jail))
        self._ends_changed.set()
        await self.settled(by_jail)

    async def pardon(self, subjects: Sequence[Subject], jail: str | None) -> None:
        """Let the places where bans are kept end what others have against these; not for long."""
        workers = [
            worker
            for name, actions in self._jails.actions.items()
            for worker in actions.enforcers()
            if jail in (None, name)
        ]
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_WITHIN):
                await asyncio.gather(*(worker.pardon(subjects) for worker in workers))
