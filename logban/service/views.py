# SPDX-License-Identifier: MIT
"""What the running machine looks like to an admin: its parts in the form of the answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import logban
from logban.actions.worker import EnforcerWorker
from logban.config.settings import JailSettings
from logban.control import payloads
from logban.control.payloads import BanView
from logban.daemon import Daemon
from logban.durations import format_duration
from logban.errors import LogbanError
from logban.health.alarms import Alarm
from logban.health.figures import Figures, JailFigures
from logban.judging.times import ArrivalTimes
from logban.ledger.records import Allowed, PastBan
from logban.matching.unmatched import Unmatched
from logban.model import RECIDIVE, Ban
from logban.running.jail import Jail
from logban.sources.report import SourceReport, SourceState

STALE_SHOWN: Final = 100
"""Telephones with a wrong password that are listed; of more, the last ones told of."""


class Views:
    """Shows the parts of a daemon."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def is_waiting(self, jail: Jail) -> bool:
        """Tell whether none of the log files of a jail is there."""
        waiting = (report.state is SourceState.WAITING for report in self._following(jail))
        return bool(jail.settings.log_paths) and all(waiting)

    def _following(self, jail: Jail) -> list[SourceReport]:
        patterns = {path.pattern for path in jail.settings.log_paths}
        reports = self._daemon.sources.report()
        return [report for report in reports if patterns.intersection(report.patterns)]

    def jail(self, jail: Jail) -> payloads.JailStatus:
        """Show how a jail is."""
        daemon = self._daemon
        settings = jail.settings
        following = self._following(jail)
        state, reason = payloads.JailState.RUNNING, ""
        if self.is_waiting(jail):
            state = payloads.JailState.WAITING
            patterns = {path.pattern for path in settings.log_paths}
            reason = "no log file yet: " + ", ".join(sorted(patterns))
        counters = jail.counters
        tracker = jail.judge.tracker
        workers = daemon.jails.actions[jail.name].workers
        held = daemon.deciding.held(jail.name)
        return payloads.JailStatus(
            name=jail.name,
            state=state,
            reason=reason,
            filter=_filter_of(settings),
            files=tuple(report.path for report in following),
            lines=counters.lines,
            failures=tracker.failures,
            failures_total=counters.failures,
            tracked=len(tracker),
            tracked_dropped=tracker.dropped,
            banned=sum(daemon.ledger.count(jail.name).values()),
            banned_total=jail.banned_total,
            exempted_total=jail.judge.counters.exempted,
            timeouts=counters.timeouts,
            unparsed=counters.unaddressed,
            unmatched=daemon.jails.filters.unmatched(jail).count,
            held=len(held),
            brake=held[0].brake if held else "",
            protected=jail.judge.protected(daemon.clock.now()),
            capped=jail.judge.capped,
            extensions=self._extensions(jail),
            clock=_clock_of(jail, daemon.clock.now()),
            actions=tuple(
                payloads.ActionStatus(
                    report.name, payloads.ActionKind(report.kind),
                    payloads.ActionState(report.state), report.error, report.since,
                    report.retries, report.in_force, report.pending, report.failures,
                    report.drift, report.dropped,
                )
                for report in (worker.report() for worker in workers)
            ),
            settings=payloads.JailSettings(
                settings.maxretry, settings.findtime, settings.bantime,
                settings.growth.describe() if settings.growth else "",
            ),
            engine=jail.matcher.pace if jail.matcher is not None else "",
            blindness=jail.judge.blindness,
        )  # fmt: skip

    def _extensions(self, jail: Jail) -> int | None:
        known = self._daemon.numbering.known
        return len(known or ()) if jail.judge.asks_for_extensions else None

    def customers(self) -> payloads.Customers:
        """Show what is known of customers."""
        trust, now = self._daemon.trust, self._daemon.clock.now()
        stale = [
            payloads.StalePhone(
                user, place, pair.failed, pair.noticed,
                None if pair.last == float("-inf") else pair.last,
            )
            for place, user, pair in trust.stale()
        ]  # fmt: skip
        stale.sort(key=lambda phone: -phone.noticed)
        return payloads.Customers(
            len(trust), trust.trusted(now), len(stale), tuple(stale[:STALE_SHOWN])
        )

    def notices(self) -> Iterable[payloads.NoticeView]:
        """Show what somebody was told of, the newest first."""
        for change in reversed(self._daemon.handing.notices):
            ban = change.ban
            yield payloads.NoticeView(ban.jail, ban.subject, change.time, ban.reason, ban.failures)

    def figures(self) -> Figures:
        """Give all that the daemon is judged by; takes little time, however many are banned."""
        daemon = self._daemon
        configuration = daemon.configuration
        return Figures(
            version=logban.__version__,
            started=daemon.started,
            now=daemon.clock.now(),
            jails=tuple(self._jail_figures(jail) for jail in daemon.jails.running.values()),
            sources=daemon.sources.report(),
            failed={
                name: "; ".join(map(str, problems))
                for name, problems in configuration.failed.items()
            },
            mistakes=tuple(map(str, configuration.errors)),
            problems=tuple(
                each
                for each in daemon.problems
                if each not in (daemon.checkpoints.error, daemon.keeping.lost)
            ),
            exemptions=len(daemon.ledger.allowed),
            trusted=daemon.trust.trusted(daemon.clock.now()),
            database=daemon.checkpoints.error,
            unwritten=daemon.ledger.is_dirty,
            lost=daemon.keeping.lost,
            losses={
                "places": daemon.trust.dropped, "verdicts": daemon.deciding.pending.dropped,
                "answers": daemon.deciding.enquiries.dropped,
                "abuses": daemon.jails.abuse.dropped, "hosts": daemon.naming.counters.dropped,
            },
        )  # fmt: skip

    def _jail_figures(self, jail: Jail) -> JailFigures:
        counters = jail.counters
        actions = self._daemon.jails.actions.get(jail.name)
        held = self._daemon.deciding.held(jail.name)
        return JailFigures(
            name=jail.name,
            patterns=tuple(path.pattern for path in jail.settings.log_paths),
            lines=counters.lines,
            failures=counters.failures,
            successes=counters.successes,
            ignored=counters.ignored,
            exempted=jail.judge.counters.exempted,
            held=len(held),
            brake=held[0].brake if held else "",
            timeouts=counters.timeouts,
            slowest=counters.last_timeout,
            unparsed=counters.unaddressed,
            unmatched=self._daemon.jails.filters.unmatched(jail).count,
            protected=jail.judge.protected(self._daemon.clock.now()),
            capped=jail.judge.capped,
            tracked=len(jail.judge.tracker),
            forgotten=jail.judge.dropped,
            losses=jail.judge.losses,
            active=self._daemon.ledger.count(jail.name),
            changes=dict(jail.changes),
            actions=tuple(worker.report() for worker in actions.workers) if actions else (),
        )

    def failed_jail(self, name: str) -> payloads.JailStatus:
        """Show a jail that can't run, and why."""
        problems = self._daemon.configuration.failed[name]
        reason = "; ".join(str(problem) for problem in problems)
        return payloads.JailStatus(name, payloads.JailState.FAILED, reason)

    def sources(self) -> Iterable[payloads.SourceStatus]:
        """Show how the reading of each file is."""
        for report in self._daemon.sources.report():
            yield payloads.SourceStatus(
                report.path, report.state.value, report.reason, report.size, report.offset,
                report.lag, report.lines, report.rotations, report.truncations,
                report.long_lines, report.watching,
                report.progress if report.state is SourceState.CATCHING_UP else None,
            )  # fmt: skip

    def ban(self, ban: Ban, now: float) -> BanView:
        """Show a ban, and whether all that is to enforce it says that it does."""
        actions = self._daemon.jails.actions.get(ban.jail)
        enforcers = [] if actions is None else actions.enforcers()
        able = [worker for worker in enforcers if worker.takes(ban.subject)]
        in_force = all(worker.holds(ban.subject) for worker in able) and bool(able)
        names = tuple(worker.spec.written for worker in able)
        # Of a user, no packet filter keeps anybody out: that he is reported is all there is to it.
        is_enforced = bool(able) or bool(enforcers and not ban.subject.user)
        return BanView.of(ban, now, in_force if is_enforced else None, names)

    def exemption(self, allowed: Allowed) -> payloads.AllowEntry:
        """Show an exemption made by hand."""
        addresses = sorted(self._daemon.exemptions.addresses(allowed.entry))
        return payloads.AllowEntry(
            allowed.entry,
            "hand",
            until=allowed.until,
            note=allowed.note,
            addresses=tuple(addresses),
            added=allowed.added,
        )


