# SPDX-License-Identifier: MIT
"""The jails that run, with their actions: put together, taken apart, gone over to another form.

A reload touches only what differs: counts go on, bans stay, and none of them has a gap.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from logban.actions import catalogue
from logban.actions.process import run
from logban.actions.worker import Adopt
from logban.clock import Clock
from logban.config.settings import Configuration, JailSettings
from logban.errors import LogbanError
from logban.judging.exemptions.abuse import Abuse
from logban.judging.exemptions.book import ExemptionBook
from logban.judging.exemptions.ignore_command import TIME_LIMIT, IgnoreCommand
from logban.judging.scrutiny.trust import Trust
from logban.ledger.ledger import Ledger
from logban.matching.engine.saved import ProgramStore
from logban.model import Ban, Change, Evidence, Subject
from logban.running.actions import Actions
from logban.running.deciding import Deciding
from logban.running.filters import Filters
from logban.running.jail import Jail, limits_of, recidive_of
from logban.running.particulars import BanParticulars
from logban.running.places import Places, places_of
from logban.sources.files import FileSources

log = logging.getLogger(__name__)


PROGRAMS: Final = 4
"""Programs for ``ignorecommand`` that run at the same time; verdicts wait for their turn."""


class Jails:
    """The jails at work and their actions, by name, as ``configuration`` has them."""

    def __init__(
        self,
        configuration: Configuration,
        clock: Clock,
        *,
        sources: FileSources,
        exemptions: ExemptionBook,
        ledger: Ledger,
        abuse: Abuse,
        trust: Trust,
        deciding: Deciding,
        submit: Callable[[Iterable[Change]], None],
        evidence: Callable[[Ban], Sequence[Evidence]],
        programs: ProgramStore | None,
        places: Places,
    ) -> None:
        """``submit`` takes the bans that end with a jail.

        ``evidence`` reads the lines behind a ban back; it blocks, in any thread but the loop's.
        ``programs`` is where the programs of the filters' engines are kept, ``places`` what is
        known of the chains and sets of all jails.
        """
        self.configuration = configuration
        self._places = places
        self._is_lost = False
        self._taking: set[asyncio.Task[None]] = set()
        self.filters = Filters(self._following_source, programs)
        self._following: dict[frozenset[str], tuple[Jail, ...]] = {}
        self.running: dict[str, Jail] = {}
        self.actions: dict[str, Actions] = {}
        self._clock = clock
        self._sources = sources
        self._exemptions = exemptions
        self._ledger = ledger
        self.abuse = abuse
        self._programs = ThreadPoolExecutor(PROGRAMS, "ignorecommand")
        self._trust = trust
        self._deciding = deciding
        self._submit = submit
        self._evidence = evidence

    def build_all(self) -> None:
        """Put every jail together; their actions are not started yet."""
        for settings in self.configuration.jails.values():
            self._build(settings)

    def start(self, adopt: Adopt | None = None) -> None:
        """Let the actions work, and leave alone what they find in force for nobody's sake.

        Or hand it to ``adopt``, where the ledger has been lost.
        """
        self._is_lost = adopt is not None
        for actions in self.actions.values():
            actions.spare_strangers(True, adopt)
            actions.start()

    def catch_up(self) -> None:
        """Let the actions lift what they have found and nobody wants: all lines have been read."""
        for actions in self.actions.values():
            actions.spare_strangers(False)

    def take_out(self, name: str, bans: Collection[Ban]) -> None:
        """Take lifted bans of a jail that can't run out of the kernel, as soon as may be."""
        task = asyncio.create_task(self._places.take(name, bans))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)

    async def taken_out(self) -> None:
        """Wait until that is done."""
        if self._taking:
            await asyncio.wait(self._taking)

    async def in_force(self) -> bool:
        """Wait until every enforcer has what it should, but not for ever; tell whether they do."""
        return all(await asyncio.gather(*(each.in_force() for each in self.actions.values())))

    async def close(self) -> None:
        """Let go of all actions; what is in force stays so."""
        self._programs.shutdown(wait=False, cancel_futures=True)
        await self.taken_out()
        await asyncio.gather(*(actions.close() for actions in self.actions.values()))

    def following(self, patterns: frozenset[str]) -> tuple[Jail, ...]:
        """Give the jails that follow any of these patterns; the same object while they do."""
        jails = self._following.get(patterns)
        if jails is None:
            jails = self._following[patterns] = tuple(
                jail
                for jail in self.running.values()
                if any(path.pattern in patterns for path in jail.settings.log_paths)
            )
        return jails

    def _following_source(self, source: str) -> tuple[Jail, ...]:
        return self.following(self._sources.patterns_of(source))

    def is_old(self, patterns: frozenset[str], line: bytes) -> bool | None:
        """Tell whether a line of a file is too old to matter to any jail; None if it tells not."""
        now = self._clock.now()
        answers = {jail.is_old(line, now) for jail in self.following(patterns)}
        return False if False in answers else None if None in answers else True

    def _build(self, settings: JailSettings) -> None:
        """Put a jail together with its actions; those are not started yet."""
        self._build_jail(settings)
        self.actions[settings.name] = self._make_actions(settings)

    def _make_actions(self, settings: JailSettings, earlier: Actions | None = None) -> Actions:
        name = settings.name
        self._places.keep(name, settings.actions)
        return Actions(
            settings.actions,
            self._clock,
            partial(self._ledger.active, name),
            earlier,
            self._exempt_anywhere,
            partial(self._particulars, settings),
            settings.bantime,
        )

    def _particulars(self, settings: JailSettings) -> BanParticulars:
        """Give what asks the lines behind a jail's bans what else they say."""
        return BanParticulars(settings, self.configuration.server.match_timeout, self._evidence)

    def _exempt_anywhere(self, subject: Subject) -> str:
        """Tell by what entry a subject is exempt in any jail; "" if it is in none."""
        found = (self._exemptions.exempt(jail, subject) for jail in self.running)
        return next((exemption.entry for exemption in found if exemption is not None), "")

    def _build_jail(self, settings: JailSettings) -> None:
        """Put a jail together as far as its verdicts, and let it follow its files."""
        name = settings.name
        self._exemptions.set_jail(
            name, settings.ignore, f"ignoreip of [{name}]", own=settings.ignore_self
        )
        self.abuse.set_jail(name, settings.exempt_maxretry, settings.findtime)
        self._deciding.brakes.set_jail(name, limits_of(settings))
        self._ledger.escalation.set_jail(name, settings.growth, recidive_of(settings))
        self._deciding.enquiries.set_jail(name, self._asked(settings), time_limit=TIME_LIMIT)
        timeout = self.configuration.server.match_timeout
        self._regroup()
        self.running[name] = Jail(
            settings,
            matcher=self.filters.join(settings, timeout),
            exempt=partial(self._exemptions.exempt, name),
            floors=self._ledger.floors,
            spared=partial(self.abuse.note, name),
            trust=self._trust,
            in_force=lambda subject: self._ledger.get(name, subject) is not None,
            weigh=self._exemptions.weigh,
            clears=partial(self._exemptions.clears, name),
            max_tracked=self.configuration.server.max_tracked,
        )
        for path in settings.log_paths:
            self._sources.follow([path.pattern], backend=settings.backend, start=path.start)

    def _regroup(self) -> None:
        """Forget which jails follow what: they are others now."""
        self._following.clear()
        self.filters.regroup()

    def _asked(self, settings: JailSettings) -> list[IgnoreCommand]:
        """Give the program that a jail asks whether somebody is exempt, if it has one."""
        words, keep = settings.ignore_command, settings.ignore_keep
        return [IgnoreCommand(words, keep, _run, self._programs)] if words else []

    async def go_over(self, new: Configuration) -> list[str]:
        """Go over to another configuration; tell what changed.

        Counts go on, bans stay; those of a jail that is gone are lifted.
        """
        old, self.configuration = self.configuration, new
        limits_differ = _limits(new) != _limits(old)
        said = [await self._remove(name) for name in _names(old) if name not in new.jails]
        for name, settings in new.jails.items():
            if name not in old.jails:
                self._build(settings)
                self.actions[name].start()
                said.append(f"jail {name} is new")
            elif settings != old.jails[name] or limits_differ:
                await self._rebuild(settings)
                said.append(f"jail {name} has changed")
        await self.sweep([*old.jails.values(), *new.jails.values()])
        return said

    async def _remove(self, name: str) -> str:
        """Lift the bans of a jail that is no more, and let go of it; tell what was done."""
        now = self._clock.now()
        changes = self._ledger.lift_jail(name, now, "reload")
        self._submit(changes)
        if name in self.running:
            await self._dismantle(name)
        lifted = "1 ban" if len(changes) == 1 else f"{len(changes)} bans"
        return f"jail {name} is gone; {lifted} lifted"

    async def _rebuild(self, settings: JailSettings) -> None:
        """Put a jail together anew; who was being counted still is, who is banned stays so."""
        name = settings.name
        before, actions = self.running[name], self.actions[name]
        self._build_jail(settings)
        after = self.running[name]
        self._unfollow(before.settings)
        after.take_over(before)
        self.filters.leave(before.matcher)
        now, then = settings, before.settings
        if (now.actions, now.bantime) != (then.actions, then.bantime):
            self.actions[name] = self._make_actions(settings, earlier=actions)
            await self.actions[name].replace(actions, partial(self._ledger.active, name))

    async def _dismantle(self, name: str) -> None:
        jail, actions = self.running.pop(name), self.actions.pop(name)
        self._regroup()
        self.filters.leave(jail.matcher)
        self._unfollow(jail.settings)
        self._exemptions.forget_jail(name)
        self.abuse.forget_jail(name)
        self._ledger.escalation.forget_jail(name)
        await actions.close()

    def _unfollow(self, settings: JailSettings) -> None:
        """Stop following the files that no jail follows any more."""
        followed = {
            path.pattern for jail in self.running.values() for path in jail.settings.log_paths
        }
        self._sources.forget(
            [path.pattern for path in settings.log_paths if path.pattern not in followed]
        )

    async def sweep(self, jails: Iterable[JailSettings]) -> None:
        """Remove the chains and sets that jails of before have left, of the types used in these.

        What a jail calls its own that can't run, or whose file is not followed, is known from when
        it did.  Where it is not, and the jail has bans, nothing is removed.
        """
        absent = self._absent()
        unknown = [name for name in absent if not self._places.knows(name)]
        is_unclear = bool(self.configuration.failed or self.configuration.errors)
        if (self._is_lost and is_unclear) or any(
            sum(self._ledger.count(name).values()) for name in unknown
        ):
            return
        running = self.configuration.jails
        used = _places(running.values()) | self._places.of(absent)
        over = [name for name in self._places.jails() if name not in {*running, *absent}]
        left = _places(jails) | self._places.of(over)
        done = [
            await self._sweep_kind(kind, {each.name for each in used if each.type_name == kind})
            for kind in sorted({place.type_name for place in left})
        ]
        if all(done):
            self._places.forget(over)

    def _absent(self) -> set[str]:
        """Name the jails that can't run, or may be in a file that is not followed."""
        absent = set(self.configuration.failed)
        if self.configuration.errors:
            absent |= {*self._places.jails(), *(ban.jail for ban in self._ledger.active())}
        return absent - self.configuration.jails.keys()

    async def _sweep_kind(self, kind: str, keep: Collection[str]) -> bool:
        """Remove what is of no enforcer of a type that is to be kept; tell whether that is done."""
        try:
            gone = await asyncio.to_thread(catalogue.sweep, kind, keep)
        except LogbanError as error:
            log.warning("what earlier jails have left in %s can't be removed: %s", kind, error)
            return False
        except Exception:
            log.exception("what earlier jails have left in %s can't be removed", kind)
            return False
        if gone:
            log.info("removed what earlier jails have left in %s: %s", kind, ", ".join(gone))
        return True


def _run(argv: Sequence[str]) -> int:
    """Run a program to its end and give its exit code; TimeoutError if it takes too long."""
    finished = run(argv, timeout=TIME_LIMIT, limit=0)
    if finished.timed_out:
        raise TimeoutError(f"{argv[0]} has not ended within {TIME_LIMIT:g} s")
    return finished.code


def _names(configuration: Configuration) -> list[str]:
    """Name all jails that bans can be of."""
    return [*configuration.jails, *configuration.failed]


def _limits(configuration: Configuration) -> tuple[int, float]:
    """Give what of logban.conf a jail is made with."""
    return configuration.server.max_tracked, configuration.server.match_timeout


def _places(jails: Iterable[JailSettings]) -> set[catalogue.Place]:
    """Give the places in which these jails keep bans."""
    return {place for jail in jails for place in places_of(jail.actions)}
