# SPDX-License-Identifier: MIT
r"""When a line was written, by its own word.

A line's date is looked for at its beginning, behind at most a bracket or a syslog priority,
and, if there is none, anywhere in it.  What was found is cut out before a failregex sees the
line: filters are written for that (``^\[\] NOTICE`` is an Asterisk line without its date).
Which format a line has never depends on the lines before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final, Protocol

import regex

from logban.matching.compiler import ExpressionError
from logban.matching.datepattern import DatePattern, Defaults, compile_date_pattern

_DAY: Final = 86400.0
_CACHED_DATES: Final = 4096

_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
        start=1,
    )
}
_CLOCK = r"(?P<H>[0-2]?[0-9]):(?P<M>[0-5][0-9]):(?P<S>[0-6][0-9])(?:[.,](?P<f>[0-9]{1,9}))?"
_ZONE = r"(?:[ ]?(?P<z>Z(?![A-Za-z])|UTC|GMT|[+-][0-2][0-9]:?[0-5][0-9](?![0-9])))?"
_MONTH = r"(?P<b>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"

# In the order in which they are tried.  Sources: ISO 8601 and RFC 3339 (Asterisk's `dateformat
# = %F %T.%3q` and `%FT%T.%3q%z`, syslog's RFC 5424 and rsyslog's file format); RFC 3164, which
# is Asterisk's default `%b %e %T`; ctime(3); the common log format; seconds since the epoch.
_DEFAULT_FORMATS: Final = (
    rf"(?P<Y>[0-9]{{4}})[-/.](?P<m>[01]?[0-9])[-/.](?P<d>[0-3]?[0-9])[T ]{_CLOCK}{_ZONE}",
    (
        rf"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?{_MONTH} [ ]?(?P<d>[0-3]?[0-9]) "
        rf"(?:(?P<Y>[0-9]{{4}}) )?{_CLOCK}{_ZONE}(?: (?P<Y2>[0-9]{{4}})(?=[\s\])]|$))?"
    ),
    rf"(?P<d>[0-3]?[0-9])[-/ ]{_MONTH}[-/ ](?P<Y>[0-9]{{4}})[ :]{_CLOCK}{_ZONE}",
    r"(?P<epoch>[0-9]{10}(?:\.[0-9]{1,9})?)\b",
)
# What may stand in front: a byte order mark, a syslog priority (RFC 5424's with its version), a
# bracket.
_BEGINNING = r"\ufeff?(?:<[0-9]{1,3}>(?:1 )?)?[\[(]?"


@dataclass(frozen=True, slots=True)
class Dated:
    """A line without its date, and what the date says; ``time`` is None where there is none."""

    time: float | None
    text: str


class DateReader(Protocol):
    """Takes the date out of a line."""

    def read(self, line: str, now: float) -> Dated:
        """Give the line's time and the rest; ``now`` lends the year to a date without one."""
        ...


class NoDates:
    """For lines that bring no date, such as messages of the journal; nothing is cut out."""

    def read(self, line: str, now: float) -> Dated:  # noqa: ARG002  # the protocol's signature
        """Give the line as it is."""
        return Dated(None, line)


class _Times:
    """Turns the parts of a date into a time, and remembers the last ones: lines come in bursts."""

    def __init__(self, zone: tzinfo | None) -> None:
        self._zone = zone
        self._known: dict[Hashable, float | None] = {}
        self._minute = 0.0

    def of(
        self, key: Hashable, parts: Callable[[], dict[str, str | None]], now: float
    ) -> float | None:
        """Give the time of a date; None if there is no such day or hour.

        ``key`` stands for the parts: where it is the same, they are.
        """
        minute = now // 60.0
        if minute != self._minute or len(self._known) > _CACHED_DATES:
            # The year or day of a date without one depends on the clock, and memory has its bounds.
            self._known.clear()
            self._minute = minute
        if key not in self._known:
            self._known[key] = time_of(parts(), now, self._zone)
        return self._known[key]


class DefaultDates:
    """Finds dates in the formats that logs have unless somebody chose another one.

    Only at the line's beginning, if so told: what stands farther in may be the peer's own text.
    """

    def __init__(self, zone: tzinfo | None, where: Defaults = Defaults.ANYWHERE) -> None:
        self._beginnings = [
            re.compile(f"{_BEGINNING}(?P<date>{text})", re.ASCII) for text in _DEFAULT_FORMATS
        ]
        # Ten digits in the middle of a line are a telephone number.
        farther_in = _DEFAULT_FORMATS[:-1] if where is Defaults.ANYWHERE else ()
        self._anywhere = [re.compile(rf"(?<!\w){text}(?!\w)", re.ASCII) for text in farther_in]
        self._times = _Times(zone)

    def read(self, line: str, now: float) -> Dated:
        """Give the time that the line begins with, or else holds, and the line without it."""
        for pattern in self._beginnings:
            found = pattern.match(line)
            if found is not None:
                time = self._times.of(found["date"], found.groupdict, now)
                if time is not None:
                    return Dated(time, line[: found.start("date")] + line[found.end("date") :])
        # Of several the first: what stands behind it may be the peer's own text.
        anywhere = [found for pattern in self._anywhere if (found := pattern.search(line))]
        for found in sorted(anywhere, key=lambda found: found.start()):
            time = self._times.of(found[0], found.groupdict, now)
            if time is not None:
                return Dated(time, line[: found.start()] + line[found.end() :])
        return Dated(None, line)


