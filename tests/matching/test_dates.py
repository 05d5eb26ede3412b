# SPDX-License-Identifier: MIT
"""When a line was written, in every form that is read, and what is left of the line."""

from __future__ import annotations

import time
import zoneinfo
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.matching.compiler import ExpressionError
from logban.matching.datepattern import Defaults, compile_date_pattern
from logban.matching.dates import date_reader, time_of

NOW = datetime(2026, 11, 20, 10, 30, tzinfo=UTC).timestamp()
MADRID = zoneinfo.ZoneInfo("Europe/Madrid")
AT_TEN = datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp()
BEGINNING = "{^LN-BEG}"


def read(line: str, *patterns: str, zone: tzinfo | None = UTC, now: float = NOW) -> float | None:
    return date_reader(patterns, zone).read(line, now).time


def rest(line: str, *patterns: str) -> str:
    return date_reader(patterns, UTC).read(line, NOW).text


def utc(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[misc,arg-type]  # year, month, ...


@pytest.mark.parametrize("patterns", [(), (BEGINNING,), ("{DATE}",), ("{^LN-BEG}{DEFAULT}",)])
@pytest.mark.parametrize(
    ("line", "seconds", "left"),
    [
        # Asterisk: its default, `dateformat = %F %T.%3q`, `%FT%T.%3q%z`.
        ("[Nov 20 10:00:00] NOTICE[1]: x", 0, "[] NOTICE[1]: x"),
        ("[2026-11-20 10:00:00] NOTICE[1]: x", 0, "[] NOTICE[1]: x"),
        ("[2026-11-20 10:00:00.123] NOTICE[1]: x", 0.123, "[] NOTICE[1]: x"),
        ("[2026-11-20T11:00:00.250+0100] NOTICE[1]: x", 0.25, "[] NOTICE[1]: x"),
        # RFC 3164, with and without its priority; RFC 5424; rsyslog's file format.
        ("Nov 20 10:00:00 pbx asterisk[9]: x", 0, " pbx asterisk[9]: x"),
        ("<134>Nov 20 10:00:00 pbx asterisk[9]: x", 0, "<134> pbx asterisk[9]: x"),
        ("<134>1 2026-11-20T10:00:00.003Z pbx a 9 - - x", 0.003, "<134>1  pbx a 9 - - x"),
        ("2026-11-20T12:00:00.123456+02:00 pbx a: x", 0.123456, " pbx a: x"),
        # ctime, Apache's error log, the common log format, others' ISO.
        ("Fri Nov 20 10:00:00 2026 x", 0, " x"),
        ("Fri Nov 20 10:00:00 2026", 0, ""),
        ("[Fri Nov 20 10:00:00.500000 2026] x", 0.5, "[] x"),
        ("Fri, Nov 20 2026 10:00:00 x", 0, " x"),
        ("20/Nov/2026:11:00:00 +0100 x", 0, " x"),
        ("20-Nov-2026 10:00:00.25 x", 0.25, " x"),
        ("2026/11/20 10:00:00 x", 0, " x"),
        ("2026-11-20 10:00:00,5 x", 0.5, " x"),
        ("2026-11-20 10:00:00 UTC x", 0, " x"),
        ("2026-11-20 07:00:00 -03:00 x", 0, " x"),
        ("\ufeff2026-11-20 10:00:00 x", 0, "\ufeff x"),
        # Seconds since the epoch.
        (f"{AT_TEN:.0f} x", 0, " x"),
        (f"[{AT_TEN:.0f}.750000] x", 0.75, "[] x"),
    ],
)
def test_the_default_formats(
    patterns: tuple[str, ...], line: str, seconds: float, left: str
) -> None:
    dated = date_reader(patterns, UTC).read(line, NOW)
    assert dated.time == pytest.approx(AT_TEN + seconds, abs=1e-6)
    assert dated.text == left


@pytest.mark.parametrize("patterns", [(), (BEGINNING,), ("^{DATE}",), ("^x?{DATE}",)])
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20/11/2026 10:00:00", 0),
        ("20-11-26 10:00:00", 0),
        ("11/20/2026:10:00:00", 0),
        ("11-20-2026 10:00:00.250", 0.25),
        ("<11/20/26@10:00:00>", 0),
        ("261120 10:00:00", 0),
        ("Nov 20, 2026 10:00:00 AM", 0),
        ("Nov-20-26 10:00:00", 0),
        ("20261120T100000", 0),
        ("20261120 100000,5+0000", 0.5),
        ("CET Nov 20 11:00:00", 0),
        ("+01:00 Fri Nov 20 11:00:00.5 2026", 0.5),
        ("nov 20 10:00:00", 0),
        ("10:00:00", 0),
    ],
)
def test_the_less_frequent_default_formats(
    patterns: tuple[str, ...], text: str, seconds: float
) -> None:
    dated = date_reader(patterns, UTC).read(f"{text} x", NOW)
    assert dated.time == AT_TEN + seconds
    assert dated.text == " x"