def alarm(raised: Alarm) -> payloads.AlarmView:
    """Show an alarm."""
    return payloads.AlarmView(
        raised.kind.name,
        raised.about,
        payloads.AlarmSeverity(raised.kind.severity),
        raised.message,
        raised.since,
        raised.kind.advice,
    )


def unmatched(jail: Jail, unknown: Unmatched) -> payloads.UnmatchedOfJail:
    """Show what a jail's filter does not know."""
    return payloads.UnmatchedOfJail(
        jail.name,
        jail.settings.filter.name if jail.settings.filter else "",
        unknown.count,
        tuple(
            payloads.UnmatchedSample(sample.line, sample.source, sample.count, sample.time)
            for sample in unknown.samples
        ),
    )


async def verified(jail: str, worker: EnforcerWorker) -> payloads.VerifiedAction:
    """Show where what an action has in force differs from the ledger."""
    report = worker.report()
    try:
        difference = await worker.verify()
    except LogbanError as error:
        return payloads.VerifiedAction(jail, report.name, drift=report.drift, error=str(error))
    missing, changed, surplus = (
        tuple(ban.subject for ban in bans)
        for bans in (difference.absent, difference.changed, difference.surplus)
    )
    return payloads.VerifiedAction(
        jail, report.name, worker.wanted_here(), missing, changed, surplus, report.drift
    )


