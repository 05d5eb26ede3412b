# SPDX-License-Identifier: MIT
"""The daemon: builds the pipeline out of the configuration, runs it, takes it down.

Read from top to bottom, this is the whole machine.  One asyncio loop owns every decision:

    sources -> jail (matching, judging) -> ledger -> actions

Whatever blocks (the database, the kernel, mail, names) is done by somebody's thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from logban.clock import Clock
from logban.config.settings import Configuration, JailSettings
from logban.durations import format_duration
from logban.errors import LedgerError, LogbanError
from logban.jail import Actions, Jail
from logban.judging.exemption_book import ExemptionBook, is_name
from logban.judging.exemptions import Exemption
from logban.judging.names import Resolver, look_up
from logban.judging.tracker import Tracked
from logban.ledger.ledger import Ledger
from logban.ledger.records import Allowed, Checkpoint
from logban.ledger.store import Store
from logban.model import Block, Change, ChangeKind, Subject
from logban.sources.files import FileSources

log = logging.getLogger(__name__)

COMMIT_EVERY: Final = 1.0
RESCAN_EVERY: Final = 1.0
LOOK_UP_EVERY: Final = 60.0
TIDY_EVERY: Final = 60.0
"""Seconds between two rounds of each of the daemon's timers."""

SETTLE_WITHIN: Final = 2.0
"""Seconds that an order by hand waits at the most for the actions to carry it out."""

