# SPDX-License-Identifier: MIT
"""What became of the lines of a log."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class MatchCounters:
    """What became of the lines that a matcher has seen.

    ``successes`` are lines of those who got in, ``timeouts`` those skipped because an expression
    took too long, ``ignored`` those that an ignoreregex took back, ``unaddressed`` those whose
    captured address is none, ``ambiguous`` those that could name two addresses, ``doubtful`` those
    that may be a peer's invention.
    """

    lines: int = 0
    failures: int = 0
    successes: int = 0
    ignored: int = 0
    timeouts: int = 0
    unaddressed: int = 0
    ambiguous: int = 0
    doubtful: int = 0
    last_timeout: str = ""

    def add(self, other: MatchCounters) -> None:
        """Add what became of other lines."""
        self.lines += other.lines
        self.failures += other.failures
        self.successes += other.successes
        self.ignored += other.ignored
        self.timeouts += other.timeouts
        self.unaddressed += other.unaddressed
        self.ambiguous += other.ambiguous
        self.doubtful += other.doubtful
        self.last_timeout = other.last_timeout or self.last_timeout
