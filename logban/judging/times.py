# SPDX-License-Identifier: MIT
"""At what time a failure counts.

A line's own word is believed as far as it can be: a line that has just been written and speaks
of another hour is the work of a wrong zone or clock, and counts as now; an old line that is
found in a file, at start, keeps its time, whatever that means for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from logban.durations import format_duration

TOLERANCE: Final = 60.0
"""Seconds that a line just written may be off before its time is no longer believed."""


class LineTimes(Protocol):
    """Decides at what time a failure counts, in the order in which lines come."""

    def effective(self, time: float | None, *, live: bool, now: float) -> float | None:
        """Give the time at which a line counts; None if it can't count at all."""
        ...


@dataclass(slots=True)
class ArrivalTimes:
    """The daemon's rule, for one source.

    ``offset`` is by how many seconds the last live line's time was off, None while all is well.
    ``undated`` counts lines that told no time and could not be given one.
    """

    offset: float | None = None
    undated: int = 0
    _last: float | None = None

    def effective(self, time: float | None, *, live: bool, now: float) -> float | None:
        """Give the time at which a line counts; None if it can't count at all."""
        if live:
            if time is None:
                return now
            off = time - now
            if abs(off) > TOLERANCE:
                self.offset = off
                return now
            self.offset = None
            return min(time, now)
        if time is None:
            # Found, not seen being written: it is about as old as the line before it.
            if self._last is None:
                self.undated += 1
            return self._last
        if time > now + TOLERANCE:
            return None
        self._last = min(time, now)
        return self._last

    def hint(self, utc_offset: float) -> str:
        """Tell an admin what the offset means; "" while all is well.

        ``utc_offset`` is the seconds by which the zone that the source is read in is east of UTC.
        """
        if self.offset is None:
            return ""
        side = "behind" if self.offset < 0 else "ahead of"
        sentence = (
            f"its lines are {format_duration(abs(self.offset))} {side} this host's clock "
            "and count as just written"
        )
        quarters = round(self.offset / 900)
        minutes = int((utc_offset + quarters * 900) // 60)
        near = abs(self.offset - quarters * 900) <= TOLERANCE
        # From -12 to +14 hours: what zones there are.  The rest is old lines or a wrong clock.
        if quarters and near and -720 <= minutes <= 840:
            sign = "-" if minutes < 0 else "+"
            zone = f"UTC{sign}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"
            sentence += f"; they are probably written in {zone}: set logtimezone = {zone}"
        return sentence


@dataclass(slots=True)
class LogTimes:
    """The rule for old logs: the line's own time, and for a line without one that of the last."""

    last: float | None = None

    def effective(self, time: float | None, *, live: bool, now: float) -> float | None:  # noqa: ARG002  # the protocol's signature
        """Give the time at which a line counts; ``now`` where no line has told one yet."""
        if time is not None:
            self.last = time
        return now if self.last is None else self.last
