# SPDX-License-Identifier: MIT
"""Time zones, as people write them."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, timedelta

import pytest

from logban.zones import parse_zone


@pytest.mark.parametrize("text", ["UTC", "utc", "Z", "z", "GMT"])
def test_utc(text: str) -> None:
    assert parse_zone(text) is UTC


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("UTC+0200", 120),
        ("utc+2", 120),
        ("GMT-03:30", -210),
        ("+0530", 330),
        ("-08", -480),
        ("+1400", 840),
        ("UTC-0000", 0),
    ],
)
def test_fixed_offsets(text: str, minutes: int) -> None:
    assert parse_zone(text).utcoffset(None) == timedelta(minutes=minutes)


def test_names() -> None:
    assert parse_zone("Europe/Madrid") == zoneinfo.ZoneInfo("Europe/Madrid")


@pytest.mark.parametrize(
    "text",
    ["", "Mars/Olympus", "Europe", "../../etc/passwd", "/etc/localtime", "a\0b", "\udcff", "CEST+",
     "+", "zone.tab", "UTC+0260", "+123456", "\u0660"],
)  # fmt: skip
def test_what_is_no_zone(text: str) -> None:
    with pytest.raises(ValueError, match="there is no time zone"):
        parse_zone(text)


@pytest.mark.parametrize("text", ["+1415", "-1430", "UTC+99"])
def test_no_zone_is_that_far_away(text: str) -> None:
    with pytest.raises(ValueError, match="14 hours"):
        parse_zone(text)
