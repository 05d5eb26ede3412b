# SPDX-License-Identifier: MIT
"""A jail at work: its matcher, its judge and its actions, put together from its settings."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Final

from logban.actions import catalogue
from logban.actions.declaration import ActionSpec
from logban.actions.notifying import NotifierWorker
from logban.actions.protocols import Cautious, Inquiring, Notifier, Particulars
from logban.actions.worker import Adopt, EnforcerWorker
from logban.clock import Clock
from logban.config.settings import JailSettings
from logban.judging.brakes import Limits
from logban.judging.exemptions.exemption import Exemption
from logban.judging.judge import Judge
from logban.judging.policy import Policy
from logban.judging.scrutiny.trust import Trust
from logban.judging.times import ArrivalTimes, LineTimes
from logban.ledger.escalation import Recidive
from logban.matching.counters import MatchCounters
from logban.matching.engine.saved import ProgramStore
from logban.matching.matcher import Matcher
from logban.model import (
    Ban,
    Change,
    ChangeKind,
    Outcome,
    Subject,
    SubjectKind,
    Verdict,
)
from logban.policy.scrutiny import Scrutiny
from logban.zones import parse_zone

Worker = EnforcerWorker | NotifierWorker

IN_FORCE_WITHIN: Final = 10.0
"""Seconds that new actions have to take the bans over before the old ones are let go anyway."""


def limits_of(settings: JailSettings) -> Limits:
    """Give what a jail may do by itself."""
    return Limits(bans=settings.max_bans_per_minute, users=settings.max_registered_users)


def recidive_of(settings: JailSettings) -> Recidive | None:
    """Tell the ledger which bans of the other jails are enough for this one, if it counts them."""
    if not settings.recidive:
        return None
    return Recidive(settings.maxretry, settings.findtime, settings.bantime)


def matcher_of(
    settings: JailSettings,
    timeout: float,
    programs: ProgramStore | None = None,
    *,
    is_hurried: bool = False,
) -> Matcher:
    """Make the matcher of a jail that has a filter; the rest is as a matcher has it."""
    if settings.filter is None:
        raise ValueError(f"jail {settings.name} has no filter")
    return Matcher(
        settings.filter,
        zone=parse_zone(settings.time_zone) if settings.time_zone else None,
        timeout=timeout,
        encoding=settings.log_encoding,
        programs=programs,
        is_hurried=is_hurried,
    )


CLOCK_SET_BACK: Final = 3600.0
"""Seconds by which a log's times may go back, as they do each autumn where no zone is written."""


