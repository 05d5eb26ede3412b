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

from logban.actions import catalogue
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
from logban.model import Block, Change, ChangeKind, Subject, Verdict
from logban.sources.files import FileSources

log = logging.getLogger(__name__)

TURNS: Final = 20
"""Turns of the loop between two blocks: an answer to an admin takes some ten."""

COMMIT_SOONEST: Final = 0.1
COMMIT_EVERY: Final = 1.0
RESCAN_EVERY: Final = 1.0
LOOK_UP_EVERY: Final = 60.0
TIDY_EVERY: Final = 60.0
"""Seconds between two rounds of each of the daemon's timers.

A ban goes to disk sooner than a mere count: until then a crash makes it a new one, which is told
of again.
"""

SETTLE_WITHIN: Final = 2.0
"""Seconds that an order by hand waits at the most for the actions to carry it out."""

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
"""Seconds from a stage's failure to its next start; doubled each time, up to the longest."""

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
        self._reloading = asyncio.Lock()
        self._database_thread = ThreadPoolExecutor(1, "ledger")
        self._ends_changed = asyncio.Event()
        self._to_commit = asyncio.Event()

    async def run(self, ready: Callable[[], Awaitable[None]] | None = None) -> None:
        """Work until cancelled; call ``ready`` once everything has been taken up."""
        for settings in self.configuration.jails.values():
            self._build(settings)
        await self._refresh_exemptions()
        self._restore()
        for actions in self.actions.values():
            actions.start()
        try:
            if ready is not None:
                await ready()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._sweep(self.configuration.jails.values()))
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
        """Put a jail together with its actions; those are not started yet."""
        self._build_jail(settings)
        self.actions[settings.name] = self._make_actions(settings)

    def _make_actions(self, settings: JailSettings, earlier: Actions | None = None) -> Actions:
        name = settings.name
        return Actions(
            settings.actions,
            self.clock,
            lambda: self.ledger.active(name),
            earlier,
            self._exempt_anywhere,
        )

    def _exempt_anywhere(self, subject: Subject) -> str:
        """Tell by what entry a subject is exempt in any jail; "" if it is in none."""
        found = (self.exemptions.exempt(jail, subject) for jail in self.jails)
        return next((exemption.entry for exemption in found if exemption is not None), "")

    def _build_jail(self, settings: JailSettings) -> None:
        """Put a jail together as far as its verdicts, and let it follow its files."""
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
        for path in settings.log_paths:
            self.sources.follow([path.pattern], backend=settings.backend, start=path.start)

    def _restore(self) -> None:
        """Take up what the database holds from the run before."""
        now = self.clock.now()
        self._submit(self.ledger.restore(self._stored, now), announce=False)
        self._drop_ended_exemptions(now)
        self._refresh_allowed(now)
        known = {*self.jails, *self.configuration.failed}
        for (jail, subject), text in self._stored.tracked.items():
            if jail in self.jails:
                self.jails[jail].judge.tracker.restore(subject, Tracked.from_text(text))
        self._uncommitted = Checkpoint(
            tracked={key: None for key in self._stored.tracked if key[0] not in known}
        )
        orphans = self.ledger.lift_where(
            lambda ban: ban.jail not in known, now, "its jail is no longer configured"
        )
        if orphans:
            log.warning("%d bans of jails that are no longer configured have ended", len(orphans))
        self._lift_exempt(now)

    async def _sweep(self, jails: Iterable[JailSettings]) -> None:
        """Remove the chains and sets that jails of before have left, of the types used in these.

        Where a jail has failed, nobody can tell which are its own; so nothing is removed then.
        """
        if self.configuration.failed:
            return
        used = _places(self.configuration.jails.values())
        for kind in sorted({place.type_name for place in _places(jails)}):
            keep = {place.name for place in used if place.type_name == kind}
            try:
                gone = await asyncio.to_thread(catalogue.sweep, kind, keep)
            except LogbanError as error:
                log.warning("what earlier jails have left in %s can't be removed: %s", kind, error)
            except Exception:
                log.exception("what earlier jails have left in %s can't be removed", kind)
            else:
                if gone:
                    log.info(
                        "removed what earlier jails have left in %s: %s", kind, ", ".join(gone)
                    )

    # The way of a line

    async def _read_lines(self) -> None:
        async for block in self.sources.blocks():
            self._take(block)
            for _ in range(TURNS):
                await asyncio.sleep(0)

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
            for verdict in self._judge(jail, block, now):
                change = self.ledger.decide(verdict, now)
                if change is not None:
                    changes.append(change)
        self._submit(changes)

    def _judge(self, jail: Jail, block: Block, now: float) -> list[Verdict]:
        """Give what a jail makes of a block; no text that anybody sends may stop the others."""
        try:
            return jail.take(block, now)
        except Exception:
            log.exception("[%s] a block of %r at %d is lost", jail.name, block.source, block.offset)
            return []

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
            self._to_commit.set()

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
        """End each ban, and each exemption by hand, when its time is up."""
        while True:
            self._ends_changed.clear()
            now = self.clock.now()
            self._submit(self.ledger.expire(now))
            self._drop_ended_exemptions(now)
            ends = [self.ledger.next_end(), *(each.until for each in self.ledger.allowed.values())]
            end = min((end for end in ends if end is not None), default=None)
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
            await self.clock.sleep(COMMIT_SOONEST)
            await self._sleep_until(self.clock.now() + COMMIT_EVERY, self._to_commit)
            self._to_commit.clear()
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
        self._ends_changed.set()
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
        async with self._reloading:
            old, self.configuration = self.configuration, new
            logging.getLogger().setLevel(new.server.loglevel)
            said = [await self._remove(name) for name in _names(old) if name not in new.jails]
            for name, settings in new.jails.items():
                if name not in old.jails:
                    self._build(settings)
                    self.actions[name].start()
                    said.append(f"jail {name} is new")
                elif settings != old.jails[name] or new.server != old.server:
                    await self._rebuild(settings)
                    said.append(f"jail {name} has changed")
            await self._refresh_exemptions()
            await self._sweep([*old.jails.values(), *new.jails.values()])
            return said

    async def _remove(self, name: str) -> str:
        """Lift the bans of a jail that is no more, and let go of it; tell what was done."""
        now = self.clock.now()
        changes = self.ledger.lift_where(lambda ban: ban.jail == name, now, "reload")
        self._submit(changes)
        if name in self.jails:
            await self._dismantle(name)
        return f"jail {name} is gone; {len(changes)} bans lifted"

    async def _rebuild(self, settings: JailSettings) -> None:
        """Put a jail together anew; who was being counted still is, who is banned stays so."""
        name = settings.name
        before, actions = self.jails[name], self.actions[name]
        self._build_jail(settings)
        after = self.jails[name]
        self._unfollow(before.settings)
        after.take_over(before)
        if settings.actions != before.settings.actions:
            self.actions[name] = self._make_actions(settings, earlier=actions)
            await self.actions[name].replace(actions, lambda: self.ledger.active(name))

    async def _dismantle(self, name: str) -> None:
        jail, actions = self.jails.pop(name), self.actions.pop(name)
        self._unfollow(jail.settings)
        self.exemptions.forget_jail(name)
        await actions.close()

    def _unfollow(self, settings: JailSettings) -> None:
        """Stop following the files that no jail follows any more."""
        followed = {
            path.pattern for jail in self.jails.values() for path in jail.settings.log_paths
        }
        self.sources.forget(
            [path.pattern for path in settings.log_paths if path.pattern not in followed]
        )

    # Supervision and the end

    async def _supervise(self, stage: Callable[[], Awaitable[None]]) -> None:
        """Keep a stage going: an error that nobody foresaw is logged and the stage starts again."""
        pause = FIRST_PAUSE
        while True:
            begun = self.clock.now()
            try:
                await stage()
            except Exception:
                if self.clock.now() - begun > LONGEST_PAUSE:  # that was another fault, long ago
                    pause = FIRST_PAUSE
                log.exception("%s failed; it starts again in %.0f s", stage.__name__, pause)
            await self.clock.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    async def _close(self) -> None:
        self.sources.close()
        await asyncio.gather(*(actions.close() for actions in self.actions.values()))
        try:
            await self.commit()
        except LogbanError as error:
            log.error("at the end: %s", error)  # noqa: TRY400  # the sentence says it all
        self.store.close()
        self._database_thread.shutdown()


def _names(configuration: Configuration) -> list[str]:
    """Name all jails that bans can be of."""
    return [*configuration.jails, *configuration.failed]


def _places(jails: Iterable[JailSettings]) -> set[catalogue.Place]:
    """Give the places in which these jails keep bans."""
    places = {catalogue.place_of(spec) for jail in jails for spec in jail.actions}
    return {place for place in places if place is not None}
