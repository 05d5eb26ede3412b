# SPDX-License-Identifier: MIT
"""How long a ban lasts: the jail's bantime, and what earlier bans make of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Final

from logban.durations import format_duration

DAY: Final = 86400.0
LONGEST_MEMORY: Final = 90 * DAY
"""Seconds for which earlier bans can count: so long the ledger keeps its history."""

_MOST_DOUBLINGS: Final = 20  # fail2ban's bound
_LONGEST: Final = 100 * 365.25 * DAY


class Formula(Enum):
    """The two formulas that fail2ban's jail.conf documents, with Count earlier bans.

    DOUBLING is ``Time * 2**Count * factor``, EXPONENTIAL ``Time * e**(Count * factor)``.
    """

    DOUBLING = "doubling"
    EXPONENTIAL = "exponential"


@dataclass(frozen=True, slots=True)
class Growth:
    """How bans become longer for who was banned before; spans are seconds.

    The first ban lasts the jail's bantime.  Of ``multipliers``, which never fall, the n-th is for
    the n-th ban and the last for all further ones; without any, ``formula`` holds.  ``max_time``
    bounds the growth but never shortens a ban below bantime.  ``spread`` is what is added at the
    most so that nobody can tell the end beforehand.  A ban counts as an earlier one until
    ``memory`` seconds after its end; with ``all_jails``, whichever jail it was of.
    """

    factor: float = 1.0
    multipliers: tuple[float, ...] = ()
    formula: Formula = Formula.DOUBLING
    max_time: float = 28 * DAY
    spread: float = 0.0
    all_jails: bool = False
    memory: float = 28 * DAY

    def length(self, bantime: float, offence: int, luck: float = 0.0) -> float:
        """Give how long the n-th ban lasts, from 1; ``luck``, 0 to 1, is its part of the spread."""
        if offence <= 1:
            return bantime
        grown = min(bantime * self._times(offence), _LONGEST) + luck * self.spread
        return max(bantime, min(grown, self.max_time))

    def explain(self, bantime: float, offence: int) -> str:
        """Tell an admin why the n-th ban lasts as long as it does."""
        if offence <= 1:
            return f"{format_duration(bantime)}: the first ban"
        grown = bantime * self._times(offence)
        length = self.length(bantime, offence)
        about = f"{format_duration(bantime)} x {self._times(offence):.4g}"
        if length < grown:
            about += f", at most {format_duration(length)}"
        if self.spread:
            about += f", and up to {format_duration(self.spread)} by chance"
        return f"{format_duration(length)}: {ordinal(offence)} ban, {about}"

    def describe(self) -> str:
        """Tell an admin how bans grow."""
        if self.multipliers:
            factors = (f"{self.factor * each:.4g}" for each in self.multipliers)
            how = f"times {' '.join(factors)}"
        elif self.formula is Formula.EXPONENTIAL:
            how = f"times {math.exp(min(self.factor, 50.0)):.4g} with each earlier ban"
        else:
            how = "twice as long with each earlier ban"
            if self.factor != 1:
                how += f", times {self.factor:.4g}"
        where = " in any jail" if self.all_jails else ""
        limit = "" if self.max_time == math.inf else f", at most {format_duration(self.max_time)}"
        return f"{how}{where}{limit}; forgotten after {format_duration(self.memory)}"

    def _times(self, offence: int) -> float:
        """Give what bantime is multiplied by for a further ban, never less than 1."""
        if self.multipliers:
            times = self.factor * self.multipliers[min(offence, len(self.multipliers)) - 1]
        elif self.formula is Formula.EXPONENTIAL:
            times = math.exp(min((offence - 1) * self.factor, 50.0))
        else:
            times = self.factor * 2.0 ** min(offence - 1, _MOST_DOUBLINGS)
        return max(1.0, times)


def luck_of(subject: str, time: float) -> float:
    """Give a number from 0 to 1 that is as good as drawn, and the same whenever it is asked for.

    A log that is read again after a crash, or by ``replay``, has to lead to the same bans.
    """
    from hashlib import blake2b  # noqa: PLC0415  # the client has no use for it, and waits for it

    digest = blake2b(f"{subject} {time!r}".encode("utf-8", "replace"), digest_size=6)
    return int.from_bytes(digest.digest(), "big") / 2**48


def ordinal(number: int) -> str:
    """Write 1st, 2nd, 3rd, 4th, ..."""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
