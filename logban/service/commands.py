# SPDX-License-Identifier: MIT
"""What the admin asks at the control socket, answered from the running daemon."""

from __future__ import annotations

import asyncio
import difflib
import ipaddress
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress

import logban
from logban.actions.declaration import ActionSpec
from logban.actions.worker import EnforcerWorker
from logban.config.problem import Severity
from logban.config.settings import MANUAL, Configuration
from logban.control import payloads
from logban.control.service import Forever, KamailioOrders
from logban.daemon import Daemon
from logban.errors import ConfigurationError, LedgerError, UnknownName, UsageError
from logban.health.watch import Watch
from logban.judging.exemption_book import is_name
from logban.judging.exemptions import Exemption
from logban.ledger.records import Allowed
from logban.matching.engine.ladder import best_rung
from logban.model import Ban, Change, Subject, SubjectKind, Verdict, canonical_network
from logban.running.jail import Jail
from logban.service.adopting import adopt
from logban.service.proxies import Proxies
from logban.service.views import Views, alarm, length_of, past_ban, prospects, unmatched, verified

HISTORY_SHOWN = 20
SHOWN_AT_ONCE = 500


class DaemonService:
    """The daemon as its admin sees it; see :class:`logban.control.service.Service`."""

    def __init__(
        self,
        daemon: Daemon,
        load: Callable[[], Configuration],
        reloading: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """``load`` reads the configuration anew; it raises where nothing can be read at all.

        ``reloading`` is entered for as long as a reload takes.
        """
        self._reloading = reloading
        self._daemon = daemon
        self._views = Views(daemon)
        self._load = load
        self._proxies = Proxies(self._actions, daemon.clock)
        self.watch = Watch(self._views.figures, daemon.clock, lambda: daemon.configuration.server)

    async def ping(self) -> payloads.Pong:
        """Tell that the daemon lives."""
        daemon = self._daemon
        return payloads.Pong(logban.__version__, os.getpid(), daemon.started, daemon.clock.now())

    async def status(self) -> payloads.Status:
        """Tell how everything is."""
        daemon = self._daemon
        store = daemon.checkpoints.store
        history = await daemon.checkpoints.in_database(store.count)
        jails = [self._views.jail(jail) for jail in daemon.jails.running.values()]
        jails += [self._views.failed_jail(name) for name in daemon.configuration.failed]
        warnings = [
            *daemon.problems,
            *(str(problem) for problem in daemon.configuration.warnings),
        ]
        return payloads.Status(
            version=logban.__version__,
            pid=os.getpid(),
            started=daemon.started,
            now=daemon.clock.now(),
            jails=tuple(sorted(jails, key=lambda jail: jail.name)),
            sources=tuple(self._views.sources()),
            warnings=tuple(warnings),
            ledger=payloads.LedgerStatus(
                str(daemon.checkpoints.store.path),
                len(daemon.ledger),
                history,
                daemon.ledger.is_dirty,
            ),
            alarms=tuple(map(alarm, self.watch.alarms)),
            engine=best_rung().value,
        )

    async def health(self) -> payloads.Health:
        """Tell what is wrong, as it is now."""
        figures = self.watch.look()
        return payloads.Health(
            figures.now,
            figures.version,
            figures.started,
            tuple(map(alarm, self.watch.alarms)),
            self.watch.overflow,
            len(figures.jails),
            len(self._daemon.ledger),
        )

    async def status_jail(self, name: str) -> payloads.JailDetail:
        """Tell how one jail is and whom it has banned."""
        daemon = self._daemon
        now = daemon.clock.now()
        if name in daemon.configuration.failed:
            return payloads.JailDetail(now, self._views.failed_jail(name), ())
        jail = self._jail(name)
        bans = await self._shown(list(daemon.ledger.active(name)), now)
        return payloads.JailDetail(now, self._views.jail(jail), bans)

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
        return payloads.Banned(now, await self._shown(bans, now), tuple(missing))

    async def _shown(self, bans: Sequence[Ban], now: float) -> tuple[payloads.BanView, ...]:
        """Show bans; the loop's other work goes on where there are many."""
        shown: list[payloads.BanView] = []
        for start in range(0, len(bans), SHOWN_AT_ONCE):
            shown += [self._views.ban(ban, now) for ban in bans[start : start + SHOWN_AT_ONCE]]
            await asyncio.sleep(0)
        return tuple(shown)

    async def ban(
        self,
        subjects: Sequence[Subject],
        jail: str | None,
        seconds: float | Forever | None,
        reason: str,
        *,
        force: bool = False,
    ) -> payloads.Placed:
        """Ban by hand; ``seconds`` None means as long as the jail would.

        ``force`` bans in spite of the users that are registered behind an address.
        """
        daemon = self._daemon
        now = daemon.clock.now()
        settings = self._jail(jail or MANUAL).settings
        span = settings.bantime if seconds is None else seconds
        placed: list[Change] = []
        refused = []
        charged = [self._counted_as(asked, settings.ipv6_prefix) for asked in subjects]
        # All at once: a source that does not answer costs its limit once, not for each.
        answers = await asyncio.gather(
            *(daemon.deciding.spared(settings.name, subject, now) for subject in charged)
        )
        for subject, spared in zip(charged, answers, strict=True):
            crowd = "" if force else daemon.deciding.brakes.crowd(settings.name, subject)
            if crowd:
                refused.append(
                    payloads.RefusedBan(subject, f"{crowd}; --force bans it all the same")
                )
                continue
            if spared is not None:
                reason_not = f"{subject} is exempt by {spared.entry!r} ({spared.origin})"
                refused.append(payloads.RefusedBan(subject, reason_not))
                continue
            daemon.deciding.forget(subject, settings.name)
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
        views = tuple(self._views.ban(change.ban, now) for change in placed)
        return payloads.Placed(now, views, tuple(refused))

    async def adopt(self, bans: Sequence[payloads.ForeignBan]) -> payloads.Adopted:
        """Take bans of another program's over, with their own times; nobody is told of them."""
        daemon = self._daemon
        now = daemon.clock.now()
        taken: list[Change] = []
        refused = []
        for ban in bans:
            try:
                prefix = self._jail(ban.jail).settings.ipv6_prefix
                change = adopt(daemon.ledger, ban, prefix, now)
            except (UnknownName, UsageError) as error:
                refused.append(payloads.RefusedBan(ban.subject, str(error)))
                continue
            if change is not None:
                taken.append(change)
        await daemon.adopt(taken)
        known = len(bans) - len(taken) - len(refused)
        return payloads.Adopted(len(taken), known, tuple(refused))

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
        if subjects is not None:
            await daemon.pardon(subjects, jail)
        return payloads.Lifted(
            tuple(self._views.ban(change.ban, now) for change in lifted), tuple(missing)
        )

    async def allow_add(self, entry: str, seconds: float | None, note: str) -> payloads.AllowAdded:
        """Exempt an address, a network or a name, for a time or for good, and lift its bans."""
        daemon = self._daemon
        now = daemon.clock.now()
        until = None if seconds is None else now + seconds
        allowed = Allowed(_exemptible(entry), now, until, note)
        lifted = await daemon.allow(allowed)
        return payloads.AllowAdded(
            now,
            self._views.exemption(allowed),
            tuple(self._views.ban(change.ban, now) for change in lifted),
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
        return payloads.AllowRemoved(self._views.exemption(allowed))

    async def allow_list(self, jail: str | None) -> payloads.AllowList:
        """Tell who is exempt: everywhere and in the jails, or all that holds for this jail."""
        daemon = self._daemon
        entries = [self._views.exemption(allowed) for allowed in daemon.ledger.allowed.values()]
        jails = daemon.jails.running.values() if jail is None else [self._jail(jail)]
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
        with self._reloading():
            return await self._go_over()

    async def _go_over(self) -> payloads.Reloaded:
        new = self._load()
        broken = [str(problem) for problem in new.problems() if problem.severity is Severity.ERROR]
        if broken:
            raise ConfigurationError(
                "nothing was changed, the running configuration stays:\n" + "\n".join(broken)
            )
        return payloads.Reloaded(tuple(await self._daemon.reload(new)))

    def kamailio(self, rpc: str | None) -> KamailioOrders:
        """Give the Kamailio with that RPC socket, the first that a jail names without one."""
        return self._proxies.find(rpc)

    async def verify(self, jail: str | None) -> payloads.Verified:
        """Tell where what is in force differs from the ledger, in all jails or in one."""
        workers = self._enforcers(jail)
        actions = await asyncio.gather(*(verified(name, worker) for name, worker in workers))
        return payloads.Verified(self._daemon.clock.now(), tuple(actions))

    async def repair(self, jail: str | None) -> payloads.Verified:
        """Have that repaired, and tell what still differs."""
        await asyncio.gather(*(worker.repair() for _, worker in self._enforcers(jail)))
        return await self.verify(jail)

    def _enforcers(self, jail: str | None) -> list[tuple[str, EnforcerWorker]]:
        """Give those who enforce in a jail, or in all, each with its jail's name."""
        names = self._daemon.jails.actions if jail is None else [self._jail(jail).name]
        return [
            (name, worker)
            for name in names
            for worker in self._daemon.jails.actions[name].enforcers()
        ]

    async def unmatched(self, jail: str | None) -> payloads.UnmatchedLines:
        """Tell which lines look like an attack and matched no rule."""
        daemon = self._daemon
        jails = daemon.jails.running.values() if jail is None else [self._jail(jail)]
        return payloads.UnmatchedLines(
            daemon.clock.now(), tuple(unmatched(each) for each in jails if each.settings.filter)
        )

    async def why(self, subject: Subject) -> payloads.Why:
        """Tell all that is known of a subject."""
        daemon = self._daemon
        now = daemon.clock.now()
        # The evidence of the newest bans is read back from the database.
        with suppress(LedgerError):  # what is known by now is told all the same
            await daemon.checkpoints.commit()
        counted = {self._counted_as(subject, prefix) for prefix in self._prefixes()} | {subject}
        counted |= {ban.subject for ban in daemon.ledger.active() if _holds(ban, subject)}
        explained, history = [], []
        for each in sorted(counted, key=str):
            for past in await daemon.checkpoints.in_database(
                daemon.checkpoints.store.history, each, HISTORY_SHOWN
            ):
                if past.ended is None:
                    view = self._views.ban(past.ban, now)
                    explained.append(
                        payloads.ExplainedBan(view, past.ban.evidence, self._length(past.ban))
                    )
                else:
                    history.append(past_ban(past))
        consulted = await self._consulted(subject, now)
        floors = [daemon.ledger.floors[each] for each in counted if each in daemon.ledger.floors]
        return payloads.Why(
            now=now,
            subject=subject,
            banned=tuple(explained),
            failures=tuple(self._counting(counted)),
            exempt=next((each.exempt for each in consulted if each.exempt), None),
            history=tuple(sorted(history, key=lambda past: -past.time)),
            floor=max(floors, default=None),
            explanation=(
                *self._waiting(counted),
                *self._prospects(counted, now),
                *self._standing(counted, now),
            ),
            consulted=consulted,
        )

    async def _consulted(self, subject: Subject, now: float) -> tuple[payloads.Consulted, ...]:
        """Ask every source of exemptions, those of all jails and each jail's own, in order."""
        daemon = self._daemon
        found: dict[tuple[str, str], payloads.Consulted] = {}
        for jail in daemon.jails.running:
            for each in daemon.exemptions.consult(jail, subject):
                of_jail = jail if each.is_of_jail else ""
                found[each.source, of_jail] = _said(each.source, of_jail, each.exemption, "")
        for jail in daemon.jails.running:
            verdict = Verdict(jail, subject, now, None, 0, "")
            for answer in await daemon.deciding.enquiries.answers(verdict):
                of_jail = "" if daemon.deciding.enquiries.is_for_all(answer) else jail
                source = f"{answer.source}, asked"
                said = _said(source, of_jail, answer.exemption, answer.error)
                found.setdefault((source, of_jail), said)
        return tuple(found.values())

    def _waiting(self, subjects: Iterable[Subject]) -> Iterable[str]:
        """Tell of bans that are on their way, and what they wait for."""
        for jail in self._daemon.jails.running:
            for subject in subjects:
                waiting = self._daemon.deciding.pending.get(jail, subject)
                if waiting is not None:
                    reason = waiting.brake or "it is being asked whether it is exempt"
                    yield f"the ban of {subject} in jail {jail} waits: {reason}"

    def _actions(self) -> list[ActionSpec]:
        return [
            spec for jail in self._daemon.jails.running.values() for spec in jail.settings.actions
        ]

    def _jail(self, name: str) -> Jail:
        """Give a jail by name; UnknownName, with the likely one, if it isn't there."""
        daemon = self._daemon
        if name in daemon.jails.running:
            return daemon.jails.running[name]
        if name in daemon.configuration.failed:
            reason = daemon.configuration.failed[name][0]
            raise UnknownName(f"jail {name!r} is not running: {reason}")
        if name in daemon.configuration.disabled:
            raise UnknownName(
                f"jail {name!r} is not enabled; write `enabled = true` in its section"
            )
        near = difflib.get_close_matches(name, daemon.jails.running, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownName(f"there is no jail {name!r}{hint}")

    def _prospects(self, subjects: Iterable[Subject], now: float) -> Iterator[str]:
        """Tell what earlier bans of these subjects would make of the next one."""
        ledger = self._daemon.ledger
        for subject in sorted(subjects, key=str):
            for jail in self._daemon.jails.running.values():
                if ledger.get(jail.name, subject) is None:
                    earlier = ledger.escalation.earlier(jail.name, subject, now)
                    repeats = len(ledger.escalation.repeats(jail.name, subject, now))
                    sentence = prospects(jail.settings, earlier, repeats)
                    if sentence:
                        yield sentence

    def _length(self, ban: Ban) -> str:
        jail = self._daemon.jails.running.get(ban.jail)
        return "" if jail is None else length_of(ban, jail.settings)

    def _standing(self, subjects: Iterable[Subject], now: float) -> Iterable[str]:
        """Say once what the jails think of these."""
        jails = self._daemon.jails.running.values()
        said = (each for jail in jails for who in subjects for each in jail.judge.explain(who, now))
        return dict.fromkeys(said)

    def _counting(self, subjects: Iterable[Subject]) -> Iterable[payloads.Counting]:
        for jail in self._daemon.jails.running.values():
            settings = jail.settings
            oldest = self._daemon.clock.now() - settings.findtime
            for subject in subjects:
                known = jail.judge.known_of(subject)
                counted = [item for item in known.evidence if item.time > oldest] if known else []
                if known is not None and counted:
                    weights = dict(zip(known.times, known.weights, strict=True))
                    yield payloads.Counting(
                        jail.name,
                        settings.maxretry,
                        settings.findtime,
                        tuple(counted),
                        tuple(weights.get(item.time, 1.0) for item in counted),
                        sum(
                            weight
                            for time, weight in zip(known.times, known.weights, strict=True)
                            if time > oldest
                        ),
                    )

    def _prefixes(self) -> set[int]:
        return {jail.settings.ipv6_prefix for jail in self._daemon.jails.running.values()}

    def _counted_as(self, subject: Subject, ipv6_prefix: int) -> Subject:
        """Give what a typed IPv6 address is counted under; anything else stays as it is."""
        if subject.kind is SubjectKind.IP:
            return Subject.parse(subject.network, ipv6_prefix)
        return subject


def _said(source: str, jail: str, exemption: Exemption | None, error: str) -> payloads.Consulted:
    """Give what a source said in the form of the answer."""
    if exemption is None:
        return payloads.Consulted(source, jail, error=error)
    reason = payloads.Exemption(exemption.entry, exemption.origin)
    return payloads.Consulted(source, jail, reason, exemption.until, error)


def _holds(ban: Ban, asked: Subject) -> bool:
    """Tell whether a ban is on what was asked for, or on a network around it."""
    if ban.subject == asked:
        return True
    if not ban.subject.network or not asked.network or ban.subject.user != asked.user:
        return False
    around = ipaddress.ip_network(ban.subject.network)
    inner = ipaddress.ip_network(asked.network)
    return around.version == inner.version and inner.subnet_of(around)  # type: ignore[arg-type]  # of one version


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
