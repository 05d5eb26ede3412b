# SPDX-License-Identifier: MIT
"""From when on a log's silence is not usual."""

from __future__ import annotations

from logban.health.rhythm import AT_LEAST, REMEMBERED, Rhythm

HOUR = 3600.0


def grown(every: float, until: float) -> Rhythm:
    """Give the rhythm of a log that has grown every so many seconds, from 0 on."""
    rhythm = Rhythm(0.0, 0)
    for number in range(1, int(until / every) + 1):
        rhythm.note(number * every, number)
    return rhythm


def test_a_busy_log_that_falls_silent() -> None:
    rhythm = grown(10.0, HOUR)
    assert not rhythm.is_unusual(HOUR + AT_LEAST)
    assert rhythm.is_unusual(HOUR + AT_LEAST + 1)


def test_a_slow_log_has_more_time() -> None:
    rhythm = grown(1200.0, 24 * HOUR)
    assert not rhythm.is_unusual(25 * HOUR)
    assert rhythm.is_unusual(25 * HOUR + 1)


def test_nothing_is_said_of_a_log_that_is_hardly_known() -> None:
    assert not Rhythm(0.0, 500).is_unusual(100 * HOUR)
    assert not grown(10.0, 1790.0).is_unusual(100 * HOUR)
    assert not grown(600.0, 3 * HOUR).is_unusual(100 * HOUR)


def test_a_quiet_night_is_told_of_once_a_week() -> None:
    rhythm, lines = grown(60.0, 15 * HOUR), 10_000
    told = []
    for day in range(9):
        morning = (day + 1) * 24 * HOUR + 7 * HOUR
        told.append(rhythm.is_unusual(morning - 1))
        for minute in range(14 * 60):
            lines += 1
            rhythm.note(morning + minute * 60.0, lines)
    assert told == [True] + [False] * 8


def test_what_is_long_ago_is_forgotten() -> None:
    rhythm = grown(60.0, HOUR)
    rhythm.note(11 * HOUR, 1000)
    assert rhythm.longest() == 10 * HOUR
    for minute in range(1, int(REMEMBERED / 60) + 2):
        rhythm.note(11 * HOUR + minute * 60.0, 1000 + minute)
    assert rhythm.longest() == 60.0


def test_a_span_in_which_nobody_looked_is_no_silence() -> None:
    rhythm = grown(10.0, HOUR)
    rhythm.skip(5 * HOUR)
    assert not rhythm.is_unusual(6 * HOUR + AT_LEAST)
    assert rhythm.is_unusual(6 * HOUR + AT_LEAST + 1)
