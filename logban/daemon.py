# SPDX-License-Identifier: MIT
"""The daemon: builds the pipeline out of the configuration, runs it, takes it down.

Read from top to bottom, this is the whole machine.  One asyncio loop owns every decision:

    sources -> jail (matching, judging) -> ledger -> actions

Whatever blocks (the database, the kernel, mail, names) is done by somebody's thread.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from logban.clock import Clock
from logban.config.settings import Configuration
from logban.errors import LedgerError
from logban.judging.brakes import Brakes
from logban.judging.exemptions.abuse import Abuse
from logban.judging.exemptions.book import ExemptionBook
from logban.judging.exemptions.enquiries import Enquiries
from logban.judging.exemptions.names import Resolver, ReverseResolver
from logban.judging.scrutiny.trust import Trust
from logban.ledger.checkpoints import Checkpoints
from logban.ledger.ledger import Ledger
from logban.ledger.opening import Opened
from logban.ledger.records import Allowed, Checkpoint
from logban.matching.engine.saved import ProgramStore
from logban.model import Block, Change, Subject, Verdict
from logban.running.deciding import Deciding
from logban.running.exempting import Exempting
from logban.running.filters import Found
from logban.running.handing import Handing
from logban.running.host_time import HostTime
from logban.running.jail import Jail
from logban.running.jails import Jails
from logban.running.keeping import Keeping
from logban.running.naming import Naming
from logban.running.numbering import Numbering
from logban.running.places import Places
from logban.sources.files import FileSources
from logban.supervision import sleep_until, supervise

log = logging.getLogger(__name__)

RESCAN_EVERY: Final = 1.0
TIDY_EVERY: Final = 60.0
"""Seconds between two rounds of each of the daemon's timers."""

CATCH_UP_WITHIN: Final = 60.0
"""Seconds after which bans of nobody's are lifted though a log has not been read to its end."""

KEEP_HISTORY: Final = 90 * 86400.0
"""Seconds for which bans that are over stay in the database."""


@dataclass(frozen=True, slots=True)
class World:
    """What the daemon is handed of the world outside.

    ``host_resolver`` looks up names out of logs, ``resolver`` those of the configuration and, where
    there is no other, all.  ``programs`` is where the programs of filters are kept.
    """

    clock: Clock
    resolver: ReverseResolver
    own_addresses: Callable[[], frozenset[str]]
    host_resolver: Resolver | None = None
    programs: ProgramStore | None = None


