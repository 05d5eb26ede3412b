# SPDX-License-Identifier: MIT
"""How a jail judges whose filter tells kinds of failures, users, and who got in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from logban.policy.plan import Plan


class Unit(StrEnum):
    """Whom failures are charged to."""

    IP = "ip"
    USER_IP = "user-ip"
    USER = "user"
    NET = "net"


class Style(StrEnum):
    """How a jail judges: by counting alone, with scrutiny, or as its filter allows."""

    AUTO = "auto"
    PLAIN = "plain"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Limit:
    """So much, within so many seconds, is enough for so many seconds; ``bantime`` None for ever."""

    maxretry: int
    findtime: float
    bantime: float | None


@dataclass(frozen=True, slots=True)
class Scrutiny:
    """What is looked at beside the number of failures.

    ``user_ip`` is what suspends a user at a place, ``user`` the number of places from which one
    user has to fail to be protected, ``net`` the number of places of one network that have to
    offend, ``net48`` what the networks of 56 bits of one of 48 have to come to, ``slow`` what a
    place may do in a day.  ``trust`` is how long a success is trusted for.
    ``weights`` are by kind or rule, where they differ from the usual ones.  ``always_user_ip``
    counts against a user at a place wherever it is, and not only where users are known.
    ``suspends`` says that the jail has an action that keeps users out, ``asks_for_extensions`` that
    those which Asterisk has belong to the plan.
    """

    count_by: frozenset[Unit] = frozenset(Unit)
    user_ip: Limit = Limit(5, 600.0, 900.0)
    user: Limit = Limit(20, 86400.0, 3600.0)
    net: Limit = Limit(10, 3600.0, 86400.0)
    net48: Limit = Limit(48, 6 * 3600.0, 86400.0)
    slow: Limit = Limit(100, 86400.0, 86400.0)
    trust: float = 6 * 3600.0
    weights: Mapping[str, float] = field(default_factory=dict)
    plan: Plan | None = None
    always_user_ip: bool = False
    suspends: bool = False
    asks_for_extensions: bool = False