def test_daemontools_label_and_the_kernels_audit() -> None:
    label = f"@4{int(AT_TEN):015x}{500_000_000:08x}"
    assert read(f"{label} imap-login: x") == AT_TEN + 0.5
    assert read(f"x {label} x", "tai64n") == AT_TEN + 0.5
    assert read(f"x {label} x", "{^LN-BEG}TAI64N") is None
    line = f"type=USER_LOGIN msg=audit({AT_TEN:.0f}.250:12): x"
    assert (read(line), rest(line)) == (AT_TEN + 0.25, "type=USER_LOGIN msg=audit(:12): x")
    assert read(line, "Epoch") == AT_TEN + 0.25
    assert read(line, "{^LN-BEG}Epoch") is None
    assert read(f"[{AT_TEN:.0f}] x", "{^LN-BEG}epoch") == AT_TEN


def test_the_defaults_amid_another_expression() -> None:
    pattern = r"^[^\[]*\[({DATE})"
    line = "192.0.2.1 - - [20/Nov/2026:11:00:00 +0100] x"
    assert (read(line, pattern), rest(line, pattern)) == (AT_TEN, "192.0.2.1 - - [] x")
    assert rest(line, r"^[^\[]*(\[{DATE}\s*\])") == "192.0.2.1 - -  x"
    assert read(f"x[{AT_TEN:.0f}] x", pattern) == AT_TEN
    assert read(line, r"^- \[{date}") is None


def test_lines_that_an_empty_group_says_to_have_no_date() -> None:
    line = "WARNING: x at 2026-11-20 10:00:00"
    assert read(line) == AT_TEN
    dated = date_reader(("^WARNING:()**", BEGINNING, "{DATE}"), UTC).read(line, NOW)
    assert (dated.time, dated.text) == (None, line)


def test_an_impossible_date_of_a_filters_own_pattern_is_cut_out_all_the_same() -> None:
    dated = date_reader(("^%Y-%m-%d %H:%M:%S", BEGINNING), UTC).read("0000-12-30 00:00:00 x", NOW)
    assert (dated.time, dated.text) == (None, " x")


def test_of_several_patterns_the_date_nearest_to_the_beginning_counts() -> None:
    patterns = ("%d/%m/%Y", "%Y-%m-%d")
    assert read("a day, 2026-11-20, and 21/11/2026", *patterns) == utc(2026, 11, 20)
    assert read("a day, 2026-11-20, and 21/11/2026", *patterns, "on %d$") == utc(2026, 11, 20)
    assert read("a 2026-11-20, and 1999-01-01", *patterns, "1999-%m-%d$") == utc(2026, 11, 20)
    assert read("a 2026-11-20 10:00:00 x", "x (%Y) never", "{DATE}") == AT_TEN


def test_a_zone_by_its_abbreviation() -> None:
    assert read("2026-11-20 11:00:00 CET x", "%F %T %Z") == AT_TEN
    assert read("2026-11-20 05:00:00 EST x", "%F %T %ExZ") == AT_TEN
    assert read("2026-11-20 13:00:00 CET+0200 x", "%F %T %Exz") == AT_TEN
    assert read("2026-11-20 10:00:00 QQQ x", "%F %T %Z") == AT_TEN, "not known: the source's"


