# SPDX-License-Identifier: MIT
"""Time zones as people write them: ``Europe/Madrid``, ``UTC+0200``, ``-03:00``, ``Z``."""

from __future__ import annotations

import re
import zoneinfo
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Final

_OFFSET = re.compile(r"(?:UTC|GMT|Z)?([+-])(\d{1,2})(?::?([0-5]\d))?", re.IGNORECASE | re.ASCII)


# Abbreviations that mean one offset to most who write them, in hours: RFC 822's of America, and
# those that the time zone database gives to Europe, Africa, Asia, Australia and Brazil.
_ABBREVIATIONS: Final = {
    name: timedelta(hours=hours)
    for hours, names in (
        (-10, "HST"),
        (-9, "AKST"),
        (-8, "AKDT PST"),
        (-7, "PDT MST"),
        (-6, "MDT CST"),
        (-5, "CDT EST"),
        (-4, "EDT AST"),
        (-3.5, "NST"),
        (-3, "ADT BRT ART"),
        (-2.5, "NDT"),
        (0, "UTC GMT UT WET"),
        (1, "CET WEST BST WAT"),
        (2, "CEST EET SAST CAT"),
        (3, "EEST MSK EAT"),
        (5, "PKT"),
        (5.5, "IST"),
        (7, "WIB"),
        (8, "AWST HKT SGT"),
        (9, "JST KST"),
        (9.5, "ACST"),
        (10, "AEST"),
        (10.5, "ACDT"),
        (11, "AEDT"),
        (12, "NZST"),
        (13, "NZDT"),
    )
    for name in names.split()
}


def abbreviation_offset(name: str) -> timedelta | None:
    """Give the offset of an abbreviation such as ``CEST``; None if it is not known."""
    return _ABBREVIATIONS.get(name.upper())


def parse_zone(text: str) -> tzinfo:
    """Give the zone; ValueError if there is none of that name."""
    if text.upper() in ("Z", "UTC", "GMT"):
        return UTC
    found = _OFFSET.fullmatch(text)
    if found is not None:
        sign, hours, minutes = found.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        if offset > timedelta(hours=14):
            raise ValueError(f"{text!r}: no zone is more than 14 hours from UTC")
        return timezone(-offset if sign == "-" else offset)
    try:
        return zoneinfo.ZoneInfo(text)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {text!r}") from error