class Jail:
    """One jail's half of the pipeline up to its verdicts.

    Its matcher may be other jails' as well; ``counters`` are of its own lines.
    """

    def __init__(
        self,
        settings: JailSettings,
        *,
        matcher: Matcher | None,
        exempt: Callable[[Subject], Exemption | None],
        floors: Mapping[Subject, float],
        times: Callable[[], LineTimes] = ArrivalTimes,
        spared: Callable[[Subject, Exemption, float], None] = lambda *_: None,
        trust: Trust | None = None,
        in_force: Callable[[Subject], bool] = lambda _: False,
        weigh: Callable[[str], float] = lambda _: 1.0,
        clears: Callable[[str], bool] = lambda _: False,
        max_tracked: int,
    ) -> None:
        """Put it together; ``times`` makes the rule by which one source's lines are dated.

        ``trust`` is what all jails know of customers, ``in_force`` whom this jail keeps out.
        """
        self.settings = settings
        self.changes: Counter[tuple[ChangeKind, SubjectKind]] = Counter()
        """What has become of its bans since the start, by what they are on."""
        self.sources: dict[str, LineTimes] = {}
        self._times = times
        self.matcher = matcher
        self.counters = MatchCounters()
        self.judge = Judge(
            settings.name,
            _policy(settings, max_tracked),
            exempt=exempt,
            floors=floors,
            spared=spared,
            trust=trust,
            in_force=in_force,
            weigh=weigh,
            clears=clears,
        )

    @property
    def name(self) -> str:
        """The jail's name."""
        return self.settings.name

    @property
    def banned_total(self) -> int:
        """The number of bans since the start."""
        return sum(self.changes[(ChangeKind.BAN, kind)] for kind in SubjectKind)

    def take_over(self, earlier: Jail) -> None:
        """Go on where this jail was before its settings changed."""
        self.changes = earlier.changes
        self.sources = earlier.sources
        self.judge.take_over(earlier.judge)

    def utc_offset(self, now: float) -> float:
        """Give the seconds by which the zone of its log's dates is east of UTC."""
        text = self.settings.time_zone
        zone = parse_zone(text) if text else None
        offset = datetime.fromtimestamp(now, zone).astimezone(zone).utcoffset()
        return offset.total_seconds() if offset is not None else 0.0

    def is_old(self, line: bytes, now: float) -> bool | None:
        """Tell whether nothing as old as this line matters any more; None if it tells no time."""
        if self.matcher is None:
            return True
        time = self.matcher.time_of(line, now)
        return None if time is None else time < now - self.settings.findtime - CLOCK_SET_BACK

    def take(self, outcomes: Iterable[Outcome], *, live: bool, now: float) -> list[Verdict]:
        """Judge what was found in logs; ``now`` is when that was read."""
        verdicts = []
        for source, those in groupby(outcomes, key=lambda outcome: outcome.source):
            times = self.sources.get(source)
            if times is None:
                times = self.sources[source] = self._times()
            verdicts += self.judge.judge(list(those), times, live=live, now=now)
        return verdicts


def _policy(settings: JailSettings, max_tracked: int) -> Policy:
    """Give what a jail judges by."""
    return Policy(
        maxretry=settings.maxretry,
        findtime=settings.findtime,
        bantime=settings.bantime,
        ipv6_prefix=settings.ipv6_prefix,
        max_evidence=settings.max_matches,
        max_subjects=max_tracked,
        attempt_fields=settings.filter.attempt if settings.filter else (),
        scrutiny=_scrutiny(settings),
        keeps_captures=any(catalogue.asks_for_captures(spec) for spec in settings.actions),
    )


def _scrutiny(settings: JailSettings) -> Scrutiny | None:
    """Give how a jail looks at failures; None if it only counts them, as fail2ban does."""
    if settings.scrutiny is None:
        return None
    suspends = any(catalogue.suspends(spec) for spec in settings.actions)
    return replace(settings.scrutiny, suspends=suspends)