def test_days_of_a_year_without_the_year() -> None:
    assert read("324 10:00", "%j %H:%M") == AT_TEN
    assert read("330 10:00", "%j %H:%M") == utc(2025, 11, 26, 10)


def test_a_zone_is_the_lines_own_or_the_sources() -> None:
    assert read("[Nov 20 11:00:00] x", zone=MADRID) == AT_TEN
    assert read("[2026-07-20 12:00:00] x", zone=MADRID) == utc(2026, 7, 20, 10)
    assert read("2026-11-20T10:00:00Z x", zone=MADRID) == AT_TEN
    assert read("2026-11-20T08:00:00-02:00 x", zone=MADRID) == AT_TEN


def test_the_c_librarys_zone_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        assert read("[Nov 20 15:30:00] x", zone=None) == AT_TEN
        assert read("[2026-11-20 15:30:00] x", zone=None) == AT_TEN
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("now", "line", "expected"),
    [
        (utc(2027, 1, 1, 0, 0, 5), "Dec 31 23:59:59 x", utc(2026, 12, 31, 23, 59, 59)),
        (utc(2026, 12, 31, 23, 59, 50), "Jan  1 00:00:01 x", utc(2027, 1, 1, 0, 0, 1)),
        (utc(2026, 11, 20, 10), "Nov 21 09:59:59 x", utc(2026, 11, 21, 9, 59, 59)),
        (utc(2026, 11, 20, 10), "Nov 21 10:00:01 x", utc(2025, 11, 21, 10, 0, 1)),
        (utc(2026, 11, 20, 10), "Feb 29 10:00:00 x", utc(2024, 2, 29, 10)),
        (utc(2028, 2, 29, 12), "Feb 29 10:00:00 x", utc(2028, 2, 29, 10)),
        (utc(2103, 1, 1), "Feb 29 10:00:00 x", utc(2096, 2, 29, 10)),
        (utc(2104, 1, 1), "Feb 29 10:00:00 x", utc(2096, 2, 29, 10)),
    ],
)
def test_a_missing_year_is_the_latest_possible(now: float, line: str, expected: float) -> None:
    assert read(line, now=now) == expected


def test_of_an_hour_that_comes_twice_the_nearer_one_counts() -> None:
    first, second = utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 1, 30)
    line = "[2026-10-25 02:30:00] x"
    reader = date_reader((), MADRID)
    assert reader.read(line, first + 5).time == first
    assert reader.read(line, second + 5).time == second
    assert reader.read("[Oct 25 02:30:00] x", second + 5).time == second


def test_an_hour_that_never_came_still_has_a_time() -> None:
    found = read("[2026-03-29 02:30:00] x", zone=MADRID, now=utc(2026, 3, 29, 1))
    assert found in (utc(2026, 3, 29, 0, 30), utc(2026, 3, 29, 1, 30))


def test_a_leap_second_counts_as_the_one_before() -> None:
    assert read("2016-12-31T23:59:60Z x") == utc(2016, 12, 31, 23, 59, 59)
    assert read("2016-12-31T23:59:61Z x") is None


@pytest.mark.parametrize(
    "line",
    [
        "2026-02-30 10:00:00 x",
        "2026-13-01 10:00:00 x",
        "2026-00-01 10:00:00 x",
        "0000-01-01 10:00:00 x",
        "2026-11-20 25:00:00 x",
        "2026-11-20 10:00:00 +2959 x",
        "Nov 31 10:00:00 x",
        "Feb 30 10:00:00 x",
        "31/Nov/2026:10:00:00 +0000 x",
        "no date at all",
        "12345678901 x",
        "123456789 x",
        "",
    ],
)
def test_an_impossible_date_is_none(line: str) -> None:
    assert date_reader((), UTC).read(line, NOW).time is None
    assert date_reader((), UTC).read(line, NOW).text == line


