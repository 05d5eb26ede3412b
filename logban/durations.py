# SPDX-License-Identifier: MIT
"""Spans of time as people write them: ``600``, ``10m``, ``1d12h``, ``1 week``, ``1hour+30min``."""

from __future__ import annotations

import math
import re

# The units and their lengths are fail2ban's (a month is 30.4375 days, a year 365.25), without
# its evaluation of the text as a program.
_UNITS = {
    **dict.fromkeys(("s", "ss", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "mi", "min", "mins", "minute", "minutes", "mm"), 60.0),
    **dict.fromkeys(("h", "ho", "hh", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "da", "dd", "day", "days"), 86400.0),
    **dict.fromkeys(("w", "we", "ww", "week", "weeks"), 7 * 86400.0),
    **dict.fromkeys(("mo", "mon", "month", "months"), 30.4375 * 86400.0),
    **dict.fromkeys(("y", "ye", "yy", "year", "years"), 365.25 * 86400.0),
}
_PART = re.compile(r"\s*(?:\+\s*)?(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE | re.ASCII)


def parse_duration(text: str) -> float:
    """Give the seconds that a span lasts; ValueError if it is none."""
    seconds = 0.0
    position = 0
    parts = 0
    while position < len(text):
        found = _PART.match(text, position)
        if found is None:
            break
        number, unit = found.groups()
        if unit.lower() not in _UNITS and unit:
            raise ValueError(f"{unit!r} is no unit of time; write s, m, h, d, w, mo or y")
        seconds += float(number) * _UNITS.get(unit.lower(), 1.0)
        position = found.end()
        parts += 1
    if not parts or position < len(text) or not math.isfinite(seconds):
        raise ValueError(f"{text!r} is no span of time; write for instance 600, 10m, 3h or 1d12h")
    return seconds


def format_duration(seconds: float) -> str:
    """Write a span for a person, in its two largest units: ``3h 12m``, ``45s``."""
    left = round(seconds)
    words = []
    for unit, length in (("w", 604800), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if left >= length:
            words.append(f"{left // length}{unit}")
            left %= length
        elif words:
            break
    return " ".join(words[:2]) or "0s"
