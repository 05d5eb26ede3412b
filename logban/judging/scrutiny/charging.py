# SPDX-License-Identifier: MIT
"""Who is charged with a failure, in a jail that judges with scrutiny.

A failure is charged

- to the user at the place, if he is known there (``customers``);
- to the place, if it is trusted, with lenience (``customers``);
- to the place, if it is a stranger's (``strangers``);
- beside that, to the account, if places fail with it that are none of its owner's, and to the
  network around the place (``crowds``).

What the place has done is counted by ``offenders``, what comes of it is said by ``verdicts``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from logban.addresses import CanonicalAddress
from logban.judging.counting.known import Noted
from logban.judging.places import is_wide, key_of, network_of, pair_key, pair_of, place_of
from logban.judging.scrutiny.abroad import Abroad
from logban.judging.scrutiny.crowds import Crowds
from logban.judging.scrutiny.customers import BURST_WITHIN, Customers
from logban.judging.scrutiny.offenders import Offenders
from logban.judging.scrutiny.strangers import Strangers
from logban.judging.scrutiny.trust import Trust
from logban.judging.scrutiny.weighing import MAX_NAME, Weighing
from logban.judging.verdicts import Verdicts
from logban.judging.weights import MISDIALLED, what_of
from logban.model import Failure, Notice, Subject, SubjectKind, Success, Verdict
from logban.policy.enough import Policy
from logban.policy.scrutiny import Scrutiny

_NOBODY: Final = Subject(SubjectKind.USER)


class Charging:
    """Charges the failures of one jail that judges with scrutiny."""

    def __init__(
        self,
        jail: str,
        policy: Policy,
        scrutiny: Scrutiny,
        *,
        trust: Trust,
        exempt: Callable[[Subject], object | None],
        in_force: Callable[[Subject], bool],
        heavy: Mapping[CanonicalAddress, float],
    ) -> None:
        """``heavy`` are the addresses whose failures count more or less than once."""
        self.jail = jail
        self.trust = trust
        self.released: list[tuple[Subject, float]] = []
        self._verdicts = Verdicts(jail, keeps_captures=policy.keeps_captures)
        self._abroad = Abroad(self._verdicts, trust)
        self.weighing = Weighing(scrutiny, trust)
        self._offenders = Offenders(policy, scrutiny, self._verdicts)
        self.customers = Customers(
            policy,
            scrutiny,
            self._verdicts,
            trust=trust,
            offenders=self._offenders,
        )
        self.crowds = Crowds(
            scrutiny,
            self._verdicts,
            trust,
            exempt=exempt,
            in_force=in_force,
            ipv6_prefix=policy.ipv6_prefix,
        )
        self._strangers = Strangers(
            scrutiny,
            trust=trust,
            heavy=heavy,
            offenders=self._offenders,
            customers=self.customers,
            crowds=self.crowds,
        )
        self.places = self._offenders.places
        self.slow = self._offenders.slow
        self.pairs = self.customers.pairs
        self.limit = self._offenders.limit
        self.slow_limit = self._offenders.slow_limit
        self.weight = self.weighing.weight
        self._weigh = self.weighing.weigh
        self._logins = self.weighing.logins
        self._shapes = trust.shapes
        self._known_places = trust.places
        self._charge_stranger = self._strangers.charge
        self._in_force = in_force
        self._ipv6_prefix = policy.ipv6_prefix
        self._scrutiny = scrutiny

    def fail(self, failure: Failure, time: float, place: str, key: str) -> Sequence[Verdict]:
        """Charge a failure; ``key`` is what the place is counted under."""
        weighed = self._logins.get((failure.kind, failure.rule, failure.fields.get("user", "")))
        if weighed is None or self._shapes.changes != self.weighing.changes:
            weighed = self._weigh(failure, place)
            if weighed is None:
                if failure.kind == MISDIALLED:
                    # Who calls by a name that the server knows got in, as a trunk by its address.
                    self.trust.succeed(place, "", time, self._scrutiny.trust)
                    self._abroad.note(failure, time, place)
                return ()
        known = self._known_places.get(place)
        if known is not None:
            user = weighed[0]
            if user and user in known.users and known.knows(user, time):
                return self.customers.charge_known(failure, time, place, user)
            if known.until > time:
                return self.customers.charge_trusted(failure, time, place, key, weighed)
        return self._charge_stranger(failure, time, place, key, weighed)

    def prove(self, failure: Failure, time: float, place: str, key: str) -> Sequence[Verdict]:
        """Charge an attempt that has been charged unproven, where that makes a difference."""
        if self.trust.is_trusted(place, time):
            return self.fail(failure, time, place, key)
        return ()

    def succeed(self, success: Success, time: float, place: str) -> None:
        """Note that somebody got in."""
        user = success.fields.get("user", "")[:MAX_NAME]
        self.trust.succeed(place, user, time, self._scrutiny.trust)
        if not user:
            return
        if place in self.places or place in self.slow:
            self.places.forgive(place, what_of(user))
            if place not in self.places and place not in self.slow:
                self.crowds.forgive(place, user, time)
        self.pairs.clear(pair_key(place, user))
        for subject in (
            Subject(SubjectKind.USER, user=user),
            Subject(SubjectKind.USER_IP, success.address, user),
        ):
            if self._in_force(subject):
                self.released.append((subject, time))

    def take_notices(self) -> list[Notice]:
        """Give what an admin is to be told, since the last call."""
        return self._verdicts.take_notices()

    def take_released(self) -> list[tuple[Subject, float]]:
        """Give who was kept out and has got in, and when, since the last call."""
        released, self.released = self.released, []
        return released

    def place_of(self, subject: Subject) -> str:
        """Give the place that a user at an address is counted at."""
        return place_of(CanonicalAddress(subject.network), self._ipv6_prefix)

    def clear(self, subject: Subject) -> None:
        """Let a subject's count start again."""
        if subject.kind is SubjectKind.USER_IP:
            self.pairs.clear(pair_key(self.place_of(subject), subject.user))
        elif subject.kind is not SubjectKind.USER:
            self.places.clear(subject.network)
            self.crowds.clear(subject.network)

    @property
    def losses(self) -> dict[str, int]:
        """How much of each sort was forgotten because there was too much of it."""
        return {
            "days": self.slow.dropped,
            "pairs": self.pairs.dropped,
            "accounts": self.crowds.accounts.dropped,
            "networks": self.crowds.networks.dropped + self.crowds.wide.dropped,
            "suspicions": self.customers.dropped + self.crowds.dropped,
        }

    @property
    def capped(self) -> int:
        """What would have been banned or suspended beyond the caps of an hour."""
        return self.crowds.capped

    @property
    def asks_for_extensions(self) -> bool:
        """Whether those that Asterisk has belong to the numbering plan."""
        return self._scrutiny.asks_for_extensions

    def set_extensions(self, names: frozenset[str]) -> None:
        """Note what extensions Asterisk has, beside those that are written."""
        self.weighing.set_extensions(names)

    def tidy(self, now: float) -> None:
        """Forget what has become too old to matter."""
        self.places.forget_older(now - self.limit.findtime)
        self.places.forget_faded(now)
        self.pairs.forget_older(now - max(self._scrutiny.user_ip.findtime, BURST_WITHIN))
        self.crowds.tidy(now)

    def bring_back(self, now: float) -> None:
        """Go on though the clock was set back: what was counted since counts as of now."""
        self.places.bring_back(now)
        self.customers.bring_back(now)
        self.crowds.bring_back(now)

    def take_over(self, earlier: Charging) -> None:
        """Go on where another one stops, with what it has not saved yet."""
        self.places.take_over(earlier.places)
        self.pairs.take_over(earlier.pairs)
        self.crowds.take_over(earlier.crowds)

    def take_dirty(self) -> dict[Subject, Noted | str | None]:
        """Give what has changed of users and networks since the last call; None if it is gone."""
        changed: dict[Subject, Noted | str | None] = {}
        for key, noted in self.pairs.take_dirty().items():
            changed[Subject(SubjectKind.USER_IP, *pair_of(key))] = noted
        for user, text in self.crowds.accounts.take_dirty().items():
            changed[Subject(SubjectKind.USER, user=user)] = text
        caps = self.crowds.take_dirty_caps()
        if caps is not None:
            changed[_NOBODY] = caps
        for key, text in self.crowds.networks.take_dirty().items():
            network = network_of(key)
            if key_of(network, self._ipv6_prefix):  # of any other nobody could tell it from a place
                changed[Subject(SubjectKind.NET, network)] = text
        for network, text in self.crowds.wide.take_dirty().items():
            changed[Subject(SubjectKind.NET, network)] = text
        return changed

    def restore_user(self, user: str, text: str) -> None:
        """Take up what was written down of an account, and of nobody's: the hour's caps."""
        if user:
            self.crowds.accounts.restore(user, text)
        else:
            self.crowds.restore_caps(text)

    def restore_network(self, subject: Subject, text: str) -> bool:
        """Take up what was written down of a network around places; tell whether it is one."""
        if is_wide(subject.network, self._ipv6_prefix):
            self.crowds.wide.restore(subject.network, text)
            return True
        key = key_of(subject.network, self._ipv6_prefix)
        if key:
            self.crowds.networks.restore(key, text)
        return bool(key)
