# SPDX-License-Identifier: MIT
"""Failures from places where nobody is known: nearly all of an attack, so each step counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from logban.addresses import CanonicalAddress
from logban.judging.counting.entries import UNIT
from logban.judging.counting.window import Window, names
from logban.judging.places import around
from logban.judging.scrutiny.crowds import Crowds
from logban.judging.scrutiny.customers import Customers
from logban.judging.scrutiny.offenders import TOLL_FRAUD, Offenders
from logban.judging.scrutiny.trust import Trust
from logban.judging.scrutiny.weighing import Weighed
from logban.judging.weights import (
    CALL_REJECTED,
    FREE_TRIES,
    MAX_WEIGHT,
    PHONE_PACE,
    PREMIUM,
    UNKNOWN_USER,
    novelty,
    pace,
)
from logban.model import Failure, Verdict
from logban.policy.scrutiny import Scrutiny, Unit

MAX_UNITS: Final = int(MAX_WEIGHT) * UNIT

FREE_WITHIN: Final = FREE_TRIES * PHONE_PACE
"""Seconds within which tries come faster than any telephone's."""


class Strangers:
    """Charges in one jail the failures of strangers."""

    def __init__(
        self,
        scrutiny: Scrutiny,
        *,
        trust: Trust,
        heavy: Mapping[CanonicalAddress, float],
        offenders: Offenders,
        customers: Customers,
        crowds: Crowds,
    ) -> None:
        """``heavy`` are the addresses whose failures count more or less than once."""
        self._trust = trust
        self._owners = trust.users
        self._heavy = heavy
        self._offenders = offenders
        self._windows = offenders.places.windows
        self._records = offenders.places.records
        self._open = offenders.places.open
        self._lately = offenders.places.lately
        self._begin = offenders.places.begin
        self._push_on = offenders.places.push_on
        self._findtime = offenders.limit.findtime
        self._slow = offenders.slow.records
        self._limit = offenders.limit
        self._enough_units = offenders.enough_units
        self._customers = customers
        self._crowds = crowds
        self._charge_account = crowds.charge_account
        self._charge_network = crowds.charge_network
        self._protected = crowds.accounts.protected_until
        self._beset = crowds.beset
        self._always_user_ip = scrutiny.always_user_ip
        self._by_place = Unit.IP in scrutiny.count_by
        self._by_user = Unit.USER in scrutiny.count_by
        self._is_unusual = self._always_user_ip or not self._by_place
        self._by_network = Unit.NET in scrutiny.count_by

    def charge(
        self, failure: Failure, time: float, place: str, key: str, weighed: Weighed
    ) -> Sequence[Verdict]:
        """Charge a stranger's place."""
        window = self._windows.get(key)
        if window is None:
            return self._charge_absent(failure, time, place, key, weighed)
        verdicts: Sequence[Verdict] = ()
        user, what, weight, is_guess = weighed
        before = window
        if window[0][0] <= time - self._findtime or time < window[-1][0]:
            before = self._lately(window, time)
        number, same, total = len(before), 0, 0
        for kept in before:
            total += kept[5]
            if kept[4] == what:
                same += 1
        if is_guess and self._by_user and (not same or user in self._protected):
            verdicts = self._charge_user(failure, time, place, user, is_first=not same)
        if self._is_unusual or not user:
            verdicts = [*verdicts, *self._charge_beside(failure, time, place, key, weighed)]
            if not self._by_place:
                return verdicts
        if self._heavy:
            weight *= self._heavy.get(failure.address, 1.0)
        if not same and what and number:
            weight *= novelty(names(before))
        elif same >= FREE_TRIES and time - before[0][0] >= FREE_WITHIN:
            weight *= self._pace(before, what, time)
        units = int(weight * UNIT) if weight < MAX_WEIGHT else MAX_UNITS
        total += units
        self._push_on(window, key, time, failure, units, what)
        if total < self._enough_units and key not in self._slow and number and not self._beset:
            return verdicts
        concluded = self._conclude(failure, time, place, key, user, total, number)
        return [*verdicts, *concluded] if verdicts else concluded

    def _charge_absent(
        self, failure: Failure, time: float, place: str, key: str, weighed: Weighed
    ) -> Sequence[Verdict]:
        """Charge a place that has no window: it is new, or was quiet for long."""
        if key in self._records:
            self._open(key)
            return self.charge(failure, time, place, key, weighed)
        verdicts: Sequence[Verdict] = ()
        user, what, weight, is_guess = weighed
        if is_guess and self._by_user:
            verdicts = self._charge_account(failure, time, place, user)
        if self._is_unusual or not user:
            verdicts = [*verdicts, *self._charge_beside(failure, time, place, key, weighed)]
            if not self._by_place:
                return verdicts
        if self._heavy:
            weight *= self._heavy.get(failure.address, 1.0)
        units = int(weight * UNIT) if weight < MAX_WEIGHT else MAX_UNITS
        self._begin(key, time, failure, units, what)
        concluded: Sequence[Verdict] = ()
        if units >= self._enough_units or key in self._slow:
            concluded = self._conclude(failure, time, place, key, user, units, 0)
        elif self._by_network:
            concluded = self._charge_network(failure, time, place)
        return [*verdicts, *concluded] if verdicts else concluded

    def _charge_user(
        self, failure: Failure, time: float, place: str, user: str, *, is_first: bool
    ) -> Sequence[Verdict]:
        """Charge an account with a password that was guessed, for the first time or again."""
        if is_first:
            return self._crowds.charge_account(failure, time, place, user)
        if user in self._owners:
            return self._crowds.charge_again(failure, time, user)
        return ()

    def _charge_beside(
        self, failure: Failure, time: float, place: str, key: str, weighed: Weighed
    ) -> Sequence[Verdict]:
        """Charge a user wherever he is, where a jail asks for that, and the day for a call."""
        user, what, weight, _ = weighed
        if user:
            if self._always_user_ip:
                return self._customers.charge_pair(failure, time, place, user)
        elif weight >= PREMIUM and failure.kind == CALL_REJECTED and self._by_place:
            self._offenders.slow.add(key, time, what, TOLL_FRAUD)
        return ()

    def _conclude(
        self,
        failure: Failure,
        time: float,
        place: str,
        key: str,
        user: str,
        total: float,
        before: int,
    ) -> Sequence[Verdict]:
        """Say what comes of a failure; ``total`` is what all weigh, ``before`` how many were."""
        if total >= self._enough_units:
            return [self._offenders.ban(key, total, failure, time)]
        if key in self._slow:
            is_enough = self._offenders.is_enough(key, time, total, before)
            if is_enough or (user and self._is_walk(failure, key, time)):
                return [self._offenders.ban(key, total, failure, time)]
        if not before:
            return self._crowds.charge_network(failure, time, place) if self._by_network else ()
        if self._beset and self._beset.get(around(place)[0], time) > time:
            return [self._offenders.ban(key, total, failure, time)]
        return ()

    def _is_walk(self, failure: Failure, key: str, time: float) -> bool:
        """Tell whether a place goes through the users at leisure, and is no customer's.

        Slips are of users that there are; where the log does not tell who gets in, an office's
        slips look like that, so there only names count that nobody has.
        """
        if failure.kind != UNKNOWN_USER and not self._trust.sees_users:
            return False
        return self._offenders.walks(key, time)

    def _pace(self, before: Window, what: int, time: float) -> float:
        """Say what a further try with the same name weighs, by how long the last ones took."""
        times = [at for at, _, _, _, tried, _ in before if tried == what]
        gap = (time - times[-FREE_TRIES]) / FREE_TRIES
        if gap < PHONE_PACE:
            return 1.0
        limit = self._limit
        tried = names(before)
        return pace(gap, limit=limit.maxretry, findtime=limit.findtime, names=tried)
