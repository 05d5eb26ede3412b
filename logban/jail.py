# SPDX-License-Identifier: MIT
"""A jail at work: its matcher, its judge and its actions, put together from its settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime

from logban.actions import catalogue
from logban.actions.declaration import ActionSpec
from logban.actions.protocols import Notifier
from logban.actions.worker import EnforcerWorker, NotifierWorker
from logban.clock import Clock
from logban.config.settings import JailSettings
from logban.judging.exemptions import Exemption
from logban.judging.judge import Judge, Policy
from logban.judging.times import ArrivalTimes, LineTimes
from logban.matching.matcher import Matcher
from logban.model import Ban, Block, Change, Subject, Verdict
from logban.zones import parse_zone

Worker = EnforcerWorker | NotifierWorker


class Jail:
    """One jail's half of the pipeline up to its verdicts."""

    def __init__(
        self,
        settings: JailSettings,
        *,
        exempt: Callable[[Subject], Exemption | None],
        floors: Mapping[Subject, float],
        times: Callable[[], LineTimes] = ArrivalTimes,
        match_timeout: float,
        max_tracked: int,
    ) -> None:
        """Compile the filter; ``times`` makes the rule by which one source's lines are dated."""
        self.settings = settings
        self.banned_total = 0
        self.sources: dict[str, LineTimes] = {}
        self._times = times
        self.matcher = None
        if settings.filter is not None:
            self.matcher = Matcher(
                settings.filter,
                zone=parse_zone(settings.time_zone) if settings.time_zone else None,
                timeout=match_timeout,
                encoding=settings.log_encoding,
            )
        policy = Policy(
            maxretry=settings.maxretry,
            findtime=settings.findtime,
            bantime=settings.bantime,
            ipv6_prefix=settings.ipv6_prefix,
            max_evidence=settings.max_matches,
            max_subjects=max_tracked,
        )
        self.judge = Judge(settings.name, policy, exempt=exempt, floors=floors)

    @property
    def name(self) -> str:
        """The jail's name."""
        return self.settings.name

    def utc_offset(self, now: float) -> float:
        """Give the seconds by which the zone of its log's dates is east of UTC."""
        text = self.settings.time_zone
        zone = parse_zone(text) if text else None
        offset = datetime.fromtimestamp(now, zone).astimezone(zone).utcoffset()
        return offset.total_seconds() if offset is not None else 0.0

    def take(self, block: Block, now: float) -> list[Verdict]:
        """Match and judge a block of lines."""
        if self.matcher is None:
            return []
        times = self.sources.get(block.source)
        if times is None:
            times = self.sources[block.source] = self._times()
        failures = self.matcher.match(block, now)
        return self.judge.judge(failures, times, live=block.live, now=now)


class Actions:
    """The actions of one jail and their workers."""

    def __init__(
        self,
        specs: Iterable[ActionSpec],
        clock: Clock,
        wanted: Callable[[], Iterable[Ban]],
    ) -> None:
        """Make the actions; ``wanted`` gives the bans that should be in force."""
        self.workers: list[Worker] = []
        for spec in specs:
            action = catalogue.build(spec, clock)
            if isinstance(action, Notifier):
                self.workers.append(NotifierWorker(spec, action, clock))
            else:
                self.workers.append(EnforcerWorker(spec, action, clock, wanted))
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Let the workers work."""
        self._tasks = [asyncio.create_task(worker.run()) for worker in self.workers]

    def submit(self, changes: Iterable[Change]) -> None:
        """Hand changes of the ledger to every action."""
        taken = list(changes)
        for worker in self.workers:
            worker.submit(taken)

    async def settled(self) -> None:
        """Return when every enforcer has done what it was told so far."""
        await asyncio.gather(*(worker.settled() for worker in self.enforcers()))

    def enforcers(self) -> list[EnforcerWorker]:
        """Give the workers that keep bans in force."""
        return [worker for worker in self.workers if isinstance(worker, EnforcerWorker)]

    async def close(
        self, *, lift: Sequence[Ban] = (), of: Collection[Worker] = frozenset()
    ) -> None:
        """Let go of everything; in the actions ``of``, ``lift`` is taken back, all else stays."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(
            *(worker.close(lift=lift if worker in of else ()) for worker in self.workers)
        )
