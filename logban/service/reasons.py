# SPDX-License-Identifier: MIT
"""All that is known of one subject: the answer of ``why``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from logban.control import payloads
from logban.daemon import Daemon
from logban.errors import LedgerError
from logban.judging.exemptions import Exemption
from logban.model import Ban, Subject, Verdict
from logban.service.subjects import counted_as, holds, prefixes
from logban.service.views import Views, length_of, past_ban, prospects

HISTORY_SHOWN = 20


class Reasons:
    """Explains why a subject is banned, or is not."""

    def __init__(self, daemon: Daemon, views: Views) -> None:
        self._daemon = daemon
        self._views = views

    async def give(self, subject: Subject) -> payloads.Why:
        """Tell all that is known of a subject."""
        daemon = self._daemon
        now = daemon.clock.now()
        # The evidence of the newest bans is read back from the database.
        with suppress(LedgerError):  # what is known by now is told all the same
            await daemon.checkpoints.commit()
        counted = {counted_as(subject, prefix) for prefix in prefixes(daemon)} | {subject}
        counted |= {ban.subject for ban in daemon.ledger.active() if holds(ban, subject)}
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


def _said(source: str, jail: str, exemption: Exemption | None, error: str) -> payloads.Consulted:
    """Give what a source said in the form of the answer."""
    if exemption is None:
        return payloads.Consulted(source, jail, error=error)
    reason = payloads.Exemption(exemption.entry, exemption.origin)
    return payloads.Consulted(source, jail, reason, exemption.until, error)
