# SPDX-License-Identifier: MIT
"""Failures of customers: of users where they are known, and of others at a place that is trusted.

A user who is known at a place is charged himself: his telephone has an old password, and those
beside it must not suffer for that.  A trusted place is charged with lenience: only with other
users than those known there, each once, unless they come in a burst.  Twice ``maxretry`` is
abuse: the trust is lost.
"""

from __future__ import annotations

from typing import Final

from logban.judging.counting.entries import UNIT
from logban.judging.counting.tracker import Tracker
from logban.judging.counting.window import Window, has
from logban.judging.places import pair_key, subject_of
from logban.judging.scrutiny.offenders import Offenders
from logban.judging.scrutiny.trust import Trust
from logban.judging.scrutiny.weighing import MAX_NAME, Weighed
from logban.judging.surplus import surplus
from logban.judging.verdicts import Verdicts
from logban.judging.weights import (
    CALL_REJECTED,
    MAX_WEIGHT,
    PASSING,
    UNKNOWN_USER,
    WRONG_PASSWORD,
    called,
    novelty,
    number_factor,
)
from logban.model import Failure, Subject, SubjectKind, Verdict
from logban.policy.enough import Policy
from logban.policy.scrutiny import Scrutiny, Unit

LENIENCE: Final = 2
"""How many times maxretry a trusted place may do."""

NOTICE_EVERY: Final = 86400.0
"""Seconds from one notice to the next one of the same."""

FORGED: Final = 30
"""Failures within a minute, in the name of a trusted place, of which the admin is told."""

MAX_FORGED: Final = 1000
"""Trusted places in whose name packets come that are remembered."""

BURST: Final = 12
BURST_WITHIN: Final = 60.0
"""Failures of one user within so many seconds that a telephone may cause; more are an attack's."""

MAX_BURSTS: Final = 1000
"""Bursts that are remembered at a time."""


