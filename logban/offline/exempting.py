# SPDX-License-Identifier: MIT
"""Who is exempt in a replay: by this host's files always, by what has to be asked on request.

Files and databases of countries are at hand; a Redis, the DNS and other programs have to be asked,
and answer as of today, whatever they said when the log was written.  So they are asked only
where that is wanted, and who was not asked is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from logban.clock import SystemClock
from logban.config import parsers
from logban.config.settings import JailSettings, Reverse, ServerSettings
from logban.errors import LogbanError
from logban.judging.exemptions.book import ExemptionBook
from logban.judging.exemptions.enquiries import Enquiries
from logban.judging.exemptions.files import list_of
from logban.judging.exemptions.geo import Geo
from logban.judging.exemptions.names import ReverseResolver
from logban.judging.exemptions.rdns import ReverseNames
from logban.judging.exemptions.redis import RedisList
from logban.judging.judge import Judge
from logban.model import Verdict
from logban.running.numbering import ask as ask_manager
from logban.running.permissions_table import PREFIX, PermissionsTable

NAMES: Final = "the names in ignoreip"
REDIS: Final = "Redis"
REVERSE: Final = "the names of addresses (rdns_domains)"
MANAGER: Final = "Asterisk (extensions = ami)"
PROGRAM: Final = "ignorecommand"


class Exempting:
    """The exemptions of some jails, as of today."""

    def __init__(
        self,
        book: ExemptionBook,
        server: ServerSettings,
        jails: Iterable[JailSettings],
        resolver: ReverseResolver | None = None,
    ) -> None:
        """Read files and databases into the book; ask all others where there is a resolver."""
        self.problems: list[str] = []
        """What can't be read: a sentence each."""
        self.unasked: list[str] = []
        """Who might have exempted somebody and was not asked."""
        self.enquiries = Enquiries(SystemClock())
        self._book = book
        self._runner: asyncio.Runner | None = None
        self._read_geo(server)
        keys = sorted(book.lists())
        for key in keys:
            if not key.startswith(PREFIX):
                kept = list_of(key, parsers.exempt)
                listing = kept.read()
                if listing is not None:
                    book.set_listing(key, listing)
                self._note(kept.problem)
        remote = [key for key in keys if key.startswith(PREFIX)]
        if resolver is None:
            self._leave(server, remote)
        else:
            self._runner = asyncio.Runner()
            self._ask(self._runner, server, remote, resolver)
        if any(jail.ignore_command for jail in jails):
            self.unasked.append(PROGRAM)

    def consult(self, verdict: Verdict) -> None:
        """Have it in memory, before it is decided, what is to be asked about a subject."""
        if self._runner is not None and self.enquiries.concerned(verdict):
            self._runner.run(self.enquiries.ask(verdict))

    def number(self, judge: Judge, server: ServerSettings) -> None:
        """Give a judge the extensions that Asterisk has, if it goes by them."""
        if not judge.asks_for_extensions or server.ami is None:
            return
        if self._runner is None:
            self.unasked.append(MANAGER)
            return
        try:
            judge.set_extensions(ask_manager(server.ami))
        except (OSError, ValueError) as error:
            self._note(f"the extensions can't be asked for: {error}")

    def close(self) -> None:
        """Let go of what was asked."""
        if self._runner is not None:
            self._runner.close()

    def _note(self, problem: str) -> None:
        if problem:
            self.problems.append(problem)

    def _read_geo(self, server: ServerSettings) -> None:
        if not server.geo_database:
            return
        try:
            geo = Geo(
                server.geo_database,
                allow=server.geo_allow,
                deny=server.geo_deny,
                weights=dict(server.geo_weight),
            )
        except LogbanError as error:
            self._note(str(error))
            return
        geo.read()
        self._note(geo.problem)
        self._book.set_checks({geo.key: geo.check}, geo.weight)

    def _leave(self, server: ServerSettings, remote: list[str]) -> None:
        """Note who is not asked."""
        asked = ((self._book.names(), NAMES), (server.redis, REDIS), (server.rdns_domains, REVERSE))
        self.unasked += [name for is_there, name in asked if is_there]
        self.unasked += remote

    def _ask(
        self,
        runner: asyncio.Runner,
        server: ServerSettings,
        remote: Iterable[str],
        resolver: ReverseResolver,
    ) -> None:
        """Ask everybody who can be asked beforehand."""
        for key in remote:
            table = PermissionsTable(key, SystemClock())
            listing = table.read()
            self._note(table.problem)
            if listing is not None:
                self._book.set_listing(key, listing)
        if server.redis:
            runner.run(self._read_redis(server.redis, server.redis_prefix))
        names = self._book.names()
        if names:
            runner.run(self._look_up(resolver, names))
        if server.rdns_domains:
            outside = server.rdns_exempts is Reverse.OUTSIDE
            self.enquiries.set_everywhere(
                [ReverseNames(server.rdns_domains, resolver, outside=outside)]
            )

    async def _read_redis(self, url: str, prefix: str) -> None:
        try:
            kept = RedisList(url, prefix, SystemClock())
        except LogbanError as error:
            self._note(str(error))
            return
        try:
            listing = await kept.refresh()
        finally:
            await kept.close()
        self._note(kept.problem)
        if listing is not None:
            self._book.set_lists_everywhere([kept.key])
            self._book.set_listing(kept.key, listing)

    async def _look_up(self, resolver: ReverseResolver, names: Iterable[str]) -> None:
        asked = sorted(names)
        answers = await asyncio.gather(*map(resolver.resolve, asked), return_exceptions=True)
        found = {}
        for name, answer in zip(asked, answers, strict=True):
            if isinstance(answer, OSError | ValueError):
                self._note(f"ignoreip: {name} does not resolve ({answer or 'no answer'})")
            elif isinstance(answer, BaseException):
                raise answer
            else:
                found[name] = answer
        self._book.set_addresses(found)