def test_farther_in_the_first_date_counts() -> None:
    assert read("x (Nov 20 10:00:00) user '2001-01-01 00:00:00'") == AT_TEN
    assert rest("at 2026-11-20 10:00:00, Nov 1 10:00:00") == "at , Nov 1 10:00:00"
    assert read("at 2026-02-30 10:00:00, Nov 20 10:00:00") == AT_TEN
    assert read("x2026-11-20 10:00:00") is None
    assert read(f"call from {AT_TEN:.0f} refused") is None


@pytest.mark.parametrize(
    "line",
    [
        "call from '2026-11-20 10:00:00'",
        "  [2026-11-20 10:00:00] x",
        "x Nov 20 10:00:00 x",
        "From: <sip:20/Nov/2026:10:00:00 +0000>",
        "+++2026-11-20 10:00:00 x",
    ],
)
def test_with_ln_beg_a_date_farther_in_is_never_believed(line: str) -> None:
    dated = date_reader((BEGINNING,), UTC).read(line, NOW)
    assert (dated.time, dated.text) == (None, line)
    assert read(f"[Nov 20 10:00:00] {line}", BEGINNING) == AT_TEN


def test_what_follows_a_date_is_not_taken_for_a_part_of_it() -> None:
    """A number that is dialled, an address that a syslog host is known by."""
    assert read("2026-11-20 10:00:00 +12025551234 calls") == AT_TEN
    assert rest("2026-11-20 10:00:00 +12025551234 calls") == " +12025551234 calls"
    assert read("Nov 20 10:00:00 2001:db8::1 asterisk[9]: x") == AT_TEN
    assert rest("Nov 20 10:00:00 2001:db8::1 asterisk[9]: x") == " 2001:db8::1 asterisk[9]: x"


def test_none_finds_nothing() -> None:
    assert read("2026-11-20 10:00:00 x", "{NONE}") is None
    assert rest("2026-11-20 10:00:00 x", "{NONE}") == "2026-11-20 10:00:00 x"
    assert read("2026-11-20 10:00:00 x", "{none}") is None


def test_none_behind_another_pattern_is_for_the_lines_that_the_other_does_not_know() -> None:
    assert read("2026-11-20 10:00:00 x", "^%F %T", "{NONE}", BEGINNING) == AT_TEN
    assert read("Nov 20 10:00:00 x", "^%F %T", "{NONE}", BEGINNING) is None


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("%Y-%m-%d %H:%M:%S", "2026-11-20 10:00:00"),
        ("%F %T", "2026-11-20 10:00:00"),
        ("%F %H:%M:%ES", "2026-11-20 10:00:00"),
        ("%ExY%Exm%Exd-%ExH%ExM%ExS", "20261120-100000"),
        ("%Exy%Exm%Exd %H:%M", "261120 10:00"),
        ("%d/%b/%y %k:%M", "20/nov/26 10:00"),
        ("%e %B %Y, %I:%M %p", "20 November 2026, 10:00 am"),
        ("%d %B %Y %l:%M %p", "20 Nov 2026 10:00 AM"),
        ("%A %d %b %Y %H", "Friday 20 Nov 2026 10"),
        ("%a %d.%m.%Y %H", "Fri 20.11.2026 10"),
        ("%Y %j %H:%M", "2026 324 10:00"),
        ("%c", "Fri Nov 20 10:00:00 2026"),
        ("%x %X", "11/20/26 10:00:00"),
        ("%G-W%V-%u %F %T", "2026-W47-5 2026-11-20 10:00:00"),
        ("at {LEPOCH}ms", f"at {AT_TEN * 1e3:.0f}ms"),
        ("%F %T%z", "2026-11-20 15:30:00+0530"),
        ("%F %T%Exz", "2026-11-20 11:00:00+01"),
        ("%F %T%z", "2026-11-20 10:00:00z"),
        ("%F %T %Z", "2026-11-20 10:00:00 GMT"),
        ("%F %T %ExZ", "2026-11-20 10:00:00 UTC"),
        ("%F %T\\.%f", "2026-11-20 10:00:00.000"),
        ("100%% %F %T", "100% 2026-11-20 10:00:00"),
        ("EPOCH", f"{AT_TEN:.0f}"),
        ("EPOCH", f"{AT_TEN:.0f}.000"),
        ("{EPOCH}", f"{AT_TEN:.0f}"),
        ("LEPOCH", f"{AT_TEN * 1e3:.0f}"),
        ("LEPOCH", f"{AT_TEN * 1e6:.0f}"),
        ("{LEPOCH}", f"{AT_TEN:.0f}"),
        ("audit\\(EPOCH", f"audit({AT_TEN:.0f}"),
        ("^%F %T", "2026-11-20 10:00:00"),
        ("{^LN-BEG}%F %T", "2026-11-20 10:00:00"),
        ("{UNB}%F %T", "2026-11-20 10:00:00"),
        ("**%F %T", "2026-11-20 10:00:00"),
        (r"^<\d+>\d+\s+{DATE}", "<34>1 2026-11-20T10:00:00Z"),
        ("x{DATE}", f"x{AT_TEN:.0f}"),
    ],
)
def test_every_token_of_a_date_pattern(pattern: str, text: str) -> None:
    dated = date_reader((pattern,), UTC).read(f"{text} the rest", NOW)
    assert dated.time == AT_TEN
    assert dated.text == " the rest"