class Customers:
    """Charges in one jail the failures that come from places where users got in."""

    def __init__(
        self,
        policy: Policy,
        scrutiny: Scrutiny,
        verdicts: Verdicts,
        *,
        trust: Trust,
        offenders: Offenders,
    ) -> None:
        self.dropped = 0
        """Bursts, and places in whose name packets are forged, that were forgotten too soon."""
        self.pairs = Tracker(
            findtime=max(scrutiny.user_ip.findtime, BURST_WITHIN),
            max_evidence=policy.max_evidence,
            max_subjects=policy.max_subjects,
        )
        self._limit = scrutiny.user_ip
        self._suspends = scrutiny.suspends or scrutiny.always_user_ip
        self._by_pair = Unit.USER_IP in scrutiny.count_by
        self._verdicts = verdicts
        self._trust = trust
        self._offenders = offenders
        self._bursts: dict[str, float] = {}
        self._forged: dict[str, tuple[float, int, float]] = {}

    def charge_known(self, failure: Failure, time: float, place: str, user: str) -> list[Verdict]:
        """Charge a user at a place where he is known."""
        self._note(failure, time, place, user)
        return self.charge_pair(failure, time, place, user)

    def charge_pair(self, failure: Failure, time: float, place: str, user: str) -> list[Verdict]:
        """Charge a user at a place, and nobody else."""
        window = self._count(failure, time, place, user)
        return self._suspend(window, failure, time, place, user)

    def charge_trusted(
        self, failure: Failure, time: float, place: str, key: str, weighed: Weighed
    ) -> list[Verdict]:
        """Charge a place that is trusted."""
        if not failure.proven:
            self._note_forged(failure, time, place)
            return []
        verdicts: list[Verdict] = []
        places = self._offenders.places
        user, what, weight, _ = weighed
        before = places.look(key, time)
        names = {tried for _, _, _, _, tried, _ in before}
        # Who fails all day with one name is a telephone that was never in.
        is_new = what not in names and not self._offenders.slow.has_tried(key, what)
        if user:
            self._note(failure, time, place, user)
            window = self._count(failure, time, place, user)
            is_burst = self._is_burst(window, time, place, user)
            verdicts = self._suspend(window, failure, time, place, user)
            if not is_new and not is_burst:
                return verdicts
        elif what == PASSING:
            if not is_new:
                return verdicts  # a telephone that is broken, and says so all day
        elif failure.kind == CALL_REJECTED and number_factor(called(failure)[:MAX_NAME]) == 1.0:
            return verdicts  # a customer who mistyped a number
        if is_new:
            weight *= novelty(len(names))
        units = int(min(weight, MAX_WEIGHT) * UNIT)
        total = places.add(key, time, failure, units, what)
        is_enough = self._offenders.is_enough(key, time, total, len(before), LENIENCE)
        if is_enough or (user and self._offenders.walks(key, time, LENIENCE)):
            self._trust.lose(place, time)
            verdicts.append(self._offenders.ban(key, total, failure, time))
        return verdicts

    def bring_back(self, now: float) -> None:
        """Have what is of a time that is still to come be of now."""
        self.pairs.bring_back(now)
        self._bursts = {key: min(end, now + BURST_WITHIN) for key, end in self._bursts.items()}
        self._forged = {
            place: (min(start, now), count, min(told, now))
            for place, (start, count, told) in self._forged.items()
        }

    def _note(self, failure: Failure, time: float, place: str, user: str) -> None:
        """Count a user's failures at a place since he last got in, and tell of them once."""
        pair = self._trust.fail(place, user)
        if pair.told or pair.failed < self._limit.maxretry or time < pair.noticed + NOTICE_EVERY:
            return
        pair.told, pair.noticed = True, time
        if failure.kind == UNKNOWN_USER:
            wrong = "there is no such extension"
        elif failure.kind != WRONG_PASSWORD:
            wrong = "it is refused"
        elif pair.last > float("-inf"):
            wrong = "the telephone has an old password"
        else:
            wrong = "the telephone has a wrong password"
        text = f"extension {user} at {place} fails again and again: {wrong}"
        subject = Subject(SubjectKind.USER_IP, failure.address, user)
        self._verdicts.notice(subject, failure, time, text, pair.failed)

    def _count(self, failure: Failure, time: float, place: str, user: str) -> Window:
        """Count a failure of a user at a place; give those lately."""
        counts = failure.proven or self._suspends
        return self.pairs.push(pair_key(place, user), time, failure, UNIT if counts else 0)

    def _suspend(
        self, window: Window, failure: Failure, time: float, place: str, user: str
    ) -> list[Verdict]:
        """Keep a user at a place out, where that can be enforced or he is being attacked."""
        if not self._by_pair:
            return []
        if self._suspends:
            enough = has(window, self._limit.maxretry, time - self._limit.findtime)
        else:
            enough = has(window, BURST + 1, time - BURST_WITHIN) and _is_proven_burst(window, time)
        if not enough:
            return []
        subject = Subject(SubjectKind.USER_IP, failure.address, user)
        taken = self.pairs.take(pair_key(place, user))
        return [self._verdicts.on(subject, self._limit, taken, failure)]

    def _is_burst(self, window: Window, time: float, place: str, user: str) -> bool:
        """Tell whether a user fails so often that it comes of no telephone, or just did so."""
        if has(window, BURST + 1, time - BURST_WITHIN):
            key = pair_key(place, user)
            self._bursts.pop(key, None)
            self._bursts[key] = time + BURST_WITHIN
            if len(self._bursts) > MAX_BURSTS:
                self._forget_first(self._bursts, MAX_BURSTS)
            return True
        if not self._bursts:
            return False
        return self._bursts.get(pair_key(place, user), time) > time

    def _note_forged(self, failure: Failure, time: float, place: str) -> None:
        """Tell of failures that anybody could have sent in a trusted place's name, once a day.

        They alone never cost its trust: a forger could have any customer banned.
        """
        start, count, told = self._forged.pop(place, (time, 0, float("-inf")))
        if time - start >= BURST_WITHIN:
            start, count = time, 0
        count += 1
        if count >= FORGED and time >= told + NOTICE_EVERY:
            told = time
            text = (
                f"{count} failures in a minute from {place}, where users are registered: packets "
                "that anybody can forge, so nobody is banned for them"
            )
            self._verdicts.notice(subject_of(place), failure, time, text, count)
        self._forged[place] = (start, count, told)
        if len(self._forged) > MAX_FORGED:
            self._forget_first(self._forged, MAX_FORGED)

    def _forget_first(
        self, table: dict[str, float] | dict[str, tuple[float, int, float]], most: int
    ) -> None:
        for oldest in surplus(table, most):
            del table[oldest]
            self.dropped += 1


def _is_proven_burst(window: Window, time: float) -> bool:
    oldest = time - BURST_WITHIN
    return sum(units for at, _, _, _, _, units in window if at > oldest) > BURST * UNIT
