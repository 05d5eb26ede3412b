# SPDX-License-Identifier: MIT
"""Tests of names with parameters in brackets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.config.files.parameters import SelectionError, parse_selections
from logban.config.files.text import Text, TextLine
from logban.model import Origin


def lines(text: str) -> Text:
    """Make text that begins on line 1."""
    return tuple(
        TextLine(line.strip(), Origin("x.conf", number))
        for number, line in enumerate(text.split("\n"), 1)
    )


def parsed(text: str) -> list[tuple[str, dict[str, str]]]:
    """Read names without their places."""
    return [(each.name, dict(each.parameters)) for each in parse_selections(lines(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a", [("a", {})]),
        ("a b\nc", [("a", {}), ("b", {}), ("c", {})]),
        ("a[]", [("a", {})]),
        ('a[mode=aggressive, x="a, b"]', [("a", {"mode": "aggressive", "x": "a, b"})]),
        ("a[x='[\"]', y=] b", [("a", {"x": '["]', "y": ""}), ("b", {})]),
        ("a[x=1][y=2, x=3]", [("a", {"x": "3", "y": "2"})]),
        ("a [x = 1 2 , ]  [y=2]", [("a", {"x": "1 2", "y": "2"})]),
        ('a[x=1,\n  y="2"]\nb[z.z-z=3]', [("a", {"x": "1", "y": "2"}), ("b", {"z.z-z": "3"})]),
        ('a[port="5060,5061"]b', [("a", {"port": "5060,5061"}), ("b", {})]),
    ],
)
def test_what_is_read(text: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert parsed(text) == expected


def test_each_name_knows_its_line() -> None:
    found = parse_selections(lines("a[x=1,\n y=2]\n\nb c"))
    assert [each.origin.line for each in found] == [1, 4, 4]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a[x=1", "x.conf:1: this '[' is never closed"),
        ("a\nb[x=1\nc", "x.conf:2: this '[' is never closed"),
        ("a[x]", "x.conf:1: 'parameter=value' is expected, at 'x]'"),
        ("a[x=1,\n=2]", "x.conf:2: 'parameter=value' is expected, at '=2]'"),
        ("a[x='1]", 'x.conf:1: this quote is never closed, at "\'1]"'),
        ("a[x='1' 2]", "x.conf:1: ',' or ']' is expected, at '2]'"),
        ("[x=1]", "x.conf:1: a name is expected before the brackets, at '[x=1]'"),
        ("a]", "x.conf:1: a name is expected before the brackets, at ']'"),
        ("a[x=", "x.conf:1: this '[' is never closed"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(SelectionError) as raised:
        parse_selections(lines(text))
    assert str(raised.value.problem).startswith(problem)


@given(st.text(alphabet="ab[]=,\"' \n"))
def test_every_text_is_read_or_refused_with_its_line(text: str) -> None:
    try:
        found = [(each.name, each.origin) for each in parse_selections(lines(text))]
    except SelectionError as failure:
        found = [(failure.problem.message, failure.problem.origin)]
    assert all(name for name, _ in found)
    assert all(1 <= origin.line <= text.count("\n") + 1 for _, origin in found)
