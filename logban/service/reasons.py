# SPDX-License-Identifier: MIT
"""All that is known of one subject: the answer of ``why``."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from logban.actions import catalogue
from logban.config.settings import JailSettings
from logban.control import payloads
from logban.daemon import Daemon
from logban.durations import format_duration
from logban.errors import LedgerError
from logban.judging.counting.known import Tracked
from logban.judging.exemptions.exemption import Exemption
from logban.model import Ban, Evidence, Subject, SubjectKind, Verdict
from logban.policy.scrutiny import Limit
from logban.running.jail import Jail
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
                *self._from(subject),
                *self._of_user(subject, now),
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
                problem = daemon.problem_of_list(each.source)
                found[each.source, of_jail] = _said(each.source, of_jail, each.exemption, problem)
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

    def _from(self, subject: Subject) -> Iterator[str]:
        """Tell what comes of where an address is."""
        if not subject.network:
            return
        times = self._daemon.exemptions.weigh(subject.network.partition("/")[0])
        if times == math.inf:
            yield "one failure from there is enough: geo_deny"
        elif times != 1:
            yield f"a stranger's failures from there count {times:g} times: geo_weight"

    def _of_user(self, subject: Subject, now: float) -> Iterator[str]:
        """Tell what a jail does about a user, and what the next failure would lead to."""
        if not subject.user:
            return
        for jail in self._daemon.jails.running.values():
            scrutiny = jail.settings.scrutiny
            if scrutiny is None:
                continue
            weight = jail.judge.weigh_password(subject.user)
            if weight is not None and weight != 1:
                yield f"jail {jail.name}: a stranger's wrong password for him weighs {weight:g}"
            if subject.kind is SubjectKind.USER:
                limit = scrutiny.user
                yield (
                    f"jail {jail.name}: {limit.maxretry} places that fail with his name within "
                    f"{format_duration(limit.findtime)} protect the account for {_span(limit)}"
                )
            else:
                yield from self._of_pair(jail, subject, now)

    def _of_pair(self, jail: Jail, subject: Subject, now: float) -> Iterator[str]:
        limit = limit_for(jail.settings, subject)
        known = jail.judge.known_of(subject, now)
        failed = sum(time > now - limit.findtime for time in known.times) if known else 0
        if not suspends(jail.settings):
            yield (
                f"jail {jail.name}: his failures there are reported; no action of the jail keeps "
                "users out"
            )
        elif failed + 1 < limit.maxretry:
            left = limit.maxretry - failed - 1
            yield f"jail {jail.name}: one more wrong password would leave {left} to his suspension"
        else:
            yield (
                f"jail {jail.name}: one more wrong password would suspend him there for "
                f"{_span(limit)}"
            )

    def _counting(self, subjects: Iterable[Subject]) -> Iterable[payloads.Counting]:
        for jail in self._daemon.jails.running.values():
            for subject in subjects:
                settings = limit_for(jail.settings, subject)
                oldest = self._daemon.clock.now() - settings.findtime
                known = jail.judge.known_of(subject)
                counted = [item for item in known.evidence if item.time > oldest] if known else []
                if known is not None and counted:
                    yield payloads.Counting(
                        jail.name,
                        settings.maxretry,
                        settings.findtime,
                        tuple(counted),
                        tuple(_weights_of(counted, known)),
                        sum(
                            weight
                            for time, weight in zip(known.times, known.weights, strict=True)
                            if time > oldest
                        ),
                    )


def _weights_of(evidence: Sequence[Evidence], known: Tracked) -> Iterator[float]:
    """Give what each of these lines weighs; several may be of one moment, in their order."""
    weights: dict[float, list[float]] = {}
    for time, weight in zip(known.times, known.weights, strict=True):
        weights.setdefault(time, []).append(weight)
    # Of the lines the last ones are kept, so of the weights of a moment the first may be without.
    for time, number in Counter(item.time for item in evidence).items():
        of_moment = weights.get(time, [])
        weights[time] = [1.0] * (number - len(of_moment)) + of_moment[-number:]
    for item in evidence:
        yield weights[item.time].pop(0)


def limit_for(settings: JailSettings, subject: Subject) -> Limit:
    """Give how much is enough for a subject of this kind."""
    if subject.kind is SubjectKind.USER_IP and settings.scrutiny is not None:
        return settings.scrutiny.user_ip
    return Limit(settings.maxretry, settings.findtime, settings.bantime)


def suspends(settings: JailSettings) -> bool:
    """Tell whether a jail keeps users out at an address: it can, or it says when."""
    asked = settings.scrutiny is not None and settings.scrutiny.always_user_ip
    return asked or any(catalogue.suspends(spec) for spec in settings.actions)


def _span(limit: Limit) -> str:
    return "ever" if limit.bantime is None else format_duration(limit.bantime)


def _said(source: str, jail: str, exemption: Exemption | None, error: str) -> payloads.Consulted:
    """Give what a source said in the form of the answer."""
    if exemption is None:
        return payloads.Consulted(source, jail, error=error)
    reason = payloads.Exemption(exemption.entry, exemption.origin)
    return payloads.Consulted(source, jail, reason, exemption.until, error)