@pytest.mark.parametrize(
    ("pattern", "text", "clock"),
    [
        ("%I:%M:%S %p", "12:00:00 AM", (0, 0)),
        ("%I:%M:%S %p", "12:30:00 pm", (12, 30)),
        ("%l:%M:%S %p", "1:05:00 PM", (13, 5)),
        ("%I:%M:%S", "09:00:00", (9, 0)),
    ],
)
def test_twelve_hours_twice(pattern: str, text: str, clock: tuple[int, int]) -> None:
    assert read(text, f"{pattern}", now=utc(2026, 11, 20, 23)) == utc(2026, 11, 20, *clock)


def test_a_time_without_a_day_is_todays_or_yesterdays() -> None:
    assert read("10:30:59 x", "%H:%M:%S") == NOW + 59
    assert read("10:31:01 x", "%H:%M:%S") == NOW + 61 - 86400
    kolkata = zoneinfo.ZoneInfo("Asia/Kolkata")
    reader = date_reader(("%H:%M",), kolkata)
    # Midnight there is 18:30 UTC: within an hour, the same words mean another day.
    assert reader.read("00:10 x", utc(2026, 11, 20, 18, 20)).time == utc(2026, 11, 19, 18, 40)
    assert reader.read("00:10 x", utc(2026, 11, 20, 18, 45)).time == utc(2026, 11, 20, 18, 40)


def test_two_digits_of_a_year_are_posix() -> None:
    assert read("68-01-01", "%y-%m-%d") == utc(2068, 1, 1)
    assert read("69-01-01", "%y-%m-%d") == utc(1969, 1, 1)


@pytest.mark.parametrize("text", ["2026 366", "2026 000", "2025 400"])
def test_a_day_that_the_year_has_not(text: str) -> None:
    assert read(text, "%Y %j") is None


def test_a_pattern_stands_between_words_unless_it_is_told_otherwise() -> None:
    assert read("x2026-11-20 10:00:00", "%F %T") is None
    assert read("2026-11-20 10:00:001", "%F %T") is None
    assert read("x2026-11-20 10:00:00", "{UNB}%F %T") == AT_TEN
    assert read("x2026-11-20 10:00:00", "**%F %T") == AT_TEN
    assert read("x2026-11-20 10:00:00y", "**%F %T") is None
    assert read("x2026-11-20 10:00:00y", "**%F %T**") == AT_TEN


def test_patterns_with_an_anchor() -> None:
    assert read("x 2026-11-20 10:00:00", "^%F %T") is None
    assert read("[[2026-11-20 10:00:00", "{^LN-BEG}%F %T") == AT_TEN
    assert read("[[[2026-11-20 10:00:00", "{^LN-BEG}%F %T") is None
    assert read("x 2026-11-20 10:00:00", "{^LN-BEG}%F %T") is None


