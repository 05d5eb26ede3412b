# SPDX-License-Identifier: MIT
"""Where texts end that an expression matches, and whether they end like those of another."""

from __future__ import annotations

import pytest

from logban.matching.engine.automaton import Ending, ends_in_one_place
from logban.matching.engine.factoring import flat
from logban.matching.engine.parsing import parse


@pytest.mark.parametrize(
    ("expression", "so"),
    [("abc", True), ("a+", False), ("a+b", True), (r"x(?::\d+)?: ", True), ("a|ab", False)],
)
def test_where_beginnings_end(expression: str, so: bool) -> None:  # a parameter
    assert ends_in_one_place(flat(parse(expression))) is so


@pytest.mark.parametrize(
    ("one", "other", "so"),
    [
        ("wrong password", "no such user", True),
        ("x found", "found", False),  # every line that ends with the first does with the second
        ("password", "password", False),
        ("(?:a|b)c", "bc", False),
        ("(?:a|b)c", "dc", True),
        ("found(?: after [0-9]+ ms)?", "denied(?: after [0-9]+ ms)?", True),
        ("found(?: after [0-9]+ ms)?", "5 ms", False),
        ("[0-9]+", "x[0-9]", False),
        ("a[0-9]*", "b[0-9]*", True),
        ("a*", "b", False),  # nothing at all ends every line
        (r"(a)\1", "b", False),  # what is repeated is not looked at
        ("x{3}", "yx{2}", False),  # counted repetitions are taken for endless ones
    ],
)
def test_what_no_line_can_end_with_at_once(one: str, other: str, so: bool) -> None:  # a parameter
    endings = [Ending(flat(parse(each))) for each in (one, other)]
    assert endings[0].is_apart_from(endings[1]) is so
    assert endings[1].is_apart_from(endings[0]) is so
