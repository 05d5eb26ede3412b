# SPDX-License-Identifier: MIT
"""What many places do together: with one account, or out of one network."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Final

from logban.durations import format_duration
from logban.judging.hourly import HourlyCap
from logban.judging.places import around, network_of
from logban.judging.scrutiny.accounts import Accounts
from logban.judging.scrutiny.networks import Networks
from logban.judging.scrutiny.trust import Trust
from logban.judging.surplus import surplus
from logban.judging.verdicts import Verdicts
from logban.model import Failure, Subject, SubjectKind, Verdict
from logban.policy.scrutiny import Scrutiny

MAX_BESET: Final = 1000
"""Networks of which many addresses offend, with customers among them."""

MAX_NETWORKS_AN_HOUR: Final = 20
MAX_PAIRS_AN_HOUR: Final = 200
"""Networks that a jail bans, and users at strange places that it suspends, within an hour."""

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
    ) -> None:
        limit = scrutiny.user
        self.accounts = Accounts(
            findtime=limit.findtime,
            enough=limit.maxretry,
            protect_for=limit.bantime or limit.findtime,
        )
        self.networks = Networks(scrutiny.net.findtime)
        self.network_cap = HourlyCap(MAX_NETWORKS_AN_HOUR)
        self.pair_cap = HourlyCap(MAX_PAIRS_AN_HOUR)
        # Who asks for each failure looks here.
        self.beset: dict[str, float] = {}
        self.dropped = 0
        """Beset networks that were forgotten too soon."""
        self._fail = self.accounts.fail
        self._add = self.networks.add
        self._enough_places = scrutiny.net.maxretry
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
        """Count a place against the network around it."""
        key, part = around(place)
        places = self._add(key, part, time)
        if places < self._enough_places:
            return _NOTHING
        limit = self._scrutiny.net
        subject = Subject(SubjectKind.NET, network_of(key))
        if self._trust.is_inside(key) or self._exempt(subject) is not None:
            # Somebody lives there, so each is banned by himself, with the second try.
            self.beset.pop(key, None)
            self.beset[key] = time + limit.findtime
            for oldest in surplus(self.beset, MAX_BESET):
                del self.beset[oldest]
                self.dropped += 1
            return []
        if not self.network_cap.allows(time):
            return []
        self.networks.forget(key)
        return [self._verdicts.on_many(subject, limit, places, failure, time)]

    def forgive(self, place: str, user: str) -> None:
        """Take back what a place counted for: it was its owner's slip, and he got in."""
        self.accounts.forgive(user, place)
        self.networks.forgive(*around(place))

    def take_over(self, earlier: Crowds) -> None:
        """Go on where another one stops, with the same caps."""
        self.accounts.take_over(earlier.accounts)
        self.networks.take_over(earlier.networks)
        self.beset.update(earlier.beset)
        self.network_cap, self.pair_cap = earlier.network_cap, earlier.pair_cap

    def take_dirty_caps(self) -> str | None:
        """Give when the hour's caps were used, written down; None if not since the last call."""
        caps = (self.network_cap, self.pair_cap)
        if not any(cap.has_changed for cap in caps):
            return None
        return json.dumps([cap.take_times() for cap in caps])

    def restore_caps(self, text: str) -> None:
        """Take up what :meth:`take_dirty_caps` gave an earlier run."""
        networks, pairs = json.loads(text)
        self.network_cap.restore(networks)
        self.pair_cap.restore(pairs)

    def tidy(self, now: float) -> None:
        """Forget what has become too old to matter."""
        self.accounts.tidy(now)
        self.networks.tidy(now)

    def bring_back(self, now: float) -> None:
        """Have what is of a time that is still to come be of now."""
        self.accounts.bring_back(now)
        self.networks.bring_back(now)
        self.network_cap.bring_back(now)
        for key, until in self.beset.items():
            self.beset[key] = min(until, now + self._scrutiny.net.findtime)
        self.pair_cap.bring_back(now)
