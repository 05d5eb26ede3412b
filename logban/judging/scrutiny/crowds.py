# SPDX-License-Identifier: MIT
"""What many places do together: with one account, or out of one network."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Final

from logban.durations import format_duration
from logban.judging.places import IPV6_WIDE, around, network_of, wide_around
from logban.judging.scrutiny.accounts import Accounts
from logban.judging.scrutiny.hourly import HourlyCap
from logban.judging.scrutiny.networks import Networks
from logban.judging.scrutiny.trust import Trust
from logban.judging.scrutiny.wide import WideNetworks
from logban.judging.surplus import surplus
from logban.judging.verdicts import Verdicts
from logban.judging.weights import what_of
from logban.model import Failure, Subject, SubjectKind, Verdict
from logban.policy.scrutiny import Scrutiny

MAX_BESET: Final = 1000
"""Networks of which many addresses offend, with customers among them."""

BESET_PLACES: Final = 3
"""Places of a network that are enough where the wide one around it is beset."""

MAX_NETWORKS_AN_HOUR: Final = 20
MAX_WIDE_AN_HOUR: Final = 20
MAX_PAIRS_AN_HOUR: Final = 200
"""Networks, wide ones, and users at strange places that a jail keeps out within an hour."""

_NOTHING: Final[Sequence[Verdict]] = ()


class Crowds:
    """Counts for one jail the places that fail with an account, and those of a network."""

    def __init__(
        self,
        scrutiny: Scrutiny,
        verdicts: Verdicts,
        trust: Trust,
        *,
        exempt: Callable[[Subject], object | None],
        in_force: Callable[[Subject], bool],
        ipv6_prefix: int,
    ) -> None:
        limit = scrutiny.user
        self.accounts = Accounts(
            findtime=limit.findtime,
            enough=limit.maxretry,
            protect_for=limit.bantime or limit.findtime,
        )
        self.networks = Networks(scrutiny.net.findtime)
        self.wide = WideNetworks(scrutiny.net48.findtime)
        self.network_cap = HourlyCap(MAX_NETWORKS_AN_HOUR)
        self.wide_cap = HourlyCap(MAX_WIDE_AN_HOUR)
        self.pair_cap = HourlyCap(MAX_PAIRS_AN_HOUR)
        # Who asks for each failure looks here.
        self.beset: dict[str, float] = {}
        self.dropped = 0
        """Beset networks that were forgotten too soon."""
        self._fail = self.accounts.fail
        self._add = self.networks.add
        self._enough_places = scrutiny.net.maxretry
        self._has_wide = ipv6_prefix > IPV6_WIDE
        self._scrutiny = scrutiny
        self._verdicts = verdicts
        self._trust = trust
        self._exempt = exempt
        self._in_force = in_force

    def charge_account(
        self, failure: Failure, time: float, place: str, user: str
    ) -> Sequence[Verdict]:
        """Count a place that fails with somebody else's name for the first time."""
        if not self._fail(user, place, time):
            return _NOTHING
        limit = self._scrutiny.user
        is_owned = self._trust.is_owned(user, time)
        subject = Subject(SubjectKind.USER, user=user)
        seconds = limit.bantime or limit.findtime
        span = format_duration(seconds)
        text = f"account {user} is attacked from {limit.maxretry} places and protected for {span}"
        if is_owned:
            text += ": places that are not its owner's have one try"
        self._verdicts.notice(subject, failure, time, text, limit.maxretry, time + seconds)
        # Nobody is locked out of his own account: one whose owner gets in somewhere is not
        # suspended everywhere, nor any where the log does not tell who gets in.
        if is_owned or not self._trust.sees_users:
            return []
        return [self._verdicts.on_many(subject, limit, limit.maxretry, failure, time)]

    def charge_again(self, failure: Failure, time: float, user: str) -> list[Verdict]:
        """Keep a strange place out that tries a protected account again.

        The owner's own places go on; a strange one has one try, and is out with the second.
        """
        if not self.accounts.is_protected(user, time) or not self._trust.is_owned(user, time):
            return []
        subject = Subject(SubjectKind.USER_IP, failure.address, user)
        if self._in_force(subject) or not self.pair_cap.allows(time):
            return []
        return [self._verdicts.on_many(subject, self._scrutiny.user, 1, failure, time)]

    def charge_network(self, failure: Failure, time: float, place: str) -> Sequence[Verdict]:
        """Count a place against the networks around it."""
        key, part = around(place)
        places, enough = self._add(key, part, time), self._enough_places
        is_beset = False
        if self._has_wide and ":" in key:
            wide, _ = wide_around(key)
            banned = self._charge_wide(failure, time, key, places)
            if banned or self._in_force(Subject(SubjectKind.NET, wide)):
                return banned
            is_beset = bool(self.beset) and self.beset.get(wide, time) > time
        if places < (min(enough, BESET_PLACES) if is_beset else enough):
            return _NOTHING
        limit = self._scrutiny.net
        subject = Subject(SubjectKind.NET, network_of(key))
        if self._is_inhabited(key, subject):
            # Somebody lives there, so each is banned by himself, with the second try.
            self._note_beset(key, time + limit.findtime)
            return []
        # All of a wide network that is beset would be banned, did nobody live there.
        if not is_beset and not self.network_cap.allows(time):
            return []
        self.networks.forget(key)
        return [self._verdicts.on_many(subject, limit, places, failure, time)]

    def _charge_wide(
        self, failure: Failure, time: float, key: str, places: int
    ) -> Sequence[Verdict]:
        """Count a network, of which so many places offend, against the wide one around it."""
        wide, part = wide_around(key)
        user = failure.fields.get("user", "")
        self.wide.add(wide, part, time, places, what_of(user) if user else 0)
        limit = self._scrutiny.net48
        total = self.wide.count(wide, time, sees_users=self._trust.sees_users)
        if total < limit.maxretry:
            return _NOTHING
        subject = Subject(SubjectKind.NET, wide)
        if self._is_inhabited(wide, subject):
            # Somebody lives there, so fewer places are enough to ban one of the networks in it.
            self._note_beset(wide, time + limit.findtime)
            return _NOTHING
        if not self.wide_cap.allows(time):
            return _NOTHING
        self.wide.forget(wide)
        return [self._verdicts.on_many(subject, limit, total, failure, time)]

    def _is_inhabited(self, key: str, subject: Subject) -> bool:
        return self._trust.is_inside(key) or self._exempt(subject) is not None

    def _note_beset(self, key: str, until: float) -> None:
        self.beset.pop(key, None)
        self.beset[key] = until
        for oldest in surplus(self.beset, MAX_BESET):
            del self.beset[oldest]
            self.dropped += 1

    def counted(self, network: str, time: float) -> tuple[int, int]:
        """Give what has come together against a network, by its key, and what is enough."""
        if network.endswith(f"/{IPV6_WIDE}"):
            total = self.wide.count(network, time, sees_users=self._trust.sees_users)
            return total, self._scrutiny.net48.maxretry
        return self.networks.count(network, time), self._scrutiny.net.maxretry

    def clear(self, network: str) -> None:
        """Let a network, or what lies around a place, start again."""
        # What is unbanned by hand may be a network of any size, and begins where one does.
        key, _ = around(network.partition("/")[0])
        self.networks.forget(key)
        self.wide.forget(wide_around(key)[0])

    def forgive(self, place: str, user: str, time: float) -> None:
        """Take back what a place counted for: it was its owner's slip, and he got in."""
        self.accounts.forgive(user, place)
        key, part = around(place)
        self.networks.forgive(key, part)
        if ":" in key:
            self.wide.forgive(*wide_around(key), self.networks.count(key, time))

    def take_over(self, earlier: Crowds) -> None:
        """Go on where another one stops, with the same caps."""
        self.accounts.take_over(earlier.accounts)
        self.networks.take_over(earlier.networks)
        self.wide.take_over(earlier.wide)
        self.beset.update(earlier.beset)
        self.network_cap, self.pair_cap = earlier.network_cap, earlier.pair_cap
        self.wide_cap = earlier.wide_cap

    def take_dirty_caps(self) -> str | None:
        """Give when the hour's caps were used, written down; None if not since the last call."""
        if not any(cap.has_changed for cap in self._caps):
            return None
        return json.dumps([cap.take_times() for cap in self._caps])

    def restore_caps(self, text: str) -> None:
        """Take up what :meth:`take_dirty_caps` gave an earlier run."""
        # An earlier version knew no wide networks.
        for cap, times in zip(self._caps, json.loads(text), strict=False):
            cap.restore(times)

    @property
    def capped(self) -> int:
        """What would have been banned or suspended beyond the caps of an hour."""
        return sum(cap.held for cap in self._caps)

    @property
    def _caps(self) -> tuple[HourlyCap, HourlyCap, HourlyCap]:
        return self.network_cap, self.pair_cap, self.wide_cap

    def tidy(self, now: float) -> None:
        """Forget what has become too old to matter."""
        self.accounts.tidy(now)
        self.networks.tidy(now)
        self.wide.tidy(now)

    def bring_back(self, now: float) -> None:
        """Have what is of a time that is still to come be of now."""
        self.accounts.bring_back(now)
        self.networks.bring_back(now)
        self.wide.bring_back(now)
        longest = max(self._scrutiny.net.findtime, self._scrutiny.net48.findtime)
        for key, until in self.beset.items():
            self.beset[key] = min(until, now + longest)
        for cap in self._caps:
            cap.bring_back(now)