def test_only_the_first_group_is_cut_out_where_there_is_a_plain_one() -> None:
    line = "t=(2026-11-20 10:00:00) l=x"
    assert rest(line, r"^t=\((%F %T)\)") == "t=() l=x"
    assert rest(line, r"^t=[(](%F %T)[)]") == "t=() l=x"
    assert rest(line, r"^t=\(%F %T\)") == " l=x"
    # As in fail2ban, where the tokens' own groups count.
    assert rest("2026-11-20 10:00:00 l=x", r"%F %T( nothing)?") == "-11-20 10:00:00 l=x"
    assert read("2026-11-20 10:00:00 l=x", r"%F %T( nothing)?") == AT_TEN


def test_a_date_that_is_not_cut_out_whole_is_still_read_whole() -> None:
    reader = date_reader((r"^(2026)-%m-%d %T on %F",), UTC)
    for day in (20, 19, 20):
        dated = reader.read(f"2026-11-{day} 10:00:00 on 2026-11-{day} x", NOW)
        assert dated.time == utc(2026, 11, day, 10)
        assert dated.text == f"-11-{day} 10:00:00 on 2026-11-{day} x"


def test_the_first_pattern_that_fits_counts() -> None:
    patterns = ("%d/%m/%Y", "%m/%d/%Y", BEGINNING)
    assert read("11/12/2026 x", *patterns) == utc(2026, 12, 11)
    assert read("12/15/2026 x", *patterns) == utc(2026, 12, 15)
    assert read("[Nov 20 10:00:00] x", *patterns) == AT_TEN
    assert read("x", *patterns) is None


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("%Q", "there is no %Q"),
        ("%ExQ", "there is no %ExQ"),
        ("on ", "has no date in it"),
        ("100%%", "has no date in it"),
        ("(%Y", "missing"),
    ],
)
def test_a_pattern_that_cannot_be_used_says_why(pattern: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        compile_date_pattern(pattern)


def test_patterns_that_stand_for_the_defaults() -> None:
    assert compile_date_pattern("{DATE}") is Defaults.ANYWHERE
    assert compile_date_pattern("") is Defaults.ANYWHERE
    assert compile_date_pattern("{^LN-BEG}") is Defaults.BEGINNING
    assert compile_date_pattern("{^LN-BEG} {DEFAULT}") is Defaults.BEGINNING


def test_a_pattern_that_takes_too_long_is_given_up() -> None:
    reader = date_reader((r"(?:a|b|ab)*%Y",), UTC, timeout=0.05)
    with pytest.raises(TimeoutError):
        reader.read("ab" * 60, NOW)


def test_many_different_dates_do_not_fill_the_memory() -> None:
    reader = date_reader((), UTC)
    for number in range(10_000):
        moment = datetime.fromtimestamp(AT_TEN + number, UTC)
        assert reader.read(f"{moment:%Y-%m-%d %H:%M:%S} x", NOW).time == AT_TEN + number
    assert len(reader._times._known) < 5000  # type: ignore[attr-defined]  # DefaultDates


moments = st.datetimes(datetime(1971, 1, 1), datetime(2160, 1, 1), allow_imaginary=False)  # noqa: DTZ001  # hypothesis asks for naive bounds
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(moments, offsets, st.sampled_from(["T", " "]), st.booleans())
def test_every_moment_in_iso_form(
    moment: datetime, zone: timezone, between: str, own_zone: bool
) -> None:
    aware = moment.replace(tzinfo=zone)
    text = aware.isoformat(between, "microseconds")
    if not own_zone:
        text = text[:26]
    found = read(f"[{text}] x", zone=UTC if own_zone else zone)
    assert found == pytest.approx(aware.timestamp(), abs=1e-5)


@given(
    st.dictionaries(
        st.sampled_from(
            ["Y", "y", "m", "d", "j", "b", "H", "I", "p", "M", "S", "f", "z", "Z", "epoch", "Y2"]
        ),
        st.one_of(st.none(), st.from_regex(r"[0-9]{1,10}", fullmatch=True)),
    )
)
def test_any_parts_give_a_time_or_none(parts: dict[str, str | None]) -> None:
    if parts.get("z") or parts.get("Z"):
        parts = parts | {"z": "+0100", "Z": None}
    found = time_of(parts, NOW, UTC)
    assert found is None or isinstance(found, float)
