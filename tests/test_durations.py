# SPDX-License-Identifier: MIT
"""Spans of time, read and written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("600", 600),
        ("0", 0),
        ("1.5", 1.5),
        (" 10m ", 600),
        ("10 minutes", 600),
        ("1d12h", 129_600),
        ("1 week", 604_800),
        ("1hour+30min", 5400),
        ("1H 30 M", 5400),
        ("1h 30", 3630),
        ("1mo", 30.4375 * 86400),
        ("1y", 365.25 * 86400),
        ("1mon 1m", 30.4375 * 86400 + 60),
    ],
)
def test_a_span(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no span of time"),
        ("-1", "no span of time"),
        ("m", "no span of time"),
        ("1h-", "no span of time"),
        ("+", "no span of time"),
        ("1,5", "no span of time"),
        ("٣h", "no span of time"),
        ("nan", "no span of time"),
        ("9" * 400, "no span of time"),
        ("1 fortnight", "'fortnight' is no unit of time"),
        ("1ms", "'ms' is no unit of time"),
    ],
)
def test_what_is_no_span(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.4, "0s"),
        (-5, "0s"),
        (45, "45s"),
        (59.6, "1m"),
        (3600, "1h"),
        (3605, "1h"),
        (11_565, "3h 12m"),
        (90_000, "1d 1h"),
        (86_460, "1d"),
        (700_000, "1w 1d"),
    ],
)
def test_a_span_for_people(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(1, 10**9))
def test_what_is_written_can_be_read_and_is_hardly_shorter(seconds: int) -> None:
    again = parse_duration(format_duration(seconds))
    assert seconds * 0.85 <= again <= seconds
