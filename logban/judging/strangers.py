# SPDX-License-Identifier: MIT
"""Failures from places where nobody is known: nearly all of an attack, so each step counts."""

from __future__ import annotations

from collections.abc import Callable

from logban.judging.crowds import Crowds
from logban.judging.customers import Customers
from logban.judging.entries import UNIT
from logban.judging.offenders import TOLL_FRAUD, Offenders
from logban.judging.places import around
from logban.judging.trust import Trust
from logban.judging.weighing import MAX_NAME, Weighing
from logban.judging.weights import (
    CALL_REJECTED,
    FREE_TRIES,
    MAX_WEIGHT,
    PHONE_PACE,
    PREMIUM,
    UNKNOWN_USER,
    WRONG_PASSWORD,
    called,
    novelty,
    pace,
    what_of,
)
from logban.model import Failure, Verdict
from logban.policy.scrutiny import Scrutiny, Unit


class Strangers:
    """Charges in one jail the failures of strangers."""

    def __init__(
        self,
        scrutiny: Scrutiny,
        *,
        trust: Trust,
        weighing: Weighing,
        weigh: Callable[[str], float],
        offenders: Offenders,
        customers: Customers,
        crowds: Crowds,
    ) -> None:
        """``weigh`` tells how many times a failure counts because of where its address is."""
        self._weight = weighing.weight
        self._weigh = weigh
        self._offenders = offenders
        self._places = offenders.places
        self._slow = offenders.slow.records
        self._limit = offenders.limit
        self._enough_units = offenders.enough_units
        self._customers = customers
        self._crowds = crowds
        self._protected = crowds.accounts.protected_until
        self._beset = crowds.beset
        self._trust = trust
        self._always_user_ip = scrutiny.always_user_ip
        self._by_place = Unit.IP in scrutiny.count_by
        self._by_user = Unit.USER in scrutiny.count_by
        self._by_network = Unit.NET in scrutiny.count_by

    def charge(
        self, failure: Failure, time: float, place: str, key: str, user: str
    ) -> list[Verdict]:
        """Charge a stranger's place; ``user`` is "" where no account was tried."""
        verdicts: list[Verdict] = []
        tried = user or called(failure)[:MAX_NAME]
        what = what_of(tried) if tried else 0
        places = self._places
        entries = places.look(key, time)
        if user:
            if self._by_user and failure.kind == WRONG_PASSWORD:
                if what not in entries[1::3]:
                    verdicts = self._crowds.charge_account(failure, time, place, user)
                elif user in self._protected:
                    verdicts = self._crowds.charge_again(failure, time, user)
            if self._always_user_ip:
                verdicts = verdicts + self._customers.charge_pair(failure, time, place, user)
        if not self._by_place:
            return verdicts
        weight = self._weight(failure)
        if weight >= PREMIUM and failure.kind == CALL_REJECTED:
            self._offenders.slow.add(key, time, what, TOLL_FRAUD)
        weight *= self._weigh(failure.address)
        if entries:
            weight *= self._modifier(entries, what, time)
        units = int(min(weight, MAX_WEIGHT) * UNIT)
        places.push_on(entries, key, time, failure, units, what)
        total = units + int(sum(entries[2::3])) if entries else units
        if entries and total < self._enough_units and key not in self._slow and not self._beset:
            return verdicts
        return verdicts + self._conclude(
            failure, time, place, key, (total, len(entries) // 3), user
        )

    def _conclude(
        self,
        failure: Failure,
        time: float,
        place: str,
        key: str,
        done: tuple[int, int],
        user: str,
    ) -> list[Verdict]:
        """Say what comes of a failure; ``done`` is the weight of all, and the number before."""
        total, before = done
        if total >= self._enough_units or key in self._slow:
            is_enough = self._offenders.is_enough(key, time, total, before)
            if is_enough or (user and self._is_walk(failure, key, time)):
                return [self._offenders.ban(key, total, failure, time)]
        if not before:
            return self._crowds.charge_network(failure, time, place) if self._by_network else []
        if self._beset and self._beset.get(around(place)[0], time) > time:
            return [self._offenders.ban(key, total, failure, time)]
        return []

    def _is_walk(self, failure: Failure, key: str, time: float) -> bool:
        """Tell whether a place goes through the users at leisure, and is no customer's.

        Slips are of users that there are; where the log does not tell who gets in, an office's
        slips look like that, so there only names count that nobody has.
        """
        if failure.kind != UNKNOWN_USER and not self._trust.sees_users:
            return False
        return self._offenders.walks(key, time)

    def _modifier(self, entries: tuple[float, ...], what: int, time: float) -> float:
        """Say by what a failure weighs more or less for those before."""
        whats = entries[1::3]
        same = whats.count(what)
        if what and not same:
            return novelty(len(set(whats)))
        if same < FREE_TRIES:
            return 1.0
        times = [at for at, tried in zip(entries[0::3], whats, strict=True) if tried == what]
        gap = (time - times[-FREE_TRIES]) / FREE_TRIES
        if gap < PHONE_PACE:
            return 1.0
        limit = self._limit
        names = len(set(whats))
        return pace(gap, limit=limit.maxretry, findtime=limit.findtime, names=names)
