# SPDX-License-Identifier: MIT
"""Keeping the exemptions true while the daemon runs: names, own addresses, those by hand.

Whatever makes somebody exempt lifts his bans in the same moment.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

from logban.clock import Clock
from logban.judging.exemption_book import ExemptionBook, is_name
from logban.judging.exemptions import Exemption
from logban.judging.names import Resolver, look_up
from logban.ledger.ledger import Ledger
from logban.ledger.records import Allowed
from logban.model import Change

log = logging.getLogger(__name__)

LOOK_UP_EVERY: Final = 60.0
"""Seconds between two look-ups of the names, and of the host's own addresses."""


class Exempting:
    """Brings to the book what changes, and lifts what has become exempt."""

    def __init__(
        self,
        book: ExemptionBook,
        ledger: Ledger,
        clock: Clock,
        *,
        resolver: Resolver,
        own_addresses: Callable[[], frozenset[str]],
        submit: Callable[[Iterable[Change]], None],
    ) -> None:
        """``submit`` takes the bans that were lifted."""
        self._book = book
        self._ledger = ledger
        self._clock = clock
        self._resolver = resolver
        self._own_addresses = own_addresses
        self._submit = submit

    async def run(self) -> None:
        """Look names and addresses up again and again, until cancelled."""
        while True:
            await self._clock.sleep(LOOK_UP_EVERY)
            await self.refresh()

    async def refresh(self) -> None:
        """Look names and the host's own addresses up, and lift what has become exempt."""
        names = self._book.names()
        if names:
            self._book.set_addresses(await look_up(self._resolver, names))
        try:
            self._book.set_own(await asyncio.to_thread(self._own_addresses))
        except OSError as error:
            log.warning("the host's own addresses can't be read: %s", error)
        self.lift()

    async def allow(self, allowed: Allowed) -> list[Change]:
        """Exempt somebody from now on; give the bans that this lifted."""
        if is_name(allowed.entry):
            self._book.set_addresses(await look_up(self._resolver, [allowed.entry]))
        self._ledger.allow(allowed)
        return self.take_up()

    def disallow(self, entry: str) -> None:
        """Take an exemption by hand back."""
        self._ledger.disallow(entry)
        self.take_up()

    def lose(self, exemption: Exemption, why: str) -> None:
        """Take a temporary exemption from somebody who has abused it."""
        log.warning("%s is no longer exempt (%s): %s", exemption.entry, exemption.origin, why)
        if exemption.entry in self._ledger.allowed:
            self.disallow(exemption.entry)

    def take_up(self) -> list[Change]:
        """Let the ledger's exemptions by hand hold; give the bans that this lifted."""
        self._book.set_everywhere(
            Exemption(item.entry, "allow add", item.until) for item in self._ledger.allowed.values()
        )
        return self.lift()

    def drop_ended(self) -> None:
        """Take back the exemptions by hand whose time is up."""
        now = self._clock.now()
        ended = [
            item.entry
            for item in self._ledger.allowed.values()
            if item.until is not None and item.until <= now
        ]
        for entry in ended:
            self._ledger.disallow(entry)
        if ended:
            self.take_up()

    def lift(self) -> list[Change]:
        """Lift every ban on a subject that is exempt now."""
        changes = self._ledger.lift_where(
            lambda ban: self._book.exempt(ban.jail, ban.subject) is not None,
            self._clock.now(),
            "exempt",
        )
        self._submit(changes)
        return changes
