# SPDX-License-Identifier: MIT
"""At what time a failure counts."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.judging.times import TOLERANCE, ArrivalTimes, LogTimes
from logban.zones import parse_zone

NOW = 1_795_168_800.0


@pytest.mark.parametrize(
    ("off", "expected", "offset"),
    [
        (0.0, NOW, None),
        (-0.25, NOW - 0.25, None),
        (-60.0, NOW - 60.0, None),
        (-60.5, NOW, -60.5),
        (60.0, NOW, None),
        (60.5, NOW, 60.5),
        (-7200.0, NOW, -7200.0),
    ],
)
def test_a_live_line(off: float, expected: float, offset: float | None) -> None:
    times = ArrivalTimes()
    assert times.effective(NOW + off, live=True, now=NOW) == expected
    assert times.offset == offset


def test_a_live_line_without_a_time_counts_as_now_and_says_nothing_of_the_clock() -> None:
    times = ArrivalTimes(offset=7200.0)
    assert times.effective(None, live=True, now=NOW) == NOW
    assert times.offset == 7200.0
    times.effective(NOW, live=True, now=NOW)
    assert times.offset is None


def test_a_found_line_keeps_its_time() -> None:
    times = ArrivalTimes()
    assert times.effective(NOW - 7200, live=False, now=NOW) == NOW - 7200
    assert times.effective(NOW + 30, live=False, now=NOW) == NOW
    assert times.effective(NOW + TOLERANCE + 1, live=False, now=NOW) is None
    assert times.offset is None


def test_a_found_line_without_a_time_is_as_old_as_the_one_before() -> None:
    times = ArrivalTimes()
    assert times.effective(None, live=False, now=NOW) is None
    assert times.undated == 1
    times.effective(NOW - 100, live=False, now=NOW)
    assert times.effective(None, live=False, now=NOW) == NOW - 100
    assert times.undated == 1


def hint(offset: float | None, utc_offset: float = 0.0) -> str:
    return ArrivalTimes(offset=offset).hint(utc_offset)


def test_the_hint_names_the_offset_and_the_likely_zone() -> None:
    assert hint(None) == ""
    assert hint(-7190.0) == (
        "its lines are 1h 59m behind this host's clock and count as just written; "
        "they are probably written in UTC-0200: set logtimezone = UTC-0200"
    )
    assert "ahead of" in hint(19800.0)
    assert "logtimezone = UTC+0530" in hint(19800.0)
    assert "logtimezone = UTC+0130" in hint(-1800.0, utc_offset=7200.0)
    assert "logtimezone = UTC+0000" in hint(-3600.0, utc_offset=3600.0)


@pytest.mark.parametrize("offset", [-300.0, -86400.0, -7.0 * 86400, 300_000_000.0, 61.0])
def test_the_hint_names_no_zone_where_none_explains_it(offset: float) -> None:
    assert "count as just written" in hint(offset)
    assert "logtimezone" not in hint(offset)


@given(st.floats(-1e9, 1e9), st.sampled_from([0.0, 3600.0, -12600.0, 19800.0]))
def test_a_zone_that_is_hinted_at_can_be_set(offset: float, utc_offset: float) -> None:
    _, found, zone = hint(offset, utc_offset).partition("logtimezone = ")
    if found:
        shift = parse_zone(zone).utcoffset(None)
        assert shift is not None
        assert abs(shift.total_seconds() - utc_offset - offset) <= TOLERANCE


def test_an_old_log_keeps_its_own_times() -> None:
    times = LogTimes()
    assert times.effective(None, live=False, now=NOW) == NOW
    assert times.effective(NOW + 1e6, live=False, now=NOW) == NOW + 1e6
    assert times.effective(None, live=False, now=NOW) == NOW + 1e6
    assert times.effective(0.5, live=False, now=NOW) == 0.5


def test_an_hour_that_comes_twice_is_told_apart_by_the_order_of_a_log() -> None:
    # Berlin set its clocks back at 01:00 UTC; dates without a zone are read as of the second time.
    back = datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp()
    times = LogTimes(zone=ZoneInfo("Europe/Berlin"))
    read = [back - 3700, back + 600, back + 3000, back + 2990, back + 900, back + 3600]
    given = [times.effective(time, live=False, now=0.0) for time in read]
    assert given == [back - 3700, back - 3000, back - 600, back - 610, back + 900, back + 3600]


def test_dates_that_name_their_zone_are_left_as_they_are() -> None:
    back = datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp()
    times = LogTimes(zone=ZoneInfo("Europe/Berlin"))
    for time in (back - 3000, back + 600, back + 900):
        assert times.effective(time, live=False, now=0.0) == time


def test_clocks_that_are_set_back_in_the_midst_of_an_hour() -> None:
    # St. John's set its clocks back a minute after midnight; these dates name their zone.
    back = datetime(2010, 11, 7, 2, 31, tzinfo=UTC).timestamp()
    times = LogTimes(zone=ZoneInfo("America/St_Johns"))
    for time in (back - 3620, back - 3610, back - 3590, back + 10):
        assert times.effective(time, live=False, now=0.0) == time


def test_a_time_of_less_than_microseconds_says_nothing_of_its_zone() -> None:
    back = datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp()
    times = LogTimes(zone=ZoneInfo("Europe/Berlin"))
    assert times.effective(back - 3700 + 2e-7, live=False, now=0.0) == back - 3700 + 2e-7
    assert times.effective(back + 600, live=False, now=0.0) == back - 3000
