# SPDX-License-Identifier: MIT
"""At what time a failure counts.

A line's own word is believed as far as it can be: a line that has just been written and speaks
of another hour is the work of a wrong zone or clock, and counts as now; an old line that is
found in a file, at start, keeps its time, whatever that means for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
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
    """The rule for old logs: the line's own time, and for a line without one that of the last.

    ``zone`` is that of dates which name none; None is the C library's.  Of an hour that comes twice
    there, when clocks are set back, such a date is read as of the second time, so whole hours of a
    log would come before what was written earlier: the log's own order tells them apart.
    """

    last: float | None = None
    zone: tzinfo | None = None
    _are_exact: bool = False
    # The last minute that comes once: no zone has set its clocks back within one since 1972.
    _single: float | None = None

    def effective(self, time: float | None, *, live: bool, now: float) -> float | None:  # noqa: ARG002  # the protocol's signature
        """Give the time at which a line counts; ``now`` where no line has told one yet."""
        if time is None:
            return now if self.last is None else self.last
        # To look a time up in the zone takes longer than to judge what happened at it.
        if time // 60.0 != self._single:
            time = self._in_order(time)
        self.last = time
        return time

    def _in_order(self, time: float) -> float:
        """Take a time of the second of two hours for one of the first, where the order allows."""
        local = datetime.fromtimestamp(time, self.zone)
        if not local.fold:
            if local.replace(fold=1).timestamp() == local.timestamp():
                self._single = time // 60.0
            else:
                # A date that is of the first hour says so itself, and so do all others.
                self._are_exact = True
        elif not self._are_exact:
            first = local.replace(fold=0).timestamp()
            if self.last is None or first >= self.last - TOLERANCE:
                return first
        return time


@dataclass(frozen=True, slots=True)
class KnownTime:
    """The rule for one line whose time has been told."""

    time: float

    def effective(self, time: float | None, *, live: bool, now: float) -> float | None:  # noqa: ARG002  # the protocol's signature
        """Give that time."""
        return self.time
