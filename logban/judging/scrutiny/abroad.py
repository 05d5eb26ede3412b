# SPDX-License-Identifier: MIT
"""Refused calls abroad of users who are known: a stolen password is tried out.

Nobody is banned for them; the admin is told.  A carrier brings calls to such numbers all day, but
is known by its address, and not as a user who gets in with a password.
"""

from __future__ import annotations

import re
from typing import Final

from logban.judging.scrutiny.trust import Trust
from logban.judging.surplus import shed
from logban.judging.verdicts import Verdicts
from logban.judging.weights import PREMIUM, called, number_factor, what_of
from logban.model import Failure, Subject, SubjectKind
from logban.text import visible

ENOUGH: Final = 3
WITHIN: Final = 3600.0
"""Different numbers abroad within so many seconds that are more than a mistake."""

TOLD_EVERY: Final = 86400.0
"""Seconds from one notice about a user to the next one."""

MAX_CALLERS: Final = 1000

# ITU-T E.164: codes of one and of two digits; all others have three.
_COUNTRY: Final = re.compile(
    r"(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3})", re.ASCII
)
_ABROAD: Final = re.compile(r"[#*]?\d?(?:00|011|810|0011|0\+|\+)(?=[1-9])", re.ASCII)

_Caller = tuple[float, frozenset[int], float]
"""When the first call was, the numbers that were called since, and when the admin was told."""


class Abroad:
    """Counts the refused calls abroad of known users, and tells of them."""

    def __init__(self, verdicts: Verdicts, trust: Trust) -> None:
        self._verdicts = verdicts
        self._trust = trust
        self._callers: dict[str, _Caller] = {}

    def note(self, failure: Failure, time: float, place: str) -> None:
        """Note a known caller's call that was refused."""
        user, number = failure.fields.get("user", ""), called(failure)
        if not user or number_factor(number) < PREMIUM:
            return
        known = self._trust.get(place)
        if known is None or not known.knows(user, time):
            return
        first, numbers, told = self._callers.pop(user, (time, frozenset(), float("-inf")))
        if not 0 <= time - first < WITHIN:
            first, numbers = time, frozenset()
        numbers |= {what_of(number)}
        if len(numbers) >= ENOUGH and not 0 <= time - told < TOLD_EVERY:
            told = time
            self._tell(failure, time, place, len(numbers))
        self._callers[user] = (first, numbers, told)
        if len(self._callers) > MAX_CALLERS:
            shed(self._callers, MAX_CALLERS)

    def _tell(self, failure: Failure, time: float, place: str, numbers: int) -> None:
        user, number = failure.fields["user"], called(failure)
        code = country_of(number)
        where = f", country code {code}" if code else ""
        self._verdicts.notice(
            Subject(SubjectKind.USER_IP, failure.address, user),
            failure,
            time,
            f"extension {user} at {place} called {numbers} numbers abroad that are refused, the "
            f"last one {visible(number, 32)}{where}: is its password in other hands?",
            numbers,
        )


def country_of(number: str) -> str:
    """Give the country code of a number with an international prefix; "" if it has none."""
    prefix = _ABROAD.match(number)
    found = _COUNTRY.match(number, prefix.end()) if prefix else None
    return found[0] if found else ""
