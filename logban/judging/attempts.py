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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from logban.judging.surplus import surplus
from logban.model import CanonicalAddress, Failure

SPAN: Final = 1.0
"""Seconds that the lines of an attempt may lie apart; most logs tell no more than seconds."""

MAX_LINES: Final = 6
"""Lines that one attempt may have in one file: what pjsip writes at the most."""

MAX_OPEN: Final = 16
"""Attempts of one address that are remembered."""

MAX_ADDRESSES: Final = 20_000
"""Addresses whose attempts are remembered: an attempt is over within a second or two."""

# What a peer's program makes anew for each attempt, where it does not try to deceive.
_SESSIONS: Final = ("callid", "session")


Values = tuple[str | None, ...]


@dataclass(slots=True)
class _Attempt:
    """An attempt: of most there is one line, so what more would take is made when it comes."""

    time: float
    values: Values
    rule: str
    source: str
    proven: bool
    lines: dict[str, int] | None = None
    seen: set[tuple[str, str]] | None = None

    def takes(self, failure: Failure, values: Values, sessions: Sequence[bool]) -> bool:
        """Tell whether a failure of about the same time is of this attempt.

        ``sessions`` says which values are of sessions.
        """
        shared = False
        for own, other, of_session in zip(self.values, values, sessions, strict=True):
            if own is not None and other is not None:
                if own != other:
                    return False
                shared = shared or of_session
        if self.lines is not None and self.lines.get(failure.source, 0) >= MAX_LINES:
            return False
        if self.seen is None:
            is_new = failure.rule != self.rule or failure.source != self.source
        else:
            is_new = (failure.rule, failure.source) not in self.seen
        return is_new or shared

    def add(self, failure: Failure, values: Values) -> None:
        """Take a further failure in."""
        if self.lines is None or self.seen is None:
            self.lines = {self.source: 1}
            self.seen = {(self.rule, self.source)}
        if values != self.values:
            pairs = zip(self.values, values, strict=True)
            self.values = tuple(other if own is None else own for own, other in pairs)
        self.lines[failure.source] = self.lines.get(failure.source, 0) + 1
        self.seen.add((failure.rule, failure.source))


class _Open:
    """The last attempts of one address, and those by their values while that tells them apart.

    ``known`` says which values each of them knows; None if they differ in that, or if two have
    the same values.  Then each has to be looked at.
    """

    __slots__ = ("attempts", "by_values", "known")

    def __init__(self, attempt: _Attempt) -> None:
        self.attempts = [attempt]
        self.by_values = {attempt.values: attempt}
        self.known: list[bool] | None = [value is None for value in attempt.values]

    def find(
        self, failure: Failure, time: float, values: Values, sessions: Sequence[bool]
    ) -> _Attempt | None:
        """Give the attempt that a failure is of, the newest one first."""
        if self.known is not None and self.known == [value is None for value in values]:
            found = self.by_values.get(values)
            if found is None:
                return None
            is_one = abs(time - found.time) <= SPAN and found.takes(failure, values, sessions)
            return found if is_one else None
        for attempt in reversed(self.attempts):
            if abs(time - attempt.time) <= SPAN and attempt.takes(failure, values, sessions):
                return attempt
        return None

    def put(self, attempt: _Attempt) -> None:
        """Remember another attempt."""
        values = attempt.values
        if self.known is not None:
            if values in self.by_values or self.known != [value is None for value in values]:
                self.known = None
                self.by_values.clear()
            else:
                self.by_values[values] = attempt
        self.attempts.append(attempt)
        if len(self.attempts) > MAX_OPEN:
            self.by_values.pop(self.attempts.pop(0).values, None)


class Attempts:
    """The last attempts of each address; of too many addresses, the quietest are forgotten."""

    def __init__(self, telling: tuple[str, ...], max_addresses: int = MAX_ADDRESSES) -> None:
        """``telling`` are the fields that tell attempts apart; without any, each line is one."""
        self.proves = False
        """Whether the last repeat has proved what the lines before it had not."""
        self._telling = telling
        self._sessions = [name in _SESSIONS for name in telling]
        self._max_addresses = max_addresses
        self._of_address: dict[CanonicalAddress, _Attempt | _Open] = {}

    def is_repeat(self, failure: Failure, time: float) -> bool:
        """Tell whether a failure is of an attempt that was seen already, and remember it."""
        self.proves = False
        if not self._telling:
            return False
        values = tuple(map(failure.fields.get, self._telling))
        of_address = self._of_address
        known = of_address.pop(failure.address, None)
        if known is None:
            of_address[failure.address] = _attempt(failure, time, values)
            for oldest in surplus(of_address, self._max_addresses):
                del of_address[oldest]
            return False
        if isinstance(known, _Attempt):
            known = _Open(known)
        of_address[failure.address] = known
        attempt = known.find(failure, time, values, self._sessions)
        if attempt is None:
            known.put(_attempt(failure, time, values))
            return False
        self.proves = failure.proven and not attempt.proven
        attempt.proven = attempt.proven or failure.proven
        attempt.add(failure, values)
        if attempt.values != values:
            known.known = None  # it has learned a value, by which it is not known here
            known.by_values.clear()
        return True


def _attempt(failure: Failure, time: float, values: Values) -> _Attempt:
    return _Attempt(time, values, failure.rule, failure.source, failure.proven)
