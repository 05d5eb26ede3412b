# SPDX-License-Identifier: MIT
"""Who has shown that he is a customer: places where users registered, and which users those are.

A *place* is an address, or the network that an IPv6 address is counted with.  Trust is for hours
and is lost by abuse; that a user is known at a place is remembered for weeks, so that a changed
password does not turn a household into attackers.  There is one of this for the whole daemon: who
registers at the proxy is no stranger to the PBX behind it.

Memory is bounded: of too many places the one without a success for the longest is forgotten, of
too many users of a place one who never got in, or else the one of the longest ago.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from logban.judging.places import networks_around, subject_of
from logban.judging.surplus import surplus
from logban.model import Subject
from logban.policy.plan import Shapes

TRUST_FOR: Final = 6 * 3600.0
"""Seconds of trust that a success earns (sipcheck's figure)."""

KNOWN_FOR: Final = 30 * 86400.0
"""Seconds for which a user's last success at a place is remembered."""

LOST_FOR: Final = 3600.0
"""Seconds after its loss within which trust is not earned anew: the abuser's phone goes on."""

MAX_PLACES: Final = 50_000
MAX_USERS: Final = 256
"""Users of one place that are remembered; a site of more is a trunk, and to be exempt."""

_NEVER: Final = float("-inf")


@dataclass(slots=True)
class Pair:
    """A user at a place: when he last got in, and how often he failed since.

    ``noticed`` is when the admin was told last, ``told`` whether he was since the user got in.
    """

    last: float = _NEVER
    failed: int = 0
    told: bool = False
    noticed: float = _NEVER

    def to_json(self) -> list[float | None]:
        """Write it down for :meth:`from_json`."""
        times = [None if each == _NEVER else each for each in (self.last, self.noticed)]
        return [*times, self.failed, self.told]

    @classmethod
    def from_json(cls, written: Sequence[float | None]) -> Pair:
        """Read what :meth:`to_json` wrote."""
        last, noticed, failed, told = written
        return cls(
            _NEVER if last is None else last,
            int(failed or 0),
            bool(told),
            _NEVER if noticed is None else noticed,
        )


@dataclass(slots=True)
class Place:
    """What is known of a place; ``lost`` is when its trust was lost last."""

    until: float = _NEVER
    lost: float = _NEVER
    users: dict[str, Pair] = field(default_factory=dict)

    @property
    def last(self) -> float:
        """When somebody got in here last."""
        return max((pair.last for pair in self.users.values()), default=self.until)

    def knows(self, user: str, time: float) -> bool:
        """Tell whether a user has been known here not too long ago."""
        pair = self.users.get(user)
        return pair is not None and pair.last > time - KNOWN_FOR

    def to_text(self) -> str:
        """Write it down for :meth:`from_text`."""
        users = {name: pair.to_json() for name, pair in self.users.items()}
        times = [None if each == _NEVER else each for each in (self.until, self.lost)]
        return json.dumps([*times, users])

    @classmethod
    def from_text(cls, text: str) -> Place:
        """Read what :meth:`to_text` wrote."""
        until, lost, users = json.loads(text)
        pairs = {name: Pair.from_json(written) for name, written in users.items()}
        return cls(_NEVER if until is None else until, _NEVER if lost is None else lost, pairs)


class Trust:
    """The places where users registered, for all jails together."""

    def __init__(self, max_places: int = MAX_PLACES, max_users: int = MAX_USERS) -> None:
        self.dropped = 0
        self.shapes = Shapes()
        self._max_places = max_places
        self._max_users = max_users
        # In the order of the last success; who asks for each failure looks here.
        self.places: dict[str, Place] = {}
        self._of_network: dict[str, int] = {}
        # When each user last got in anywhere; who asks for each failure looks here.
        self.users: dict[str, float] = {}
        self._dirty: set[str] = set()
        # Where somebody has failed since he got in; of fifty thousand places they are few.
        self._failing: set[str] = set()

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def get(self, place: str) -> Place | None:
        """Give what is known of a place."""
        return self.places.get(place)

    def is_trusted(self, place: str, time: float) -> bool:
        """Tell whether a place is trusted at a time."""
        known = self.places.get(place)
        return known is not None and known.until > time

    def trusted(self, time: float) -> int:
        """Count the places that are trusted at a time."""
        return sum(place.until > time for place in self.places.values())

    def stale(self) -> Iterator[tuple[str, str, Pair]]:
        """Give the places and users of telephones that have a wrong password, as far as told of."""
        for name in sorted(self._failing):
            users = self.places[name].users
            if not any(pair.failed for pair in users.values()):
                self._failing.discard(name)
            for user, pair in users.items():
                if pair.told:
                    yield name, user, pair

    def registered(self, place: str, time: float) -> int:
        """Count the users of a place who have got in lately, and so are registered there."""
        known = self.places.get(place)
        if known is None:
            return 0
        return sum(pair.last > time - TRUST_FOR for pair in known.users.values())

    def succeed(self, place: str, user: str, time: float, trust: float = TRUST_FOR) -> None:
        """Note that a user got in; his failures there are forgotten, and the place is trusted."""
        known = self.places.pop(place, None)
        if known is None:
            known = Place()
            self._enter(place)
        self.places[place] = known
        if time >= known.lost + LOST_FOR:
            known.until = max(known.until, time + trust)
        if user:
            pair = self._pair(known, user)
            pair.last = max(pair.last, time)
            pair.failed, pair.told = 0, False
            if self.users.pop(user, None) is None:
                self.shapes.add(user)
            self.users[user] = time
            if len(self.users) > self._max_places:
                for oldest in surplus(self.users, self._max_places):
                    del self.users[oldest]
                    self.shapes.remove(oldest)
        self._dirty.add(place)
        if len(self.places) > self._max_places:
            for quietest in surplus(self.places, self._max_places):
                self._leave(quietest)
                self.dropped += 1

    def fail(self, place: str, user: str) -> Pair:
        """Count a failure of a user at a place that is known; give how often he failed there."""
        known = self.places[place]
        pair = self._pair(known, user)
        pair.failed += 1
        self._failing.add(place)
        self._dirty.add(place)
        return pair

    def lose(self, place: str, time: float) -> None:
        """Trust a place no longer; which users are known there is kept."""
        known = self.places.get(place)
        if known is not None:
            known.until = min(known.until, time)
            known.lost = time
            self._dirty.add(place)

    def is_owned(self, user: str, time: float) -> bool:
        """Tell whether a user has got in anywhere within memory: he has places of his own."""
        return self.users.get(user, _NEVER) > time - KNOWN_FOR

    @property
    def sees_users(self) -> bool:
        """Whether any user has been seen to get in: then it means something that one was not."""
        return bool(self.users)

    def is_inside(self, network: str) -> bool:
        """Tell whether a place that is known lies within a network, given by its key."""
        return network in self._of_network

    def tidy(self, now: float) -> None:
        """Forget the places where nobody has got in for as long as users are remembered."""
        old = []
        for name, place in self.places.items():
            if place.last > now - KNOWN_FOR:
                break
            old.append(name)
        for name in old:
            self._leave(name)

    def restore(self, stored: Mapping[Subject, str]) -> None:
        """Take up what an earlier run wrote down of places, in whatever order they come."""
        for subject, text in stored.items():
            place = Place.from_text(text)
            if subject.network not in self.places:
                self._enter(subject.network)
            self.places[subject.network] = place
            if any(pair.failed for pair in place.users.values()):
                self._failing.add(subject.network)
            for user, pair in place.users.items():
                if pair.last > self.users.get(user, _NEVER):
                    if user not in self.users:
                        self.shapes.add(user)
                    self.users[user] = pair.last
        in_order = sorted(self.places.items(), key=lambda item: item[1].last)
        self.places.clear()
        self.places.update(in_order)

    def take_dirty(self) -> dict[Subject, str | None]:
        """Give what has changed since the last call, written down; None for a place now gone."""
        changed: dict[Subject, str | None] = {}
        for name in self._dirty:
            place = self.places.get(name)
            changed[subject_of(name)] = None if place is None else place.to_text()
        self._dirty.clear()
        return changed

    def _pair(self, known: Place, user: str) -> Pair:
        pair = known.users.get(user)
        if pair is None:
            if len(known.users) >= self._max_users:
                oldest = min(known.users, key=lambda name: known.users[name].last)
                del known.users[oldest]
                self.dropped += 1
            pair = known.users[user] = Pair()
        return pair

    def _enter(self, place: str) -> None:
        for network in networks_around(place):
            self._of_network[network] = self._of_network.get(network, 0) + 1

    def _leave(self, place: str) -> None:
        del self.places[place]
        self._failing.discard(place)
        self._dirty.add(place)
        for network in networks_around(place):
            left = self._of_network[network] - 1
            if left:
                self._of_network[network] = left
            else:
                del self._of_network[network]
