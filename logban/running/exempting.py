# SPDX-License-Identifier: MIT
"""Keeping the exemptions true while the daemon runs: names, lists, own addresses, those by hand.

Whatever makes somebody exempt lifts his bans in the same moment.
"""

from __future__ import annotations

import asyncio
import logging
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from logban.clock import Clock
from logban.config import parsers
from logban.config.settings import Reverse, ServerSettings
from logban.errors import LogbanError
from logban.judging.exemptions.book import ExemptionBook, is_name
from logban.judging.exemptions.enquiries import Enquiries, Enquiry
from logban.judging.exemptions.exemption import Exemption
from logban.judging.exemptions.files import FileList, list_of
from logban.judging.exemptions.geo import Geo
from logban.judging.exemptions.lists import KeptList
from logban.judging.exemptions.names import ReverseResolver, look_up
from logban.judging.exemptions.rdns import ReverseNames
from logban.judging.exemptions.redis import RedisList
from logban.ledger.ledger import Ledger
from logban.ledger.records import Allowed
from logban.model import Change
from logban.running.permissions_table import PREFIX, PermissionsTable

log = logging.getLogger(__name__)

LOOK_UP_EVERY: Final = 60.0
"""Seconds between two look-ups of the names, and of the host's own addresses."""

WATCH_EVERY: Final = 1.0
"""Seconds between two looks at the lists that others keep."""

FIRST_WITHIN: Final = 3.0
"""Seconds that the start waits for lists and names, and an admin for a name that he exempts.

What comes later lifts what was banned meanwhile."""

TAKEN_EVERY: Final = 1.0
"""Seconds after which the names that have been found by then are taken up, if some have not."""


