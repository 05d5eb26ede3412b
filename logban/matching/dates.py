# SPDX-License-Identifier: MIT
r"""When a line was written, by its own word.

A line's date is looked for at its beginning, behind at most a bracket or a syslog priority,
and, if there is none, anywhere in it.  What was found is cut out before a failregex sees the
line: filters are written for that (``^\[\] NOTICE`` is an Asterisk line without its date).
Which format a line has never depends on the lines before it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import chain
from typing import Final, Generic, Protocol, TypeVar

import regex

from logban.matching.datepattern import (
    DEFAULT_FORMS,
    DateForm,
    DatePattern,
    Defaults,
    NoDate,
    compile_date_pattern,
    default_form,
)
from logban.zones import abbreviation_offset

T = TypeVar("T")

_DAY: Final = 86400.0
_CACHED_DATES: Final = 4096

_ZONE: Final = re.compile(r"([A-Z]+)?(?:([+-])([0-9]{2}):?([0-9]{2})?)?")
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
        start=1,
    )
}


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
        self._beginnings = _AsNeeded(_default_forms(anywhere=False))
        farther_in = _default_forms(anywhere=True) if where is Defaults.ANYWHERE else iter(())
        self._anywhere = _AsNeeded(farther_in)
        self._times = _Times(zone)

    def read(self, line: str, now: float) -> Dated:
        """Give the time that the line begins with, or else holds, and the line without it."""
        for pattern in self._beginnings:
            found = pattern.match(line)
            if found is not None:
                time = self._times.of(found[1], found.groupdict, now)
                if time is not None:
                    return Dated(time, line[: found.start(1)] + line[found.end(1) :])
        # Of several the first: what stands behind it may be the peer's own text.
        anywhere = [found for pattern in self._anywhere if (found := pattern.search(line))]
        for found in sorted(anywhere, key=lambda found: found.start()):
            time = self._times.of(found[1], found.groupdict, now)
            if time is not None:
                return Dated(time, line[: found.start(1)] + line[found.end(1) :])
        return Dated(None, line)


def _default_forms(*, anywhere: bool) -> Iterator[re.Pattern[str]]:
    """Compile our own forms with ``re``: it is faster, and they can't take long."""
    for number in range(len(DEFAULT_FORMS)):
        form = default_form(number, anywhere=anywhere)
        if form is not None:
            flags = form.compiled.flags & re.IGNORECASE | re.ASCII
            yield re.compile(form.compiled.pattern, flags)


class _AsNeeded(Generic[T]):
    """What an iterator gives, made when it is first asked for, and kept.

    The first form of a log's dates is the right one most of the time, and to compile all of them
    takes longer than to read a short log.
    """

    def __init__(self, source: Iterator[T]) -> None:
        self._source = source
        self._kept: list[T] = []

    def __iter__(self) -> Iterator[T]:
        yield from self._kept
        for each in self._source:
            self._kept.append(each)
            yield each


class PatternDates:
    """Finds dates where a filter's ``datepattern`` says.

    The first form that can stand in one place only and does counts; else that which is found
    nearest to the line's beginning, of several the first.
    """

    def __init__(
        self,
        first: DatePattern | Defaults | NoDate,
        others: Sequence[str],
        zone: tzinfo | None,
        timeout: float,
    ) -> None:
        self._first = first
        self.steps = _AsNeeded(_steps(first, others, zone))
        self._times = _Times(zone)
        self._timeout = timeout

    @property
    def begins_with_defaults(self) -> bool:
        """Tell whether the default forms are tried before all others."""
        return isinstance(self._first, Defaults)

    def read(self, line: str, now: float) -> Dated:
        """Give the time and the line without it; TimeoutError if a pattern takes too long.

        A date that is impossible is cut out as well, and the time is None then.
        """
        nearest: tuple[int, Dated] | None = None
        impossible: Dated | None = None
        for number, step in enumerate(self.steps):
            if nearest is not None and nearest[0] <= 1:
                break
            if isinstance(step, NoDate):
                return Dated(None, line)
            if isinstance(step, DefaultDates):
                dated = step.read(line, now)
                if dated.time is not None and nearest is None:
                    return dated
                continue
            found: regex.Match[str] | None = step.compiled.search(line, timeout=self._timeout)
            if found is None:
                continue
            start, end = found.span(1)
            if start == end:
                return Dated(None, line)
            time = self._times.of((number, found.groups()), found.groupdict, now)
            dated = Dated(time, line[:start] + line[end:])
            if time is None:
                impossible = impossible or dated
            elif step.anchored:
                return dated
            elif nearest is None or found.start() < nearest[0]:
                nearest = (found.start(), dated)
        if nearest is not None:
            return nearest[1]
        return impossible or Dated(None, line)