class Actions:
    """The actions of one jail and their workers."""

    def __init__(
        self,
        specs: Iterable[ActionSpec],
        clock: Clock,
        wanted: Callable[[], Iterable[Ban]],
        earlier: Actions | None = None,
        exempt: Callable[[Subject], str] = lambda _: "",
        particulars: Callable[[], Particulars] | None = None,
        bantime: float | None = 0.0,
    ) -> None:
        """Make the actions; ``wanted`` gives the bans that should be in force.

        ``exempt`` tells by what entry somebody is exempt in any jail, "" if by none;
        ``particulars`` makes what tells an action's thread of the lines behind a ban;
        ``bantime`` is that of the jail.
        Those of ``earlier`` that are asked for just as they are go on here; see ``replace``.
        """
        self.workers: list[Worker] = []
        self._tasks: dict[Worker, asyncio.Task[None]] = {}
        spare = [] if earlier is None else list(earlier.workers)
        for spec in specs:
            worker = next((each for each in spare if each.spec == spec), None)
            if worker is None:
                worker = _make_worker(spec, clock, wanted, exempt, particulars)
            else:
                spare.remove(worker)
            if isinstance(worker, EnforcerWorker):
                worker.foresee(bantime)
            self.workers.append(worker)

    def start(self) -> None:
        """Let the workers work."""
        for worker in self.workers:
            self._tasks[worker] = asyncio.create_task(worker.run())

    async def replace(self, earlier: Actions, bans: Callable[[], Iterable[Ban]]) -> None:
        """Start in the place of ``earlier`` ones, and let go of those that are no more.

        What is not kept anywhere any more is lifted, but not before everything new is in force:
        no ban has a gap.
        """
        left = [worker for worker in earlier.workers if worker not in self.workers]
        await earlier.stop(left)
        for worker in self.workers:
            running = earlier.take_task(worker)
            self._tasks[worker] = running or asyncio.create_task(worker.run())
        in_force = await self.in_force()
        targets = {catalogue.target_of(worker.spec) for worker in self.workers} - {None}
        for worker in left:
            if isinstance(worker, NotifierWorker):
                await worker.close()
            elif catalogue.target_of(worker.spec) in targets:
                await worker.close(is_replaced=True)
            else:
                await worker.close(lift=list(bans()) if in_force else ())

    def take_task(self, worker: Worker) -> asyncio.Task[None] | None:
        """Give the running task of a worker away, if there is one."""
        return self._tasks.pop(worker, None)

    async def in_force(self) -> bool:
        """Wait until every enforcer has what it should; tell whether they got there."""
        try:
            async with asyncio.timeout(IN_FORCE_WITHIN):
                await asyncio.gather(*(worker.ready.wait() for worker in self.enforcers()))
        except TimeoutError:
            return False
        return True

    def submit(self, changes: Iterable[Change]) -> None:
        """Hand changes of the ledger to those who enforce."""
        taken = list(changes)
        for worker in self.enforcers():
            worker.submit(taken)

    def tell(self, changes: Iterable[Change]) -> None:
        """Hand changes of the ledger to those who tell of them."""
        taken = list(changes)
        for worker in self.workers:
            if isinstance(worker, NotifierWorker):
                worker.submit(taken)

    def disown(self, subject: Subject) -> None:
        """Have a subject taken out wherever it is in force for nobody's sake; see the worker."""
        for worker in self.enforcers():
            worker.disown(subject)

    def spare_strangers(self, spared: bool, adopt: Adopt | None = None) -> None:
        """Leave alone, or no longer, what is in force and not in the ledger; see the worker."""
        for worker in self.enforcers():
            worker.spare_strangers(spared, adopt)

    def recall(self, bans: Sequence[Ban]) -> None:
        """Name to those who enforce the ended bans that an earlier run may have left behind."""
        for worker in self.enforcers():
            worker.recall(bans)

    async def settled(self) -> None:
        """Return when every enforcer has done what it was told so far."""
        await asyncio.gather(*(worker.settled() for worker in self.enforcers()))

    def enforcers(self) -> list[EnforcerWorker]:
        """Give the workers that keep bans in force."""
        return [worker for worker in self.workers if isinstance(worker, EnforcerWorker)]

    async def stop(self, workers: Iterable[Worker]) -> None:
        """Let some workers work no longer; they are still to be closed."""
        tasks = [task for task in map(self.take_task, workers) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """Let go of everything; bans stay in force."""
        await self.stop(self.workers)
        await asyncio.gather(*(worker.close() for worker in self.workers))


def _make_worker(
    spec: ActionSpec,
    clock: Clock,
    wanted: Callable[[], Iterable[Ban]],
    exempt: Callable[[Subject], str],
    particulars: Callable[[], Particulars] | None,
) -> Worker:
    action = catalogue.build(spec, clock)
    if isinstance(action, Inquiring) and particulars is not None:
        action.inquire_of(particulars())
    if isinstance(action, Cautious):
        action.exempt_by(exempt)
    if isinstance(action, Notifier):
        return NotifierWorker(spec, action, clock)
    return EnforcerWorker(spec, action, clock, wanted)
