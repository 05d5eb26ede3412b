# SPDX-License-Identifier: MIT
"""Time zones as people write them: ``Europe/Madrid``, ``UTC+0200``, ``-03:00``, ``Z``."""

from __future__ import annotations

import re
import zoneinfo
from datetime import UTC, timedelta, timezone, tzinfo

_OFFSET = re.compile(r"(?:UTC|GMT|Z)?([+-])(\d{1,2})(?::?([0-5]\d))?", re.IGNORECASE | re.ASCII)


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
