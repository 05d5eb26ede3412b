# SPDX-License-Identifier: MIT
"""Brakes: what a jail does not do by itself, however sure its filter seems to be.

A filter that takes every customer for an attacker bans them all within minutes; and one address
may be a whole office, whose ban somebody should have wanted.  What a brake holds back waits, is
told of loudly, and becomes a ban as soon as the brake lets it through.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from logban.model import Subject, SubjectKind, Verdict

WINDOW: Final = 60.0
"""Seconds over which bans are counted."""

_BRAKED: Final = (SubjectKind.IP, SubjectKind.NET)
_KEPT: Final = 600.0  # several files of one log come with times that are some minutes apart


@dataclass(frozen=True, slots=True)
class Limits:
    """What a jail may do by itself; 0 for no limit.

    ``bans`` are new bans of addresses and networks within a minute, ``users`` the registered
    users that may be behind an address which is banned.
    """

    bans: int = 0
    users: int = 0


_NO_LIMITS: Final = Limits()


def nobody(_: Subject) -> int:
    """Tell that no user is registered behind a subject: nothing is known of users."""
    return 0


class Brakes:
    """Says of every new ban whether its jail may lay it now."""

    def __init__(self, registered: Callable[[Subject], int] = nobody) -> None:
        """Begin with no limits; ``registered`` counts the users behind a subject."""
        self.registered = registered
        self._limits: dict[str, Limits] = {}
        self._times: dict[str, list[float]] = {}

    def set_jail(self, jail: str, limits: Limits) -> None:
        """Note what a jail may do."""
        self._limits[jail] = limits

    def forget_jail(self, jail: str) -> None:
        """Forget a jail that is no more."""
        self._limits.pop(jail, None)
        self._times.pop(jail, None)

    def holds(self, verdict: Verdict, time: float) -> str:
        """Give the sentence of the brake that holds a new ban back at a time, "" if none does."""
        limits = self._limits.get(verdict.jail, _NO_LIMITS)
        if verdict.subject.kind not in _BRAKED or not (limits.bans or limits.users):
            return ""
        return self.crowd(verdict.jail, verdict.subject) or self.is_full(verdict.jail, time)

    def crowd(self, jail: str, subject: Subject) -> str:
        """Give the sentence if too many users are registered behind a subject, "" if not."""
        limit = self._limits.get(jail, _NO_LIMITS).users
        users = self.registered(subject) if limit else 0
        if users <= limit:
            return ""
        return f"{users} registered users are behind {subject}, and max_registered_users is {limit}"

    def is_full(self, jail: str, time: float) -> str:
        """Give the sentence if a jail may lay no new ban at that time, "" if it may."""
        limit = self._limits.get(jail, _NO_LIMITS).bans
        times = self._times.get(jail)
        if not limit or not times:
            return ""
        within = bisect_right(times, time) - bisect_right(times, time - WINDOW)
        if within < limit:
            return ""
        return f"max_bans_per_minute is {limit}, and that many were laid within a minute"

    def laid(self, verdict: Verdict, time: float) -> None:
        """Note a new ban."""
        limit = self._limits.get(verdict.jail, _NO_LIMITS).bans
        if not limit or verdict.subject.kind not in _BRAKED:
            return
        times = self._times.setdefault(verdict.jail, [])
        insort(times, time)
        if times[0] <= times[-1] - 2 * _KEPT:
            del times[: bisect_right(times, times[-1] - _KEPT)]
