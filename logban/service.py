# SPDX-License-Identifier: MIT
"""What the admin asks at the control socket, answered from the running daemon."""

from __future__ import annotations

import difflib
import ipaddress
import os
from collections.abc import Callable, Iterable, Sequence

import logban
from logban.config.problem import Severity
from logban.config.settings import MANUAL, Configuration
from logban.control import payloads
from logban.control.payloads import BanView
from logban.control.service import Forever
from logban.daemon import Daemon
from logban.errors import ConfigurationError, UnknownName, UsageError
from logban.jail import Jail
from logban.judging.exemption_book import is_name
from logban.judging.times import ArrivalTimes
from logban.ledger.records import Allowed, PastBan
from logban.model import Ban, Change, Subject, SubjectKind, canonical_network
from logban.sources.report import SourceState

HISTORY_SHOWN = 20


class DaemonService:
    """The daemon as its admin sees it; see :class:`logban.control.service.Service`."""

    def __init__(self, daemon: Daemon, load: Callable[[], Configuration]) -> None:
        """``load`` reads the configuration anew; it raises where nothing can be read at all."""
        self._daemon = daemon
        self._load = load

    async def ping(self) -> payloads.Pong:
        """Tell that the daemon lives."""
        daemon = self._daemon
        return payloads.Pong(logban.__version__, os.getpid(), daemon.started, daemon.clock.now())

    async def status(self) -> payloads.Status:
        """Tell how everything is."""
        daemon = self._daemon
        history = await daemon.in_database(daemon.store.count)
        jails = [self._jail_status(jail) for jail in daemon.jails.values()]
        jails += [self._failed_jail(name) for name in daemon.configuration.failed]
        warnings = [str(problem) for problem in daemon.configuration.warnings]
        if daemon.commit_error:
            warnings.insert(0, daemon.commit_error)
        return payloads.Status(
            version=logban.__version__,
            pid=os.getpid(),
            started=daemon.started,
            now=daemon.clock.now(),
            jails=tuple(sorted(jails, key=lambda jail: jail.name)),
            sources=tuple(self._sources()),
            warnings=tuple(warnings),
            ledger=payloads.LedgerStatus(
                str(daemon.store.path), len(daemon.ledger), history, daemon.ledger.is_dirty
            ),
        )

    async def status_jail(self, name: str) -> payloads.JailDetail:
        """Tell how one jail is and whom it has banned."""
        daemon = self._daemon
        now = daemon.clock.now()
        if name in daemon.configuration.failed:
            return payloads.JailDetail(now, self._failed_jail(name), ())
        jail = self._jail(name)
        bans = tuple(self._view(ban, now) for ban in daemon.ledger.active(name))
        return payloads.JailDetail(now, self._jail_status(jail), bans)

    async def banned(self, jail: str | None, subjects: Sequence[Subject] | None) -> payloads.Banned:
        """Tell who is banned: all, or those of these subjects."""
        daemon = self._daemon
        now = daemon.clock.now()
        if jail is not None:
            self._jail(jail)
        bans = list(daemon.ledger.active(jail))
        missing: list[Subject] = []
        if subjects is not None:
            missing = [asked for asked in subjects if not any(_holds(ban, asked) for ban in bans)]
            bans = [ban for ban in bans if any(_holds(ban, asked) for asked in subjects)]
        return payloads.Banned(now, tuple(self._view(ban, now) for ban in bans), tuple(missing))

    async def ban(
        self,
        subjects: Sequence[Subject],
        jail: str | None,
        seconds: float | Forever | None,
        reason: str,
    ) -> payloads.Placed:
        """Ban by hand; ``seconds`` None means as long as the jail would."""
        daemon = self._daemon
        now = daemon.clock.now()
        settings = self._jail(jail or MANUAL).settings
        span = settings.bantime if seconds is None else seconds
        placed: list[Change] = []
        refused = []
        for asked in subjects:
            subject = self._counted_as(asked, settings.ipv6_prefix)
            try:
                placed.append(
                    daemon.ledger.ban(
                        settings.name,
                        subject,
                        seconds=None if isinstance(span, Forever) else span,
                        reason=reason,
                        now=now,
                    )
                )
            except UsageError as error:
                refused.append(payloads.RefusedBan(subject, str(error)))
        await daemon.order(placed)
        views = tuple(self._view(change.ban, now) for change in placed)
        return payloads.Placed(now, views, tuple(refused))

    async def unban(self, subjects: Sequence[Subject] | None, jail: str | None) -> payloads.Lifted:
        """Lift the bans of these subjects, or of all (None), and set their floors."""
        daemon = self._daemon
        now = daemon.clock.now()
        if jail is not None:
            self._jail(jail)
        bans = list(daemon.ledger.active(jail))
        if subjects is not None:
            bans = [ban for ban in bans if any(_holds(ban, asked) for asked in subjects)]
        missing = [asked for asked in subjects or () if not any(_holds(ban, asked) for ban in bans)]
        lifted: list[Change] = []
        # Whoever is not banned yet has his failures forgiven all the same.
        forgiven = {ban.subject for ban in bans}
        forgiven |= {
            self._counted_as(asked, prefix) for asked in missing for prefix in self._prefixes()
        }
        for subject in forgiven:
            lifted += daemon.forgive(subject, now, jail=jail, by="hand")
        await daemon.order(lifted)
        return payloads.Lifted(
            tuple(self._view(change.ban, now) for change in lifted), tuple(missing)
        )

    async def allow_add(self, entry: str, seconds: float | None, note: str) -> payloads.AllowAdded:
        """Exempt an address, a network or a name, for a time or for good, and lift its bans."""
        daemon = self._daemon
        now = daemon.clock.now()
        until = None if seconds is None else now + seconds
        allowed = Allowed(_exemptible(entry), now, until, note)
        lifted = await daemon.allow(allowed)
        return payloads.AllowAdded(
            now, self._entry(allowed), tuple(self._view(change.ban, now) for change in lifted)
        )

    async def allow_del(self, entry: str) -> payloads.AllowRemoved:
        """Take an exemption made by hand back; UnknownName if there is none."""
        allowed = self._daemon.ledger.allowed.get(_exemptible(entry))
        if allowed is None:
            raise UnknownName(
                f"{entry!r} is not on the list of exemptions by hand; "
                "`logban-client allow list` shows it, and ignoreip is changed in the jail's file"
            )
        await self._daemon.disallow(allowed.entry)
        return payloads.AllowRemoved(self._entry(allowed))

    async def allow_list(self, jail: str | None) -> payloads.AllowList:
        """Tell who is exempt: everywhere and in the jails, or all that holds for this jail."""
        daemon = self._daemon
        entries = [self._entry(allowed) for allowed in daemon.ledger.allowed.values()]
        jails = daemon.jails.values() if jail is None else [self._jail(jail)]
        for each in jails:
            entries += [
                payloads.AllowEntry(
                    entry,
                    origin=f"ignoreip of [{each.name}]",
                    jail=each.name,
                    addresses=tuple(sorted(daemon.exemptions.addresses(entry))),
                )
                for entry in each.settings.ignore
            ]
        return payloads.AllowList(daemon.clock.now(), tuple(entries))

    async def reload(self) -> payloads.Reloaded:
        """Read the configuration anew; ConfigurationError leaves the running one in place."""
        new = self._load()
        broken = [str(problem) for problem in new.problems() if problem.severity is Severity.ERROR]
        if broken:
            raise ConfigurationError(
                "nothing was changed, the running configuration stays:\n" + "\n".join(broken)
            )
        return payloads.Reloaded(tuple(await self._daemon.reload(new)))

    async def unmatched(self, jail: str | None) -> payloads.UnmatchedLines:
        """Tell which lines look like an attack and matched no rule."""
        daemon = self._daemon
        jails = daemon.jails.values() if jail is None else [self._jail(jail)]
        return payloads.UnmatchedLines(
            daemon.clock.now(), tuple(_unmatched(each) for each in jails if each.settings.filter)
        )

    async def why(self, subject: Subject) -> payloads.Why:
        """Tell all that is known of a subject."""
        daemon = self._daemon
        now = daemon.clock.now()
        await daemon.commit()  # the evidence of the newest bans is read back from the database
        counted = {self._counted_as(subject, prefix) for prefix in self._prefixes()} | {subject}
        counted |= {ban.subject for ban in daemon.ledger.active() if _holds(ban, subject)}
        explained, history = [], []
        for each in sorted(counted, key=str):
            for past in await daemon.in_database(daemon.store.history, each, HISTORY_SHOWN):
                if past.ended is None:
                    view = self._view(past.ban, now)
                    explained.append(payloads.ExplainedBan(view, past.ban.evidence))
                else:
                    history.append(_past(past))
        exempt = self._exemption(subject)
        floors = [daemon.ledger.floors[each] for each in counted if each in daemon.ledger.floors]
        return payloads.Why(
            now=now,
            subject=subject,
            banned=tuple(explained),
            failures=tuple(self._counting(counted)),
            exempt=exempt,
            history=tuple(sorted(history, key=lambda past: -past.time)),
            floor=max(floors, default=None),
        )

    def _jail(self, name: str) -> Jail:
        """Give a jail by name; UnknownName, with the likely one, if it isn't there."""
        daemon = self._daemon
        if name in daemon.jails:
            return daemon.jails[name]
        if name in daemon.configuration.failed:
            reason = daemon.configuration.failed[name][0]
            raise UnknownName(f"jail {name!r} is not running: {reason}")
        if name in daemon.configuration.disabled:
            raise UnknownName(
                f"jail {name!r} is not enabled; write `enabled = true` in its section"
            )
        near = difflib.get_close_matches(name, daemon.jails, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownName(f"there is no jail {name!r}{hint}")

    def _jail_status(self, jail: Jail) -> payloads.JailStatus:
        daemon = self._daemon
        settings = jail.settings
        patterns = {path.pattern for path in settings.log_paths}
        following = [
            report for report in daemon.sources.report() if patterns.intersection(report.patterns)
        ]
        state, reason = payloads.JailState.RUNNING, ""
        if patterns and all(report.state is SourceState.WAITING for report in following):
            state = payloads.JailState.WAITING
            reason = "no log file yet: " + ", ".join(sorted(patterns))
        counters = jail.matcher.counters if jail.matcher is not None else None
        tracker = jail.judge.tracker
        oldest = daemon.clock.now() - settings.findtime
        return payloads.JailStatus(
            name=jail.name,
            state=state,
            reason=reason,
            filter=settings.filter.name if settings.filter else "",
            files=tuple(report.path for report in following),
            lines=counters.lines if counters else 0,
            failures=sum(
                sum(time > oldest for time in known.times)
                for known in map(tracker.get, tracker)
                if known
            ),
            failures_total=counters.failures if counters else 0,
            tracked=len(tracker),
            banned=sum(1 for _ in daemon.ledger.active(jail.name)),
            banned_total=jail.banned_total,
            exempted_total=jail.judge.counters.exempted,
            timeouts=counters.timeouts if counters else 0,
            unparsed=counters.unaddressed if counters else 0,
            unmatched=jail.unmatched.count,
            clock=_clock_of(jail, daemon.clock.now()),
            actions=tuple(
                payloads.ActionStatus(
                    report.name, payloads.ActionKind(report.kind),
                    payloads.ActionState(report.state), report.error, report.since,
                    report.retries, report.in_force, report.pending,
                )
                for report in (worker.report() for worker in daemon.actions[jail.name].workers)
            ),
            settings=payloads.JailSettings(settings.maxretry, settings.findtime, settings.bantime),
        )  # fmt: skip

    def _failed_jail(self, name: str) -> payloads.JailStatus:
        problems = self._daemon.configuration.failed[name]
        reason = "; ".join(str(problem) for problem in problems)
        return payloads.JailStatus(name, payloads.JailState.FAILED, reason)

    def _sources(self) -> Iterable[payloads.SourceStatus]:
        for report in self._daemon.sources.report():
            yield payloads.SourceStatus(
                report.path, report.state.value, report.reason, report.size, report.offset,
                report.lag, report.lines, report.rotations, report.truncations,
                report.long_lines, report.watching,
                report.progress if report.state is SourceState.CATCHING_UP else None,
            )  # fmt: skip

    def _view(self, ban: Ban, now: float) -> BanView:
        """Show a ban, and whether all that is to enforce it says that it does."""
        actions = self._daemon.actions.get(ban.jail)
        enforcers = [] if actions is None else actions.enforcers()
        able = [worker for worker in enforcers if worker.takes(ban.subject)]
        in_force = all(worker.holds(ban.subject) for worker in able) and bool(able)
        names = tuple(worker.spec.written for worker in able)
        return BanView.of(ban, now, in_force if enforcers else None, names)

    def _entry(self, allowed: Allowed) -> payloads.AllowEntry:
        addresses = sorted(self._daemon.exemptions.addresses(allowed.entry))
        return payloads.AllowEntry(
            allowed.entry,
            "hand",
            until=allowed.until,
            note=allowed.note,
            addresses=tuple(addresses),
            added=allowed.added,
        )

    def _exemption(self, subject: Subject) -> payloads.Exemption | None:
        for jail in self._daemon.jails:
            found = self._daemon.exemptions.exempt(jail, subject)
            if found is not None:
                return payloads.Exemption(found.entry, found.origin)
        return None

    def _counting(self, subjects: Iterable[Subject]) -> Iterable[payloads.Counting]:
        for jail in self._daemon.jails.values():
            settings = jail.settings
            oldest = self._daemon.clock.now() - settings.findtime
            for subject in subjects:
                known = jail.judge.tracker.get(subject)
                counted = [item for item in known.evidence if item.time > oldest] if known else []
                if counted:
                    yield payloads.Counting(
                        jail.name, settings.maxretry, settings.findtime, tuple(counted)
                    )

    def _prefixes(self) -> set[int]:
        return {jail.settings.ipv6_prefix for jail in self._daemon.jails.values()}

    def _counted_as(self, subject: Subject, ipv6_prefix: int) -> Subject:
        """Give what a typed IPv6 address is counted under; anything else stays as it is."""
        if subject.kind is SubjectKind.IP:
            return Subject.parse(subject.network, ipv6_prefix)
        return subject


def _holds(ban: Ban, asked: Subject) -> bool:
    """Tell whether a ban is on what was asked for, or on a network around it."""
    if ban.subject == asked:
        return True
    if not ban.subject.network or not asked.network or ban.subject.user != asked.user:
        return False
    around = ipaddress.ip_network(ban.subject.network)
    inner = ipaddress.ip_network(asked.network)
    return around.version == inner.version and inner.subnet_of(around)  # type: ignore[arg-type]  # of one version


def _unmatched(jail: Jail) -> payloads.UnmatchedOfJail:
    return payloads.UnmatchedOfJail(
        jail.name,
        jail.settings.filter.name if jail.settings.filter else "",
        jail.unmatched.count,
        tuple(
            payloads.UnmatchedSample(sample.line, sample.source, sample.count, sample.time)
            for sample in jail.unmatched.samples
        ),
    )


def _past(past: PastBan) -> payloads.PastBan:
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
    )


def _exemptible(entry: str) -> str:
    """Give an entry of the allow list in the form in which it is kept; UsageError if it is none."""
    if not is_name(entry):
        return canonical_network(entry)
    name = entry.rstrip(".").lower()
    labels = name.split(".")
    if (
        len(name) > 253
        or not all(  # RFC 1035, 2.3.4
            0 < len(label) <= 63 and label.replace("-", "").replace("_", "").isalnum()
            for label in labels
        )
        or labels[-1].isdigit()
    ):
        raise UsageError(f"{entry!r} is no address, no network and no name")
    return name


def _clock_of(jail: Jail, now: float) -> payloads.LogClock:
    for times in jail.sources.values():
        if isinstance(times, ArrivalTimes) and times.offset is not None:
            return payloads.LogClock(times.offset, times.hint(jail.utc_offset(now)))
    return payloads.LogClock()