KEEP_HISTORY: Final = 90 * 86400.0
"""Seconds for which bans that are over stay in the database."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class World:
    """What the daemon is handed of the world outside."""

    clock: Clock
    resolver: Resolver
    own_addresses: Callable[[], frozenset[str]]


class Daemon:
    """The running machine."""

    def __init__(self, configuration: Configuration, store: Store, world: World) -> None:
        self.configuration = configuration
        self.store = store
        self.clock = world.clock
        self.started = world.clock.now()
        self.jails: dict[str, Jail] = {}
        self.actions: dict[str, Actions] = {}
        self.exemptions = ExemptionBook()
        self.ledger = Ledger(self.exemptions.exempt)
        self.commit_error = ""
        self._world = world
        self._stored = store.load()
        self.sources = FileSources(clock=world.clock, positions=self._stored.positions)
        self._uncommitted = Checkpoint()
        self._committing = asyncio.Lock()
        self._database_thread = ThreadPoolExecutor(1, "ledger")
        self._ends_changed = asyncio.Event()

    async def run(self, ready: Callable[[], Awaitable[None]] | None = None) -> None:
        """Work until cancelled; call ``ready`` once everything has been taken up."""
        for settings in self.configuration.jails.values():
            self._build(settings)
        await self._refresh_exemptions()
        self._restore()
        for actions in self.actions.values():
            actions.start()
        if ready is not None:
            await ready()
        try:
            async with asyncio.TaskGroup() as tasks:
                for stage in (
                    self._read_lines,
                    self._rescan,
                    self._end_bans,
                    self._commit_regularly,
                    self._keep_exemptions,
                    self._tidy,
                ):
                    tasks.create_task(self._supervise(stage))
        finally:
            await self._close()

    # Building

    def _build(self, settings: JailSettings) -> None:
        """Put a jail together and let it follow its files; its actions are not started yet."""
        name = settings.name
        self.exemptions.set_jail(
            name, settings.ignore, f"ignoreip of [{name}]", own=settings.ignore_self
        )
        self.jails[name] = Jail(
            settings,
            exempt=lambda subject: self.exemptions.exempt(name, subject),
            floors=self.ledger.floors,
            match_timeout=self.configuration.server.match_timeout,
            max_tracked=self.configuration.server.max_tracked,
        )
        self.actions[name] = Actions(settings.actions, self.clock, lambda: self.ledger.active(name))
        for path in settings.log_paths:
            self.sources.follow([path.pattern], backend=settings.backend, start=path.start)

    def _restore(self) -> None:
        """Take up what the database holds from the run before."""
        now = self.clock.now()
        self._submit(self.ledger.restore(self._stored, now), announce=False)
        self._refresh_allowed(now)
        for (jail, subject), text in self._stored.tracked.items():
            if jail in self.jails:
                self.jails[jail].judge.tracker.restore(subject, Tracked.from_text(text))
        known = {*self.jails, *self.configuration.failed}
        orphans = self.ledger.lift_where(
            lambda ban: ban.jail not in known, now, "its jail is no longer configured"
        )
        if orphans:
            log.warning("%d bans of jails that are no longer configured have ended", len(orphans))
        self._lift_exempt(now)

    # The way of a line

    async def _read_lines(self) -> None:
        async for block in self.sources.blocks():
            self._take(block)

    def _take(self, block: Block) -> None:
        """Pass a block through every jail that follows its file, and on to the actions.

        Nothing here waits: the sources' positions count a block as handled as soon as they have
        given it, so a checkpoint must never come between.
        """
        now = self.clock.now()
        patterns = self.sources.patterns_of(block.source)
        changes = []
        for jail in self.jails.values():
            if not any(path.pattern in patterns for path in jail.settings.log_paths):
                continue
            for verdict in jail.take(block, now):
                change = self.ledger.decide(verdict, now)
                if change is not None:
                    changes.append(change)
        self._submit(changes)

    def _submit(self, changes: Iterable[Change], *, announce: bool = True) -> None:
        """Hand changes of the ledger on to the actions of their jails."""
        by_jail: dict[str, list[Change]] = {}
        for change in changes:
            by_jail.setdefault(change.ban.jail, []).append(change)
            if announce:
                self._announce(change)
        for name, of_jail in by_jail.items():
            if name in self.actions:
                self.actions[name].submit(of_jail)
            if name in self.jails:
                self.jails[name].banned_total += sum(
                    change.kind is ChangeKind.BAN for change in of_jail
                )
        if by_jail:
            self._ends_changed.set()

    def _announce(self, change: Change) -> None:
        ban = change.ban
        about = ""
        if change.kind in (ChangeKind.BAN, ChangeKind.EXTEND):
            left = ban.remaining(change.time)
            span = "for ever" if left is None else f"for {format_duration(left)}"
            why = f"after {ban.failures} failures ({ban.rule})" if ban.rule else "by hand"
            about = f" {span} {why}"
        log.info("[%s] %s %s%s", ban.jail, change.kind.value, ban.subject, about)

    async def _end_bans(self) -> None:
        """End each ban when its time is up."""
        while True:
            self._ends_changed.clear()
            self._submit(self.ledger.expire(self.clock.now()))
            end = self.ledger.next_end()
            await self._sleep_until(end, self._ends_changed)

    async def _sleep_until(self, moment: float | None, sooner: asyncio.Event) -> None:
        """Return at a moment (None: never), or as soon as an event comes."""
        # Awake at least once a minute: the host's clock may be set.
        seconds = 60.0
        if moment is not None:
            seconds = min(seconds, max(0.0, moment - self.clock.now()) + 0.001)
        waits: set[asyncio.Future[object]] = {
            asyncio.ensure_future(sooner.wait()),
            asyncio.ensure_future(self.clock.sleep(seconds)),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    # The timers

    async def _rescan(self) -> None:
        while True:
            await self.clock.sleep(RESCAN_EVERY)
            self.sources.rescan()

    async def _commit_regularly(self) -> None:
        while True:
            await self.clock.sleep(COMMIT_EVERY)
            try:
                await self.commit()
            except LedgerError as error:
                if self.commit_error != str(error):
                    log.error("%s; trying again", error)  # noqa: TRY400  # the sentence says it all
                self.commit_error = str(error)

    async def commit(self) -> None:
        """Write to the database all that has changed; LedgerError keeps it for the next time."""
        async with self._committing:
            checkpoint = replace(
                self.ledger.checkpoint(),
                tracked={
                    (name, subject): text
                    for name, jail in self.jails.items()
                    for subject, text in jail.judge.tracker.take_dirty().items()
                },
                positions=self.sources.take_changed(),
                retired=self.sources.take_retired(),
            )
            self._uncommitted = self._uncommitted.then(checkpoint)
            if self._uncommitted.is_empty():
                return
            await self.in_database(self.store.commit, self._uncommitted)
            self._uncommitted = Checkpoint()
            self.commit_error = ""

    async def in_database(self, work: Callable[..., T], *arguments: object) -> T:
        """Do something with the database in its thread."""
        return await asyncio.get_running_loop().run_in_executor(
            self._database_thread, work, *arguments
        )

    async def _keep_exemptions(self) -> None:
        while True:
            await self.clock.sleep(LOOK_UP_EVERY)
            await self._refresh_exemptions()

    async def _refresh_exemptions(self) -> None:
        """Look names and the host's own addresses up, and lift what has become exempt."""
        names = self.exemptions.names()
        if names:
            self.exemptions.set_addresses(await look_up(self._world.resolver, names))
        try:
            self.exemptions.set_own(await asyncio.to_thread(self._world.own_addresses))
        except OSError as error:
            log.warning("the host's own addresses can't be read: %s", error)
        self._lift_exempt(self.clock.now())

    async def _tidy(self) -> None:
        """Forget what has become too old to matter."""
        while True:
            await self.clock.sleep(TIDY_EVERY)
            now = self.clock.now()
            for jail in self.jails.values():
                jail.judge.tidy(now)
            longest = max((jail.settings.findtime for jail in self.jails.values()), default=0.0)
            self.ledger.forget_floors(now - longest)
            self._drop_ended_exemptions(now)
            await self.in_database(self.store.purge, now - KEEP_HISTORY)

    # The admin's orders

    async def order(self, changes: Iterable[Change]) -> None:
        """Carry out what an admin ordered.

        Return when it is in the database and in force, but do not wait long for an action that
        does not get on.
        """
        taken = list(changes)
        self._submit(taken)
        await self.commit()
        concerned = {change.ban.jail for change in taken} & self.actions.keys()
        settled = [self.actions[name].settled() for name in concerned]
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*settled), SETTLE_WITHIN)

    def forgive(self, subject: Subject, now: float, *, jail: str | None, by: str) -> list[Change]:
        """Lift a subject's bans and let its count start again; the caller hands the changes on."""
        for each in self.jails.values():
            if jail in (None, each.name):
                each.judge.tracker.clear(subject)
        return self.ledger.lift(subject, now, jail=jail, by=by)

    async def allow(self, allowed: Allowed) -> list[Change]:
        """Exempt somebody from now on; give the bans that this lifted."""
        if is_name(allowed.entry):
            self.exemptions.set_addresses(await look_up(self._world.resolver, [allowed.entry]))
        self.ledger.allow(allowed)
        lifted = self._refresh_allowed(self.clock.now())
        await self.commit()
        return lifted

    async def disallow(self, entry: str) -> None:
        """Take an exemption by hand back."""
        self.ledger.disallow(entry)
        self._refresh_allowed(self.clock.now())
        await self.commit()

    def _refresh_allowed(self, now: float) -> list[Change]:
        """Let the exemptions by hand hold; give the bans that this lifted."""
        self.exemptions.set_everywhere(
            Exemption(item.entry, "allow add") for item in self.ledger.allowed.values()
        )
        return self._lift_exempt(now)

    def _drop_ended_exemptions(self, now: float) -> None:
        ended = [
            item.entry
            for item in self.ledger.allowed.values()
            if item.until is not None and item.until <= now
        ]
        for entry in ended:
            self.ledger.disallow(entry)
        if ended:
            self._refresh_allowed(now)

    def _lift_exempt(self, now: float) -> list[Change]:
        """Lift every ban on a subject that is exempt now."""
        changes = self.ledger.lift_where(
            lambda ban: self.exemptions.exempt(ban.jail, ban.subject) is not None, now, "exempt"
        )
        self._submit(changes)
        return changes

    # Reloading

    async def reload(self, new: Configuration) -> list[str]:
        """Go over to another configuration, touching only what differs; tell what changed.

        Counts go on, bans stay; those of a jail that is gone are lifted.
        """
        old, self.configuration = self.configuration, new
        now = self.clock.now()
        said = []
        for name in old.jails.keys() - new.jails.keys():
            changes = self.ledger.lift_where(lambda ban, name=name: ban.jail == name, now, "reload")  # type: ignore[misc]  # binds the loop's name
            self._submit(changes)
            await self._dismantle(name)
            said.append(f"jail {name} is gone; {len(changes)} bans lifted")
        for name, settings in new.jails.items():
            if name not in old.jails:
                self._build(settings)
                self.actions[name].start()
                said.append(f"jail {name} is new")
            elif settings != old.jails[name] or new.server != old.server:
                await self._rebuild(settings)
                said.append(f"jail {name} has changed")
        await self._refresh_exemptions()
        return said

    async def _rebuild(self, settings: JailSettings) -> None:
        """Put a jail together anew; who was being counted still is."""
        before = self.jails[settings.name]
        actions = self.actions[settings.name]
        keep_actions = settings.actions == before.settings.actions
        if not keep_actions:
            kept = {(spec.type_name, spec.parameters.get("name")) for spec in settings.actions}
            given_up = {
                worker
                for worker in actions.workers
                if (worker.spec.type_name, worker.spec.parameters.get("name")) not in kept
            }
            await actions.close(lift=list(self.ledger.active(settings.name)), of=given_up)
        self._unfollow(before.settings)
        self._build(settings)
        if keep_actions:
            self.actions[settings.name] = actions
        else:
            self.actions[settings.name].start()
        after = self.jails[settings.name]
        after.banned_total = before.banned_total
        for subject in before.judge.tracker:
            tracked = before.judge.tracker.get(subject)
            if tracked is not None:
                after.judge.tracker.restore(subject, tracked)

    async def _dismantle(self, name: str) -> None:
        jail, actions = self.jails.pop(name), self.actions.pop(name)
        self._unfollow(jail.settings)
        self.exemptions.forget_jail(name)
        await actions.close()

    def _unfollow(self, settings: JailSettings) -> None:
        """Stop following the files that no other jail follows."""
        others = {
            path.pattern
            for jail in self.jails.values()
            if jail.name != settings.name
            for path in jail.settings.log_paths
        }
        self.sources.forget(
            [path.pattern for path in settings.log_paths if path.pattern not in others]
        )

    # Supervision and the end

    async def _supervise(self, stage: Callable[[], Awaitable[None]]) -> None:
        """Keep a stage going: an error that nobody foresaw is logged and the stage starts again."""
        pause = 1.0
        while True:
            try:
                await stage()
            except Exception:
                log.exception("%s failed; it starts again in %.0f s", stage.__name__, pause)
            await self.clock.sleep(pause)
            pause = min(60.0, pause * 2)

    async def _close(self) -> None:
        self.sources.close()
        await asyncio.gather(*(actions.close() for actions in self.actions.values()))
        try:
            await self.commit()
        except LogbanError as error:
            log.error("at the end: %s", error)  # noqa: TRY400  # the sentence says it all
        self.store.close()
        self._database_thread.shutdown()
