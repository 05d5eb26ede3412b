# SPDX-License-Identifier: MIT
"""What outlasts the process: gathered for each checkpoint, taken up by the next start."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from logban.clock import Clock
from logban.errors import UsageError
from logban.judging.exemptions.book import ExemptionBook
from logban.judging.scrutiny.trust import Trust
from logban.ledger.checkpoints import Checkpoints
from logban.ledger.ledger import Ledger
from logban.ledger.opening import Opened
from logban.ledger.records import Checkpoint, State, Stored
from logban.model import Ban, Subject
from logban.running.deciding import Deciding
from logban.running.jails import Jails
from logban.sources.files import FileSources

log = logging.getLogger("logban.daemon")

EVERY_JAIL: Final = ""
"""In the place of a jail's name, in the database: what all jails know together."""


class Keeping:
    """Carries what the parts of the daemon know over a restart."""

    def __init__(
        self,
        opened: Opened,
        clock: Clock,
        *,
        sources: FileSources,
        exemptions: ExemptionBook,
        ledger: Ledger,
        trust: Trust,
        deciding: Deciding,
        jails: Jails,
        checkpoints: Checkpoints,
        ends_changed: asyncio.Event,
    ) -> None:
        """``ends_changed`` is set where some ban is new."""
        self.lost = opened.notice if opened.is_lost else ""
        """What became of the database of before, "" if it is in use."""
        self.is_lost = opened.is_lost
        self._stored = opened.stored
        self._clock = clock
        self._sources = sources
        self._exemptions = exemptions
        self._ledger = ledger
        self._trust = trust
        self._deciding = deciding
        self._jails = jails
        self._checkpoints = checkpoints
        self._ends_changed = ends_changed

    def gather(self) -> Checkpoint:
        """Give all that has changed since the last call, for one transaction."""
        dirty: list[tuple[str, Mapping[Subject, State | None]]] = [
            (EVERY_JAIL, self._trust.take_dirty()),
            *((name, jail.judge.take_dirty()) for name, jail in self._jails.running.items()),
        ]
        return replace(
            self._ledger.checkpoint(),
            tracked={(name, who): state for name, states in dirty for who, state in states.items()},
            pending=self._deciding.pending.take_dirty(),
            names=self._exemptions.take_dirty(),
            notes=self._jails.filters.take_notes(),
            positions=self._sources.take_changed(),
            retired=self._sources.take_retired(),
        )

    def take_up(self) -> None:
        """Take up what the database holds from the run before, once the jails have been built."""
        stored, self._stored = self._stored, Stored()  # nobody needs it twice
        now = self._clock.now()
        self._take_up_bans(stored, now)
        configuration = self._jails.configuration
        known = {*self._jails.running, *configuration.failed}
        self._take_up_counts(stored, known)
        self._deciding.restore(stored.pending, known)
        self._jails.filters.take_up(stored.notes, now)
        if not configuration.errors:  # or a file that is not followed may hold any jail
            self._lift_orphans(known, now)

    def _take_up_bans(self, stored: Stored, now: float) -> None:
        # What ended while nobody was there is lifted where that takes a hand, and told nobody.
        ended = self._ledger.restore(stored, now)
        past = [*stored.ended, *(change.ban for change in ended)]
        for name, actions in self._jails.actions.items():
            actions.submit([change for change in ended if change.ban.jail == name])
            actions.recall([ban for ban in past if ban.jail == name])

    def _take_up_counts(self, stored: Stored, known: Iterable[str]) -> None:
        """Have everybody counted as before; forget whom jails have counted that are no more."""
        for (jail, subject), text in stored.tracked.items():
            if jail in self._jails.running:
                self._jails.running[jail].judge.restore(subject, text)
        self._trust.restore(
            {who: text for (jail, who), text in stored.tracked.items() if jail == EVERY_JAIL}
        )
        gone = [key for key in stored.tracked if key[0] not in {*known, EVERY_JAIL}]
        self._checkpoints.add(Checkpoint(tracked=dict.fromkeys(gone)))

    def _lift_orphans(self, known: Collection[str], now: float) -> None:
        """Lift the bans of jails that are no more."""
        orphans = [
            change
            for jail in self._ledger.jails()
            if jail not in known
            for change in self._ledger.lift_jail(jail, now, "its jail is no longer configured")
        ]
        if orphans:
            log.warning("%d bans of jails that are no longer configured have ended", len(orphans))

    def adopt(self, bans: Iterable[Ban]) -> None:
        """Take over what is in force: what the ledger held is lost."""
        changes = []
        for ban in bans:
            with suppress(UsageError):  # it is exempt
                found = replace(ban, reason="found in force")
                changes.append(self._ledger.adopt(found, self._clock.now()))
        taken = [change for change in changes if change is not None]
        for change in taken:  # nobody is told: these were told of when they were laid
            self._jails.actions[change.ban.jail].submit([change])
        if taken:
            log.warning("took over %d bans that were found in force", len(taken))
            self.lost = self.lost or (
                "the database was not there, and bans were in force; they were taken over. "
                "History, exemptions by hand and counts are gone"
            )
            self._ends_changed.set()
            self._checkpoints.hurry()
