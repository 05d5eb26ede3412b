# SPDX-License-Identifier: MIT
"""What a jail holds to be enough, and against whom it counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from logban.judging.plan import Plan
from logban.judging.trust import TRUST_FOR
from logban.judging.weights import Weights


class Unit(StrEnum):
    """Whom failures are charged to."""

    IP = "ip"
    USER_IP = "user-ip"
    USER = "user"
    NET = "net"


@dataclass(frozen=True, slots=True)
class Limit:
    """So much, within so many seconds, is enough for so many seconds; ``bantime`` None for ever."""

    maxretry: int
    findtime: float
    bantime: float | None


@dataclass(frozen=True, slots=True)
class Scrutiny:
    """How a jail judges whose filter tells kinds of failures and names of users.

    ``user_ip`` is what suspends a user at a place, ``user`` the number of places from which one
    user has to fail to be protected, ``net`` the number of places of one network that have to
    offend, ``slow`` what a place may do in a day.  ``always_user_ip`` counts against a user at a
    place wherever it is, and not only where users are known.  ``suspends`` says that the jail has
    an action that keeps users out.
    """

    count_by: frozenset[Unit] = frozenset(Unit)
    user_ip: Limit = Limit(5, 600.0, 900.0)
    user: Limit = Limit(20, 86400.0, 3600.0)
    net: Limit = Limit(10, 3600.0, 86400.0)
    slow: Limit = Limit(100, 86400.0, 86400.0)
    trust: float = TRUST_FOR
    weights: Weights = field(default_factory=Weights)
    plan: Plan | None = None
    always_user_ip: bool = False
    suspends: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """What a jail holds to be enough: times in seconds, ``bantime`` None for ever.

    ``max_evidence`` lines are kept of a subject, ``max_subjects`` subjects are followed at once.
    ``attempt_fields`` are the captures that tell the lines of one attempt from those of another;
    without any, every line is an attempt.  Without a ``scrutiny`` failures are counted and no
    more, as fail2ban does.
    """

    maxretry: int
    findtime: float
    bantime: float | None
    ipv6_prefix: int = 64
    max_evidence: int = 10
    max_subjects: int = 100_000
    attempt_fields: tuple[str, ...] = ()
    scrutiny: Scrutiny | None = field(default=None)

    @property
    def limit(self) -> Limit:
        """What is enough to ban a place."""
        return Limit(self.maxretry, self.findtime, self.bantime)
