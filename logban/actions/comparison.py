# SPDX-License-Identifier: MIT
"""What is in force beside what should be, and where the two differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from logban.model import Ban, Subject

RENEW_BEFORE: Final = 20 * 86400.0
"""Seconds before its end within which a ban is renewed in a place that holds none longer.

An ipset's timeouts end at 24 days.
"""

END_TOLERANCE: Final = 5.0
"""Seconds by which an end in force may differ from the ledger's before it counts as drift."""


NEARLY_OVER: Final = 0.05
"""Seconds before its end in which nobody misses a ban.

The kernel counts the time of an element in ticks of 4 to 10 ms and rounds down, both when it is put
in and for how long, so it is gone a little sooner than the ledger says.
"""

_NOWHERE: Final = float("-inf")


@dataclass(frozen=True, slots=True)
class Difference:
    """How what is in force differs from the ledger.

    ``absent`` should be in force and is not, ``changed`` is with another end, ``surplus`` is and
    should not be.
    """

    absent: tuple[Ban, ...] = ()
    changed: tuple[Ban, ...] = ()
    surplus: tuple[Ban, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.absent or self.changed or self.surplus)

    def subjects(self) -> Iterator[Subject]:
        """Give all on whom the two differ."""
        return (ban.subject for bans in (self.absent, self.changed, self.surplus) for ban in bans)

    def sparing(self, ended: Mapping[Subject, object]) -> Difference:
        """Leave out what nobody wants, but for those of whom it is known that they have ended."""
        kept = tuple(ban for ban in self.surplus if ban.subject in ended)
        return Difference(self.absent, self.changed, kept)

    def without(self, subjects: Mapping[Subject, object]) -> Difference:
        """Leave those out of whom something else is known."""
        return Difference(
            *(
                tuple(ban for ban in bans if ban.subject not in subjects)
                for bans in (self.absent, self.changed, self.surplus)
            )
        )


def compare(
    jail: str, wanted: Mapping[Subject, Ban], found: Mapping[Subject, float | None], now: float
) -> Difference:
    """Compare the bans that should be in force with the ends that were found; None is for ever."""
    over = now + NEARLY_OVER
    if not found:
        missing = (ban for ban in wanted.values() if ban.until is None or ban.until > over)
        return Difference(absent=tuple(missing))
    absent, changed = [], []
    for subject, ban in wanted.items():
        end = found.get(subject, _NOWHERE)
        if end == _NOWHERE:
            if ban.until is None or ban.until > over:
                absent.append(ban)
        elif end is None or ban.until is None:
            if end is not ban.until:
                changed.append(ban)
        elif not -END_TOLERANCE <= end - ban.until <= END_TOLERANCE and not _is_held(
            ban.until, end, now
        ):
            changed.append(ban)
    surplus = [
        Ban(jail, subject, now, end)
        for subject, end in found.items()
        if subject not in wanted and (end is None or end > now + END_TOLERANCE)
    ]
    return Difference(tuple(absent), tuple(changed), tuple(surplus))


def _is_held(until: float, end: float, now: float) -> bool:
    """Tell whether a ban that ends too early is to be renewed, but not yet."""
    return until > end > now + RENEW_BEFORE
