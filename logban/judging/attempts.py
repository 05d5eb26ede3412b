# SPDX-License-Identifier: MIT
"""Which lines tell of one and the same attempt, so that it counts once.

A server may write several lines about one attempt: Asterisk's pjsip writes up to three notices
and three security events for one registration of an unknown user, and the same line may stand in
two files.  Two lines are of one attempt if

- they name the same address, at most a second apart,
- no field that tells attempts apart (``callid``, ``port``, ...) is known of both and differs, and
- they are by different rules or from different files; or one call or session is known of both.

An attempt takes in a limited number of lines: a peer who calls all his attempts the same does not
get away with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from logban.model import CanonicalAddress, Failure

SPAN: Final = 1.0
"""Seconds that the lines of an attempt may lie apart; most logs tell no more than seconds."""

MAX_LINES: Final = 6
"""Lines that one attempt may have in one file: what pjsip writes at the most."""

MAX_OPEN: Final = 16
"""Attempts of one address that are remembered."""

# What a peer's program makes anew for each attempt, where it does not try to deceive.
_SESSIONS: Final = ("callid", "session")


@dataclass(slots=True)
class _Attempt:
    time: float
    fields: dict[str, str]
    lines: dict[str, int]
    seen: set[tuple[str, str]] = field(default_factory=set)

    def takes(self, failure: Failure, time: float, telling: dict[str, str]) -> bool:
        """Tell whether a failure is of this attempt."""
        if abs(time - self.time) > SPAN or self.lines.get(failure.source, 0) >= MAX_LINES:
            return False
        shared = telling.keys() & self.fields.keys()
        if any(telling[name] != self.fields[name] for name in shared):
            return False
        if (failure.rule, failure.source) not in self.seen:
            return True
        return any(name in shared for name in _SESSIONS)

    def add(self, failure: Failure, telling: dict[str, str]) -> None:
        """Take a failure in."""
        self.fields.update(telling)
        self.lines[failure.source] = self.lines.get(failure.source, 0) + 1
        self.seen.add((failure.rule, failure.source))


class Attempts:
    """The last attempts of each address; of too many addresses, the quietest are forgotten."""

    def __init__(self, telling: tuple[str, ...], max_addresses: int) -> None:
        """``telling`` are the fields that tell attempts apart; without any, each line is one."""
        self._telling = telling
        self._max_addresses = max_addresses
        self._of_address: dict[CanonicalAddress, list[_Attempt]] = {}

    def is_repeat(self, failure: Failure, time: float) -> bool:
        """Tell whether a failure is of an attempt that was seen already, and remember it."""
        if not self._telling:
            return False
        telling = {name: failure.fields[name] for name in self._telling if name in failure.fields}
        attempts = self._of_address.pop(failure.address, None) or []
        self._of_address[failure.address] = attempts
        for attempt in reversed(attempts):
            if attempt.takes(failure, time, telling):
                attempt.add(failure, telling)
                return True
        attempt = _Attempt(time, {}, {})
        attempt.add(failure, telling)
        attempts.append(attempt)
        del attempts[:-MAX_OPEN]
        if len(self._of_address) > self._max_addresses:
            del self._of_address[next(iter(self._of_address))]
        return False