class Exempting:
    """Brings to the book what changes, and lifts what has become exempt."""

    def __init__(
        self,
        book: ExemptionBook,
        ledger: Ledger,
        clock: Clock,
        *,
        enquiries: Enquiries,
        resolver: ReverseResolver,
        own_addresses: Callable[[], frozenset[str]],
        submit: Callable[[Iterable[Change]], None],
    ) -> None:
        """``submit`` takes the bans that were lifted."""
        self._book = book
        self._ledger = ledger
        self._clock = clock
        self._enquiries = enquiries
        self._resolver = resolver
        self._own_addresses = own_addresses
        self._submit = submit
        self._server = ServerSettings()
        self._redis: RedisList | None = None
        self._geo: Geo | None = None
        self._files: dict[str, FileList | PermissionsTable] = {}
        self._faults: list[str] = []
        self._reading: dict[KeptList, asyncio.Task[None]] = {}
        self._looking: set[asyncio.Task[None]] = set()
        self._deleting: set[asyncio.Task[None]] = set()
        self._told: dict[str, str] = {}

    @property
    def problems(self) -> list[str]:
        """What the admin should know of the lists: a sentence each."""
        return [*self._faults, *(kept.problem for kept in self._lists() if kept.problem)]

    def problem_of(self, key: str) -> str:
        """Say why a list can't be read; "" if it can, or is none of ours."""
        return next((kept.problem for kept in self._lists() if kept.key == key), "")

    async def configure(self, server: ServerSettings) -> None:
        """Go by these settings, and by the jails that the book knows, from now on."""
        wanted = self._book.lists()
        for key in self._files.keys() - wanted:
            del self._files[key]
        for key in wanted - self._files.keys():
            self._files[key] = self._list_of(key)
        for kept in self._files.values():
            if isinstance(kept, PermissionsTable):
                kept.hurry()
        if server != self._server:
            self._server = server
            await self._connect(server)
        self._book.forget_lists({kept.key for kept in self._lists()})
        await self.refresh()

    def _list_of(self, key: str) -> FileList | PermissionsTable:
        """Make the list that an entry of ignoreip names."""
        if key.startswith(PREFIX):
            return PermissionsTable(key, self._clock)
        return list_of(key, parsers.exempt)

    async def _connect(self, server: ServerSettings) -> None:
        """Take up the sources that hold for all jails."""
        self._faults = []
        if self._redis is not None:
            await self._redis.close()
            self._redis = None
        self._geo = None
        enquiries: list[Enquiry] = []
        if server.redis:
            with self._said():
                self._redis = RedisList(server.redis, server.redis_prefix, self._clock)
                enquiries.append(self._redis)
        if server.rdns_domains:
            outside = server.rdns_exempts is Reverse.OUTSIDE
            names = ReverseNames(server.rdns_domains, self._resolver, outside=outside)
            enquiries.append(names)
        if server.geo_database:
            with self._said():
                self._geo = Geo(
                    server.geo_database,
                    allow=server.geo_allow,
                    deny=server.geo_deny,
                    weights=dict(server.geo_weight),
                )
        if self._geo is None:
            self._book.set_checks({})
        else:
            self._book.set_checks({self._geo.key: self._geo.check}, self._geo.weight)
        self._book.set_lists_everywhere([] if self._redis is None else [self._redis.key])
        self._enquiries.set_everywhere(enquiries)

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Tell of a source that can't be taken up, and go on without it."""
        try:
            yield
        except LogbanError as error:
            self._faults.append(str(error))
            log.error("%s", error)  # noqa: TRY400  # the sentence says it all

    async def run(self) -> None:
        """Look names and addresses up again and again, until cancelled."""
        while True:
            await self._clock.sleep(LOOK_UP_EVERY)
            self._book.forget_names()
            await self._read_own()
            self._look_up(self._book.names())

    async def watch(self) -> None:
        """Look at the lists that others keep again and again, until cancelled."""
        while True:
            await self._clock.sleep(WATCH_EVERY)
            self._read_lists()

    async def refresh(self) -> None:
        """Look everything up now, lists included, and lift what has become exempt."""
        reading = self._read_lists()
        looking = self._look_up(self._book.names())
        await self._read_own()
        await asyncio.wait((*reading, looking), timeout=FIRST_WITHIN)
        self.lift()

    async def close(self) -> None:
        """Let go of what lists are read from."""
        tasks = (*self._reading.values(), *self._looking)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._redis is not None:
            await self._redis.close()

    def _look_up(self, names: Iterable[str]) -> asyncio.Task[None]:
        """Begin to look names up."""
        task = asyncio.create_task(self._learn(set(names)))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)
        return task

    async def _learn(self, names: Iterable[str]) -> None:
        """Look names up, and lift whom they exempt; one that hangs holds up no other."""
        left = {asyncio.ensure_future(look_up(self._resolver, [name])) for name in names}
        try:
            while left:
                done, left = await asyncio.wait(left, timeout=TAKEN_EVERY)
                found = ChainMap(*(task.result() for task in done))
                if self._book.set_addresses(found):
                    self.lift()
        finally:
            for task in left:
                task.cancel()

    async def _read_own(self) -> None:
        """Read the host's own addresses, and lift their bans."""
        try:
            own = await asyncio.to_thread(self._own_addresses)
        except OSError as error:
            log.warning("the host's own addresses can't be read: %s", error)
        else:
            if self._book.set_own(own):
                self.lift()

    def _lists(self) -> list[KeptList]:
        kept: list[KeptList] = [*self._files.values()]
        kept += [each for each in (self._redis, self._geo) if each is not None]
        return kept

    def _read_lists(self) -> list[asyncio.Task[None]]:
        """Begin to read every list that is not being read; one that hangs holds up no other."""
        for kept in self._lists():
            if kept not in self._reading:
                task = asyncio.create_task(self._read_list(kept))
                self._reading[kept] = task
                task.add_done_callback(lambda _: self._forget_read())
        return list(self._reading.values())

    def _forget_read(self) -> None:
        """Drop the readings that are over."""
        self._reading = {kept: task for kept, task in self._reading.items() if not task.done()}

    async def _read_list(self, kept: KeptList) -> None:
        try:
            listing = await kept.refresh()
        except Exception:  # one list's trouble must not end the others
            log.exception("the exemptions of %s can't be read", kept.key)
            return
        if kept.problem != self._told.get(kept.key, ""):
            self._told[kept.key] = kept.problem
            log.warning("exemptions: %s", kept.problem or f"{kept.key} is well again")
        if listing is None or kept not in self._lists():
            return
        self._book.set_listing(kept.key, listing)
        self._look_up(name for name in listing.names if not self._book.addresses(name))
        self.lift()

    async def allow(self, allowed: Allowed) -> list[Change]:
        """Exempt somebody from now on; give the bans that this lifted."""
        if is_name(allowed.entry):
            await asyncio.wait((self._look_up([allowed.entry]),), timeout=FIRST_WITHIN)
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
        elif self._redis is not None and self._redis.drop(exemption.entry):
            self._book.set_listing(self._redis.key, self._redis.listing())
            task = asyncio.create_task(self._redis.delete(exemption.entry))
            self._deleting.add(task)
            task.add_done_callback(self._deleting.discard)

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
        now = self._clock.now()
        changes: list[Change] = []
        for jail in self._ledger.jails():
            banned = (ban.subject for ban in self._ledger.active(jail))
            for subject in list(self._book.exempt_among(jail, banned)):
                changes += self._ledger.end(jail, subject, now, "exempt")
        self._submit(changes)
        return changes