def _steps(
    first: DatePattern | Defaults | NoDate, others: Sequence[str], zone: tzinfo | None
) -> Iterator[DateForm | DefaultDates | NoDate]:
    """Give what is tried, in this order; ExpressionError if it can't be compiled."""
    for pattern in chain((first,), map(compile_date_pattern, others)):
        if isinstance(pattern, Defaults):
            yield DefaultDates(zone, pattern)
        elif isinstance(pattern, DatePattern):
            yield from pattern.forms
        else:
            yield pattern


def tries_defaults_first(reader: DateReader) -> bool:
    """Tell whether a date of the default forms at a line's beginning is read as just that."""
    return isinstance(reader, DefaultDates) or (
        isinstance(reader, PatternDates) and reader.begins_with_defaults
    )


def date_reader(
    patterns: Sequence[str],
    zone: tzinfo | None,
    timeout: float = 0.1,
    *,
    are_known: bool = False,
) -> DateReader:
    """Give the reader for a filter's date patterns (none: the defaults); ExpressionError if bad.

    ``zone`` is that of dates which name none; None is the C library's (``$TZ``, /etc/localtime).
    Patterns that ``are_known`` to be good are compiled when the first line comes.
    """
    if not patterns:
        return DefaultDates(zone)
    first, *others = patterns
    begin = compile_date_pattern(first)
    reader = PatternDates(begin, others, zone, timeout)
    if not are_known:
        deque(reader.steps, maxlen=0)  # which compiles them
    return NoDates() if begin is NoDate.NONE else reader


def time_of(parts: dict[str, str | None], now: float, zone: tzinfo | None) -> float | None:
    """Turn the parts of a date, by the letters of strptime(3), into a time; None if impossible.

    A missing year is the one that makes the date the latest that is not more than a day ahead
    of ``now``; missing days and months likewise are today's or yesterday's.
    """
    given = {name: value for name, value in parts.items() if value is not None}
    try:
        if not given.keys().isdisjoint(("epoch", "tai")):
            return _counted(given)
        clock = _clock(given)
        named = _zone(given.get("z") or given.get("Z"))
        year = _year(given)
        if "j" in given:
            return _of_day(year, int(given["j"]), clock, named or zone, now)
        month, day = _month(given), int(given["d"]) if "d" in given else None
        if month is None or day is None:
            return _of_today(clock, named or zone, now)
        if year is not None:
            moment = datetime(year, month, day, *clock)  # noqa: DTZ001  # its zone is given below
            return _moment(moment, named or zone, now)
        return _without_year(month, day, clock, named or zone, now)
    except (ValueError, OverflowError, OSError):
        return None  # the thirtieth of February, the twenty-fifth hour


def _counted(given: dict[str, str]) -> float:
    """Give a time that is written as a number of seconds."""
    if "tai" in given:
        # As in fail2ban, without the ten seconds that lie between the two scales' beginnings.
        return int(given["tai"][:15], 16) + int(given["tai"][15:], 16) / 1e9
    text = given["epoch"]
    value = float(text)
    # Thirteen and sixteen digits are the milli- and microseconds that some programs write.
    digits = len(text.partition(".")[0])
    return value / (1e6 if digits >= 16 else 1e3 if digits >= 13 else 1)


def _clock(given: dict[str, str]) -> tuple[int, int, int, int]:
    hour = int(given.get("H", given.get("I", "0")))
    if "H" not in given and "I" in given:
        hour = hour % 12 + (12 if given.get("p", "").lower() == "pm" else 0)
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
    found = _ZONE.fullmatch(text.upper())
    if found is None:
        return None
    name, sign, hours, minutes = found.groups()
    offset = timedelta()
    if name and name != "Z":
        of_name = abbreviation_offset(name)
        if of_name is None:
            return None  # what nobody knows can't be the zone of the line
        offset = of_name
    if sign:
        behind = timedelta(hours=int(hours), minutes=int(minutes or "0"))
        offset += -behind if sign == "-" else behind
    return timezone(offset) if offset else UTC


def _of_day(
    year: int | None,
    number: int,
    clock: tuple[int, int, int, int],
    zone: tzinfo | None,
    now: float,
) -> float | None:
    """Give the time of a day by its number in the year."""
    this_year = datetime.fromtimestamp(now + _DAY, zone).year
    for each in (this_year, this_year - 1) if year is None else (year,):
        moment = datetime(each, 1, 1, *clock) + timedelta(days=number - 1)  # noqa: DTZ001  # its zone is given below
        time = _moment(moment, zone, now) if moment.year == each else None
        if year is not None or (time is not None and time <= now + _DAY):
            return time
    return None


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
