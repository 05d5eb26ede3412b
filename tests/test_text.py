# SPDX-License-Identifier: MIT
"""Tests of :mod:`logban.text`."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.text import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain text, äöü, 日本", "plain text, äöü, 日本"),
        ("a\tb\nc\rd", r"a\tb\nc\rd"),
        ("\x1b[2J\x1b]0;owned\x07", r"\x1b[2J\x1b]0;owned\x07"),
        ("\x00\x7f\x9b", r"\x00\x7f\x9b"),
        ("user\u202egnp.exe", r"user\u202egnp.exe"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("line\u2028paragraph\u2029", r"line\u2028paragraph\u2029"),
        ("tag\U000e0041", r"tag\U000e0041"),
        (b"caf\xe9".decode(errors="surrogateescape"), r"caf\udce9"),
        ("C:\\x1b", "C:\\x1b"),
    ],
)
def test_what_does_not_show_as_itself_is_escaped(text: str, shown: str) -> None:
    """Printable text stays, all else becomes an escape."""
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "abcd…"),
        ("abcdef", 1, "…"),
        ("abcdef", 0, ""),
        ("", 0, ""),
        ("ab\x1b", 6, r"ab\x1b"),
        ("ab\x1bc", 6, "ab…"),
        ("ab\x1b", 5, "ab…"),
    ],
)
def test_long_text_is_cut_and_never_within_an_escape(text: str, limit: int, shown: str) -> None:
    """The ellipsis counts, and stands for whole characters."""
    assert visible(text, limit) == shown


@given(st.text(st.characters()), st.none() | st.integers(0, 40))
def test_the_result_is_one_printable_line_within_its_limit(text: str, limit: int | None) -> None:
    """No control, format or separator character survives, whatever comes in."""
    shown = visible(text, limit)
    assert all(
        unicodedata.category(character)[0] not in "CZ" or character == " " for character in shown
    )
    assert len(shown.splitlines()) <= 1
    shown.encode()
    assert limit is None or len(shown) <= limit
    assert visible(shown, limit) == shown
