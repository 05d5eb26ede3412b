# SPDX-License-Identifier: MIT
"""Which customers a configuration would have hit: the banned from whose places users got in."""

from __future__ import annotations

from dataclasses import dataclass, field

from logban.judging.places import network_of, networks_around, place_of
from logban.model import Ban, Change, ChangeKind, Success

MAX_PLACES = 200_000
MAX_USERS = 20
"""What is remembered of a log, and of one place in it; more is left out."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A ban on a place, and users who got in from there; not all, if there are many."""

    ban: Ban
    users: tuple[str, ...]


@dataclass(slots=True)
class Impact:
    """Collects who got in, and who would have been banned."""

    ipv6_prefix: int
    _users: dict[str, dict[str, None]] = field(default_factory=dict)
    _bans: dict[str, Ban] = field(default_factory=dict)

    def succeed(self, success: Success) -> None:
        """Note that somebody got in."""
        place = place_of(success.address, self.ipv6_prefix)
        users = self._users.get(place)
        if users is None:
            if len(self._users) >= MAX_PLACES:
                return
            users = self._users[place] = {}
        if len(users) < MAX_USERS:
            users[success.fields.get("user", "")] = None

    def change(self, change: Change) -> None:
        """Note what would have happened; the first ban on an address or network counts."""
        subject = change.ban.subject
        if change.kind is ChangeKind.BAN and subject.network and not subject.user:
            self._bans.setdefault(subject.network, change.ban)

    def hits(self) -> list[Hit]:
        """Give the bans that would have hit customers, in the order of their times."""
        hit: dict[str, dict[str, None]] = {}
        for place, users in self._users.items():
            for network in (place, *map(network_of, networks_around(place))):
                if network in self._bans:
                    hit.setdefault(network, {}).update(users)
        found = [
            Hit(self._bans[network], tuple(user for user in users if user)[:MAX_USERS])
            for network, users in hit.items()
        ]
        return sorted(found, key=lambda each: each.ban.time)
