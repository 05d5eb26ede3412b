# SPDX-License-Identifier: MIT
"""A jail at work, from outcomes to verdicts: its matcher and its judge, made from its settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Final

from logban.actions import catalogue
from logban.config.settings import JailSettings
from logban.judging.brakes import Limits
from logban.judging.exemptions.exemption import Exemption
from logban.judging.judge import Judge
from logban.judging.scrutiny.trust import Trust
from logban.judging.times import ArrivalTimes, LineTimes
from logban.ledger.escalation import Recidive
from logban.matching.counters import MatchCounters
from logban.matching.engine.saved import ProgramStore
from logban.matching.matcher import Matcher
from logban.model import (
    ChangeKind,
    Outcome,
    Subject,
    SubjectKind,
    Verdict,
)
from logban.policy.enough import Policy
from logban.policy.scrutiny import Scrutiny
from logban.zones import parse_zone


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