class PatternDates:
    """Finds dates where a filter's ``datepattern`` says, in the first of them that fits."""

    def __init__(
        self, patterns: Sequence[DatePattern | Defaults], zone: tzinfo | None, timeout: float
    ) -> None:
        self._patterns = [
            DefaultDates(zone, pattern) if isinstance(pattern, Defaults) else pattern
            for pattern in patterns
        ]
        self._times = _Times(zone)
        self._timeout = timeout

    def read(self, line: str, now: float) -> Dated:
        """Give the time and the line without it; TimeoutError if a pattern takes too long."""
        for number, pattern in enumerate(self._patterns):
            if isinstance(pattern, DefaultDates):
                dated = pattern.read(line, now)
                if dated.time is not None:
                    return dated
                continue
            found: regex.Match[str] | None = pattern.compiled.search(line, timeout=self._timeout)
            if found is None:
                continue
            start, end = found.span("cut")
            time = self._times.of((number, found.groups()), found.groupdict, now)
            if time is not None:
                return Dated(time, line[:start] + line[end:])
        return Dated(None, line)


def date_reader(patterns: Sequence[str], zone: tzinfo | None, timeout: float = 0.1) -> DateReader:
    """Give the reader for a filter's date patterns (none: the defaults); ExpressionError if bad.

    ``zone`` is that of dates which name none; None is the C library's (``$TZ``, /etc/localtime).
    """
    if not patterns:
        return DefaultDates(zone)
    if "{NONE}" in patterns:
        if len(patterns) > 1:
            raise ExpressionError("datepattern {NONE} does not go with others")
        return NoDates()
    return PatternDates([compile_date_pattern(text) for text in patterns], zone, timeout)


def time_of(parts: dict[str, str | None], now: float, zone: tzinfo | None) -> float | None:
    """Turn the parts of a date, by the letters of strptime(3), into a time; None if impossible.

    A missing year is the one that makes the date the latest that is not more than a day ahead
    of ``now``; missing days and months likewise are today's or yesterday's.
    """
    given = {name: value for name, value in parts.items() if value is not None}
    try:
        if "epoch" in given:
            return _epoch(given["epoch"])
        clock = _clock(given)
        named = _zone(given.get("z") or given.get("Z"))
        year = _year(given)
        if year is not None and "j" in given:
            moment = datetime(year, 1, 1, *clock)  # noqa: DTZ001  # its zone is given below
            moment += timedelta(days=int(given["j"]) - 1)
            return _moment(moment, named or zone, now) if moment.year == year else None
        month, day = _month(given), int(given["d"]) if "d" in given else None
        if month is None or day is None:
            return _of_today(clock, named or zone, now)
        if year is not None:
            moment = datetime(year, month, day, *clock)  # noqa: DTZ001
            return _moment(moment, named or zone, now)
        return _without_year(month, day, clock, named or zone, now)
    except (ValueError, OverflowError, OSError):
        return None  # the thirtieth of February, the twenty-fifth hour


def _epoch(text: str) -> float:
    value = float(text)
    # Thirteen and sixteen digits are the milli- and microseconds that some programs write.
    for scale in (1e6, 1e3):
        if value >= 1e8 * scale * 10:
            return value / scale
    return value


def _clock(given: dict[str, str]) -> tuple[int, int, int, int]:
    hour = int(given.get("H", given.get("I", "0")))
    if "p" in given:
        hour = hour % 12 + (12 if given["p"].lower() == "pm" else 0)
    second = int(given.get("S", "0"))
    if second == 60:  # a leap second counts as the one before it: datetime has no place for it
        second = 59
    return hour, int(given.get("M", "0")), second, int(given.get("f", "0")[:6].ljust(6, "0"))


def _year(given: dict[str, str]) -> int | None:
    if "Y" in given or "Y2" in given:
        return int(given.get("Y") or given["Y2"])
    if "y" in given:
        short = int(given["y"])
        return short + (2000 if short < 69 else 1900)  # POSIX strptime(3)
    return None


def _month(given: dict[str, str]) -> int | None:
    if "m" in given:
        return int(given["m"])
    if "b" in given:
        return _MONTHS.get(given["b"][:3].lower())
    return None


def _zone(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    if text.upper() in ("Z", "UTC", "GMT"):
        return UTC
    digits = text.replace(":", "")
    offset = timedelta(hours=int(digits[1:3]), minutes=int(digits[3:5] or "0"))
    return timezone(-offset if digits[0] == "-" else offset)


def _moment(local: datetime, zone: tzinfo | None, now: float) -> float:
    """Place a wall-clock time in its zone; of an hour that comes twice, the nearer to now."""
    first = local.replace(tzinfo=zone).timestamp()
    second = local.replace(tzinfo=zone, fold=1).timestamp()
    return min(first, second, key=lambda time: abs(time - now))


def _without_year(
    month: int, day: int, clock: tuple[int, int, int, int], zone: tzinfo | None, now: float
) -> float | None:
    this_year = datetime.fromtimestamp(now + _DAY, zone).year
    for year in range(this_year, this_year - 9, -1):  # 29 February comes within eight years
        try:
            moment = datetime(year, month, day, *clock)  # noqa: DTZ001
        except ValueError:
            continue
        time = _moment(moment, zone, now)
        if time <= now + _DAY:
            return time
    return None


def _of_today(clock: tuple[int, int, int, int], zone: tzinfo | None, now: float) -> float:
    today = datetime.fromtimestamp(now, zone)
    moment = datetime(today.year, today.month, today.day, *clock)  # noqa: DTZ001
    time = _moment(moment, zone, now)
    return time if time <= now + 60 else _moment(moment - timedelta(days=1), zone, now)
