# SPDX-License-Identifier: MIT
"""What a jail holds to be enough."""

from __future__ import annotations

from dataclasses import dataclass

from logban.policy.scrutiny import Limit, Scrutiny


@dataclass(frozen=True, slots=True)
class Policy:
    """What a jail holds to be enough: times in seconds, ``bantime`` None for ever.

    ``max_evidence`` lines are kept of a subject, ``max_subjects`` subjects are followed at once.
    ``attempt_fields`` are the captures that tell the lines of one attempt from those of another;
    without any, every line is an attempt.  Without a ``scrutiny`` failures are counted and no
    more, as fail2ban does.  ``keeps_captures`` where an action asks a ban for those of its last
    failure: of a hundred thousand bans they are a third of the memory.
    """

    maxretry: int
    findtime: float
    bantime: float | None
    ipv6_prefix: int = 64
    max_evidence: int = 10
    max_subjects: int = 100_000
    attempt_fields: tuple[str, ...] = ()
    scrutiny: Scrutiny | None = None
    keeps_captures: bool = True

    @property
    def limit(self) -> Limit:
        """What is enough to ban a place."""
        return Limit(self.maxretry, self.findtime, self.bantime)
