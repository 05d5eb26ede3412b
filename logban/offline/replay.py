# SPDX-License-Identifier: MIT
"""A jail over old logs, with no effect on anything."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence

from logban.clock import SystemClock
from logban.config.settings import JailSettings, ServerSettings
from logban.judging.brakes import Brakes
from logban.judging.exemptions.book import ExemptionBook
from logban.judging.exemptions.names import ReverseResolver
from logban.judging.impact import Impact
from logban.judging.scrutiny.trust import Trust
from logban.judging.times import KnownTime, LogTimes
from logban.ledger.ledger import Ledger
from logban.model import Change, ChangeKind, Notice, Outcome, Success
from logban.offline.exempting import Exempting
from logban.running.deciding import RELEASE_EVERY, Deciding
from logban.running.jail import Jail, limits_of, matcher_of, recidive_of
from logban.sources.offline import open_log, read_blocks
from logban.zones import parse_zone

Progress = Callable[[int], None]
"""Told of the bytes that have just been read."""


class Replay:
    """A jail's whole judgement over old logs, in the logs' own time."""

    def __init__(
        self,
        settings: JailSettings,
        server: ServerSettings,
        now: float,
        recidive: Sequence[JailSettings] = (),
        resolver: ReverseResolver | None = None,
    ) -> None:
        """``now`` lends the year to dates without one.

        ``recidive`` are the jails that count this one's bans.  With a ``resolver`` the world is
        asked who is exempt, see ``exempting``.
        """
        book = ExemptionBook()
        self.ledger = Ledger(book.exempt)
        for each in (settings, *recidive):
            book.set_jail(each.name, each.ignore, "ignoreip", own=each.ignore_self)
            self.ledger.escalation.set_jail(each.name, each.growth, recidive_of(each))
        self.exempting = Exempting(book, server, (settings, *recidive), resolver)
        self._notices: list[Notice] = []
        clock, trust = SystemClock(), Trust()
        brakes = Brakes(lambda subject: trust.registered(subject.network, self._clock))
        for each in (settings, *recidive):
            brakes.set_jail(each.name, limits_of(each))
        self._deciding = Deciding(
            self.ledger,
            self.exempting.enquiries,
            brakes,
            clock,
            submit=lambda _: None,
            tell=self._notices.append,
        )
        self.impact = Impact(settings.ipv6_prefix)
        self.jail = Jail(
            settings,
            trust=trust,
            in_force=lambda subject: self.ledger.get(settings.name, subject) is not None,
            exempt=lambda subject: book.exempt(settings.name, subject),
            clears=lambda address: book.clears(settings.name, address),
            floors=self.ledger.floors,
            weigh=book.weigh,
            matcher=matcher_of(settings, server.match_timeout) if settings.filter else None,
            max_tracked=server.max_tracked,
        )
        self.exempting.number(self.jail.judge, server)
        self._now = now
        self._zone = parse_zone(settings.time_zone) if settings.time_zone else None
        self._clock = float("-inf")
        self._released = float("-inf")

    def run(self, paths: Sequence[str], progress: Progress) -> Iterator[Change]:
        """Give what would have happened, in order; several files are read as one, by time."""
        for change in self._changes(paths, progress):
            self.impact.change(change)
            yield change

    def _changes(self, paths: Sequence[str], progress: Progress) -> Iterator[Change]:
        streams = [self._outcomes(path, progress) for path in paths]
        for time, outcome in heapq.merge(*streams, key=lambda dated: dated[0]):
            # A log's clock may be set back; the judgement's own never goes back with it.
            self._clock = max(self._clock, time)
            yield from self._ended(self._clock)
            if self._clock >= self._released + RELEASE_EVERY:
                self._released = self._clock
                yield from self._deciding.release(self._clock)
            if isinstance(outcome, Success):
                self.impact.succeed(outcome)
            for verdict in self.jail.judge.judge(
                [outcome], KnownTime(time), live=False, now=self._clock
            ):
                self.exempting.consult(verdict)
                yield from self._deciding.take([verdict], verdict.time)
            yield from map(Change.of_notice, (*self._notices, *self.jail.judge.take_notices()))
            self._notices.clear()
            for subject, at in self.jail.judge.take_released():
                yield from self.ledger.end(self.jail.name, subject, at, "success")

    def _ended(self, now: float) -> Iterator[Change]:
        for change in self.ledger.expire(now):
            until = change.ban.until
            yield Change(ChangeKind.LIFT, change.ban, now if until is None else until)

    def _outcomes(self, path: str, progress: Progress) -> Iterator[tuple[float, Outcome]]:
        if self.jail.matcher is None:
            return
        times = LogTimes(zone=self._zone)
        with open_log(path) as stream:
            for block in read_blocks(stream, path):
                yield from self._dated(self.jail.matcher.match(block, self._now), times)
                progress(len(block.data))
        yield from self._dated(self.jail.matcher.flush(source=path), times)

    def _dated(
        self, outcomes: Iterable[Outcome], times: LogTimes
    ) -> Iterator[tuple[float, Outcome]]:
        for outcome in outcomes:
            time = times.effective(outcome.time, live=False, now=self._now)
            if time is not None:
                yield time, outcome
