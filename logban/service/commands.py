# SPDX-License-Identifier: MIT
"""What the admin asks at the control socket, answered from the running daemon."""

from __future__ import annotations

import asyncio
import difflib
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import logban
from logban.actions.declaration import ActionSpec
from logban.actions.worker import EnforcerWorker
from logban.addresses import canonical_network
from logban.config.problem import Severity
from logban.config.settings import MANUAL, Configuration
from logban.control import payloads
from logban.control.service import Forever, KamailioOrders
from logban.daemon import Daemon
from logban.errors import ConfigurationError, UnknownName, UsageError
from logban.health.watch import Watch
from logban.judging.exemptions.book import is_list, is_name
from logban.ledger.records import Allowed
from logban.matching.engine.ladder import best_rung
from logban.model import Ban, Change, Subject
from logban.running.jail import Jail
from logban.service.adopting import adopt
from logban.service.proxies import Proxies
from logban.service.reasons import Reasons
from logban.service.subjects import bans_on, counted_as, prefixes
from logban.service.views import Views, alarm, unmatched, verified

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
        self._reasons = Reasons(daemon, self._views)
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
        history = await daemon.checkpoints.count()
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
            customers=self._views.customers(),
            notices=tuple(self._views.notices()),
        )

    async def health(self) -> payloads.Health:
        """Tell what is wrong, as it is now."""
        figures = self.watch.look()
        jails = self._daemon.jails.running.values()
        return payloads.Health(
            figures.now,
            figures.version,
            figures.started,
            tuple(map(alarm, self.watch.alarms)),
            self.watch.overflow,
            len(figures.jails),
            len(self._daemon.ledger),
            tuple(sorted(jail.name for jail in jails if self._views.is_waiting(jail))),
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
        if jail is not None and jail not in daemon.configuration.failed:
            self._jail(jail)
        bans = list(daemon.ledger.active(jail))
        missing: list[Subject] = []
        if subjects is not None:
            bans, missing = bans_on(bans, subjects)
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
        charged = [counted_as(asked, settings.ipv6_prefix) for asked in subjects]
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
        await daemon.handing.order(placed)
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
        await daemon.handing.adopt(taken)
        known = len(bans) - len(taken) - len(refused)
        return payloads.Adopted(len(taken), known, tuple(refused))

    async def unban(self, subjects: Sequence[Subject] | None, jail: str | None) -> payloads.Lifted:
        """Lift the bans of these subjects, or of all (None), and set their floors."""
        daemon = self._daemon
        now = daemon.clock.now()
        if jail is not None and jail not in daemon.configuration.failed:
            self._jail(jail)
        bans = list(daemon.ledger.active(jail))
        missing: list[Subject] = []
        if subjects is not None:
            bans, missing = bans_on(bans, subjects)
        lifted: list[Change] = []
        # Whoever is not banned yet has his failures forgiven all the same.
        forgiven = {ban.subject for ban in bans}
        forgiven |= {counted_as(asked, prefix) for asked in missing for prefix in prefixes(daemon)}
        for subject in forgiven:
            lifted += daemon.forgive(subject, now, jail=jail, by="hand")
        await daemon.handing.order(lifted)
        if subjects is not None:
            await daemon.handing.pardon(subjects, jail)
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
            daemon.clock.now(),
            tuple(
                unmatched(each, daemon.jails.filters.unmatched(each))
                for each in jails
                if each.settings.filter
            ),
        )

    async def why(self, subject: Subject) -> payloads.Why:
        """Tell all that is known of a subject."""
        return await self._reasons.give(subject)

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


def _exemptible(entry: str) -> str:
    """Give an entry of the allow list in the form in which it is kept; UsageError if it is none."""
    if is_list(entry):
        raise UsageError(f"{entry!r} is a list; write it into ignoreip of a jail, or of [DEFAULT]")
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
