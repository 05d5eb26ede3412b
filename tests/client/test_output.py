# SPDX-License-Identifier: MIT
"""Lines, tables and moments."""

from __future__ import annotations

import pytest

from logban.client.output import Cell, count, end, moment, pairs, past, say, table

NOW = 1_795_168_800.0


def test_a_table_is_aligned_and_empty_columns_are_left_out(capsys):
    rows = [("1", "", Cell("ok", "green")), ("long\x1b", "", "x")]
    table(("A", "EMPTY", "LAST"), rows, "  ")
    assert capsys.readouterr().out == "  A         LAST\n  1         ok\n  long\\x1b  x\n"


def test_pairs_are_aligned_and_those_without_a_value_left_out(capsys):
    pairs((("a", "1"), ("empty", ""), ("bcd", Cell("2", bold=True))))
    assert capsys.readouterr().out == "  a    1\n  bcd  2\n"
    pairs((("empty", ""),))
    assert capsys.readouterr().out == ""


def test_a_line_is_one_line_whatever_it_holds(capsys):
    say("a\nb\r\x1b[2J", Cell("\u202e\udcff", "red"), err=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "a\\nb\\r\\x1b[2J\\u202e\\udcff\n"


def test_moments():
    assert moment(NOW) == "2026-11-20 10:00:00"
    assert moment(1e300) == f"{1e300:.0f}"
    assert moment(-1e18) == "-1000000000000000000"


def test_ends():
    assert end(NOW, 11520.4) == "2026-11-20 10:00:00 (in 3h 12m)"
    assert end(NOW, None) == "2026-11-20 10:00:00"
    assert end(None, None) == "for ever"


def test_moments_that_have_been():
    assert past(NOW - 12, NOW) == "2026-11-20 09:59:48 (12s ago)"
    assert past(NOW + 12, NOW) == "2026-11-20 10:00:12"


@pytest.mark.parametrize(("number", "text"), [(0, "0 bans"), (1, "1 ban"), (2, "2 bans")])
def test_numbers_of_things(number, text):
    assert count(number, "ban") == text