class Daemon:
    """The running machine."""

    def __init__(self, configuration: Configuration, opened: Opened, world: World) -> None:
        self.clock = world.clock
        self.started = world.clock.now()
        stored = opened.stored
        self._ends_changed = asyncio.Event()
        self.sources = FileSources(
            clock=world.clock,
            positions=stored.positions,
            is_old=self._is_old,
        )
        self.exemptions = ExemptionBook()
        self.exemptions.restore(stored.names)
        self.ledger = Ledger(self.exemptions.exempt)
        self.trust = Trust()
        self.deciding = Deciding(
            self.ledger,
            Enquiries(world.clock),
            Brakes(lambda subject: self.trust.registered(subject.network, world.clock.now())),
            world.clock,
            submit=self._submit,
            tell=lambda notice: self._submit([Change.of_notice(notice)]),
        )
        self._exempting = Exempting(
            self.exemptions,
            self.ledger,
            world.clock,
            enquiries=self.deciding.enquiries,
            resolver=world.resolver,
            own_addresses=world.own_addresses,
            submit=self._submit,
        )
        self.checkpoints = Checkpoints(opened.store, world.clock, self._changed, self._tell)
        self.jails = Jails(
            configuration,
            world.clock,
            sources=self.sources,
            exemptions=self.exemptions,
            ledger=self.ledger,
            abuse=Abuse(self._exempting.lose),
            trust=self.trust,
            deciding=self.deciding,
            submit=self._submit,
            evidence=self.checkpoints.evidence,
            programs=world.programs,
            places=Places(
                stored.notes, lambda notes: self.checkpoints.add(Checkpoint(notes=notes))
            ),
        )
        self.keeping = Keeping(
            opened,
            world.clock,
            sources=self.sources,
            exemptions=self.exemptions,
            ledger=self.ledger,
            trust=self.trust,
            deciding=self.deciding,
            jails=self.jails,
            checkpoints=self.checkpoints,
            ends_changed=self._ends_changed,
        )
        self.handing = Handing(self.jails, self.checkpoints, world.clock, self._ends_changed)
        self.naming = Naming(
            world.host_resolver or world.resolver,
            world.clock,
            jail=self.jails.running.get,
            decide=self._decide,
        )
        self.numbering = Numbering(
            world.clock, lambda: (jail.judge for jail in self.jails.running.values())
        )
        self._host_time = HostTime(world.clock, self._bring_back, self._ends_changed.set)
        self._reloading = asyncio.Lock()

    @property
    def configuration(self) -> Configuration:
        """What the daemon runs by."""
        return self.jails.configuration

    async def run(self, ready: Callable[[], Awaitable[None]] | None = None) -> None:
        """Work until cancelled; call ``ready`` once everything has been taken up."""
        async with self._reloading:  # a reload waits until there is something to reload
            self.jails.build_all()
            await self._exempting.configure(self.configuration.server)
            self._number(self.configuration)
            self.keeping.take_up()
            self._exempting.drop_ended()
            self._exempting.take_up()
            self.jails.start(self.keeping.adopt if self.keeping.is_lost else None)
            # From now on it is known which files were there, whatever becomes of them and of us.
            with suppress(LedgerError):  # said when it is tried again
                await self.checkpoints.commit()
        try:
            if ready is not None:
                await ready()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.jails.sweep(self.configuration.jails.values()))
                tasks.create_task(self._catch_up())
                for stage in (
                    self.jails.filters.run,
                    self._read_lines,
                    self._rescan,
                    self._end_bans,
                    self.checkpoints.run,
                    self.deciding.run,
                    self._exempting.run,
                    self._exempting.watch,
                    self.numbering.run,
                    self._tidy,
                ):
                    tasks.create_task(supervise(stage, self.clock))
        finally:
            self.sources.close()
            await self.naming.close()
            await self.deciding.close()
            await self._exempting.close()
            with suppress(LedgerError):  # said below
                await self.checkpoints.commit()  # behind it, people are told of the last changes
            self.handing.announce()
            self.handing.sum_up()
            await self.jails.close()
            await self.checkpoints.close()

    def _number(self, configuration: Configuration) -> None:
        """Have Asterisk asked for its extensions where a jail goes by them."""
        self.numbering.configure(configuration.server.ami, configuration.server.ami_every)

    async def _catch_up(self) -> None:
        """Have what nobody wants in force lifted once the lines of before have been read.

        What was put in force behind the last checkpoint before a crash is not in the ledger until
        its lines have been read again, and must have no gap.
        """
        give_up = self.clock.steady() + CATCH_UP_WITHIN
        await self.clock.sleep(RESCAN_EVERY)
        while self.sources.is_catching_up and self.clock.steady() < give_up:
            await self.clock.sleep(RESCAN_EVERY)
        await self.clock.sleep(2 * RESCAN_EVERY)  # for lines that a filter has held back
        self.handing.is_catching_up = False
        self.jails.catch_up()

    # The way of a line

    def _is_old(self, patterns: frozenset[str], line: bytes) -> bool | None:
        """Tell whether a line of a file, by what leads to it, is too old to matter."""
        return self.jails.is_old(patterns, line)

    async def _read_lines(self) -> None:
        async for block in self.sources.blocks():
            self._take(block)

    def _take(self, block: Block) -> None:
        """Pass a block through every jail that follows its file, and on to the actions.

        Nothing here waits: the sources' positions count a block as handled as soon as they have
        given it, so a checkpoint must never come between.
        """
        now = self._host_time.now()
        filters = self.jails.filters
        found = filters.take(block, now)
        self._judge(found, block.live, now)
        filters.look_over(block, found, now)

    def _bring_back(self, now: float) -> None:
        """Go on though the clock was set back."""
        for jail in self.jails.running.values():
            jail.judge.bring_back(now)

    def _decide(self, verdicts: Iterable[Verdict], now: float) -> None:
        """Enter verdicts in the ledger, and hand on what comes of them."""
        self._submit(self.deciding.take(verdicts, now))
        if self.deciding.pending:
            self.checkpoints.hurry()

    def _hear(self, jail: Jail) -> None:
        """Hand on what a jail's judge has to say beside its verdicts."""
        self._submit([Change.of_notice(notice) for notice in jail.judge.take_notices()])
        for subject, time in jail.judge.take_released():
            self._submit(self.ledger.end(jail.name, subject, time, "success"))

    def _judge(self, found: Sequence[Found], live: bool, now: float) -> None:
        """Have jails judge what was found, and hand on what they say; none may stop the others."""
        verdicts = []
        for each in found:
            jail = each.jail
            try:
                verdicts += jail.take(each.outcomes, live=live, now=now)
                verdicts += self.naming.take(jail, each.named, live=live, now=now)
            except Exception:
                log.exception("[%s] %d failures are lost", jail.name, len(each.outcomes))
        self._decide(verdicts, now)
        for each in found:
            self._hear(each.jail)

    def _submit(self, changes: Iterable[Change]) -> None:
        """Hand changes on; the parts that are made first can't know the one that does it yet."""
        self.handing.submit(changes)

    def _tell(self) -> None:
        """Let people be told: an attempt to write to the database is over."""
        self.handing.tell()

    async def _end_bans(self) -> None:
        """End each ban, and each exemption by hand, when its time is up."""
        while True:
            self._ends_changed.clear()
            self._submit(self.ledger.expire(self.clock.now()))
            self._exempting.drop_ended()
            ends = [self.ledger.next_end(), *(each.until for each in self.ledger.allowed.values())]
            end = min((end for end in ends if end is not None), default=None)
            await sleep_until(self.clock, end, self._ends_changed)

    # The timers

    async def _rescan(self) -> None:
        """Look at all files, in case that nobody has told of a change, and at what waits."""
        while True:
            await self.clock.sleep(RESCAN_EVERY)
            self.sources.rescan()
            now = self._host_time.now()
            self._judge(self.jails.filters.release(now), False, now)
            for jail in self.jails.running.values():
                self._hear(jail)
            self.handing.sum_up()

    async def _tidy(self) -> None:
        """Forget what has become too old to matter."""
        while True:
            await self.clock.sleep(TIDY_EVERY)
            now = self.clock.now()
            jails = self.jails.running.values()
            for jail in jails:
                jail.judge.tidy(now)
            self.trust.tidy(now)
            longest = max((jail.settings.findtime for jail in jails), default=0.0)
            self.ledger.forget_floors(now - longest)
            store = self.checkpoints.store
            await self.checkpoints.in_database(store.purge, now - KEEP_HISTORY)

    def _changed(self) -> Checkpoint:
        """Give all that has changed since the last call, for one transaction."""
        self.handing.begin_commit()
        return self.keeping.gather()

    @property
    def problems(self) -> list[str]:
        """What the admin should know and no jail's status says: a sentence each."""
        return [
            *([self.checkpoints.error] if self.checkpoints.error else []),
            *([self.keeping.lost] if self.keeping.lost else []),
            *(f"exemptions: {problem}" for problem in self._exempting.problems),
            *self.naming.problems,
            *([self.numbering.problem] if self.numbering.problem else []),
        ]

    def problem_of_list(self, key: str) -> str:
        """Say why a list of exemptions that somebody else keeps can't be read; "" if it can."""
        return self._exempting.problem_of(key)

    # The admin's orders

    def forgive(self, subject: Subject, now: float, *, jail: str | None, by: str) -> list[Change]:
        """Lift a subject's bans and let its count start again; the caller hands the changes on."""
        for each in self.jails.running.values():
            if jail in (None, each.name):
                each.judge.clear(subject)
        self.deciding.forget(subject, jail)
        for name, actions in self.jails.actions.items():
            if jail in (None, name):
                actions.disown(subject)
        return self.ledger.lift(subject, now, jail=jail, by=by)

    async def allow(self, allowed: Allowed) -> list[Change]:
        """Exempt somebody from now on; give the bans that this lifted."""
        lifted = await self._exempting.allow(allowed)
        for jail in self.jails.running.values():
            jail.judge.ask_anew()
        self._ends_changed.set()
        await self.checkpoints.commit()
        return lifted

    async def disallow(self, entry: str) -> None:
        """Take an exemption by hand back."""
        self._exempting.disallow(entry)
        await self.checkpoints.commit()

    async def reload(self, new: Configuration) -> list[str]:
        """Go over to another configuration, touching only what differs; tell what changed."""
        async with self._reloading:
            logging.getLogger().setLevel(new.server.loglevel)
            before = {*self.configuration.jails, *self.configuration.failed}
            said = await self.jails.go_over(new)
            for name in before - {*new.jails, *new.failed}:
                self.deciding.forget_jail(name)
            await self._exempting.configure(new.server)
            self._number(new)
            gc.collect()  # jails hold their parts in cycles, and the collector seldom comes by
            return said