def past_ban(past: PastBan) -> payloads.PastBan:
    """Show a ban that is over."""
    ban = past.ban
    return payloads.PastBan(
        jail=ban.jail,
        subject=ban.subject,
        time=ban.time,
        until=ban.until,
        ended=past.ended,
        failures=ban.failures,
        rule=ban.rule,
        origin=ban.origin,
        reason=ban.reason,
        ended_by=past.ended_by,
        offence=ban.offence,
    )


def length_of(ban: Ban, settings: JailSettings) -> str:
    """Tell why a ban lasts as long as it does, by its jail as it is now; "" where that is plain."""
    if ban.offence == 0 or settings.growth is None or settings.bantime is None:
        return ""
    return settings.growth.explain(settings.bantime, ban.offence)


def prospects(settings: JailSettings, earlier: int, repeats: int) -> str:
    """Tell what somebody's earlier bans make of his next one in a jail; "" if nothing."""
    if settings.recidive and repeats:
        span = format_duration(settings.findtime)
        return f"jail {settings.name} counts {repeats} of {settings.maxretry} bans within {span}"
    if settings.growth is None or settings.bantime is None or not earlier:
        return ""
    next_one = settings.growth.explain(settings.bantime, earlier + 1)
    return f"the next ban in jail {settings.name} would last {next_one}"


def _filter_of(settings: JailSettings) -> str:
    if settings.recidive:
        return RECIDIVE
    return settings.filter.name if settings.filter else ""


def _clock_of(jail: Jail, now: float) -> payloads.LogClock:
    for times in jail.sources.values():
        if isinstance(times, ArrivalTimes) and times.offset is not None:
            return payloads.LogClock(times.offset, times.hint(jail.utc_offset(now)))
    return payloads.LogClock()
