# SPDX-License-Identifier: MIT
"""Tests of the warnings about regular expressions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.config.filters.lint import is_forgeable, lint, with_literal_brackets
from logban.matching.definition import Expression, FilterDefinition, Rule
from logban.model import Origin


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        (r"peer '.*' (from <HOST>)", r"peer '.*' \(from <HOST>\)"),
        (r"x\s(language '.*')$", r"x\s\(language '.*'\)$"),
        (r"a (b (c)) d", r"a \(b \(c\)\) d"),
        (r"a (b|c) (d (?:e|f))", r"a (b|c) \(d (?:e|f)\)"),
    ],
)
def test_brackets_that_were_meant_as_brackets(text: str, repaired: str) -> None:
    assert with_literal_brackets(text) == repaired


@pytest.mark.parametrize(
    "text",
    [
        r"for '.*' (.*)",
        r"for '.*' (from )?<HOST>",
        r"for (from ){1,2}<HOST>",
        r"for \(from <HOST>\)",
        r"for (?:from) (?P<x>y)",
        r"for(from)",
        r"for (from|by) <HOST>",
        r"for [ (a)] <HOST>",
        r"(from) <HOST>",
        r"for (\w+) <HOST>",
        r"a) (b",
        r"",
    ],
)
def test_brackets_that_are_groups(text: str) -> None:
    assert with_literal_brackets(text) == text


@given(st.text(alphabet=r"ab ()[]\|?*<>:P"))
def test_repair_only_adds_backslashes_and_is_final(text: str) -> None:
    repaired = with_literal_brackets(text)
    assert repaired.replace("\\", "") == text.replace("\\", "")
    assert with_literal_brackets(repaired) == repaired


@pytest.mark.parametrize(
    ("text", "prefixed", "forgeable"),
    [
        (r"Registration from '.*' failed for '<HOST>'", False, True),
        (r"^Registration from '.*' failed for '<HOST>'", False, True),
        (r"^Registration from '.+?' failed for '<ADDR>'$", False, False),
        (r"Registration from '.+?' failed for '<ADDR>'$", True, False),
        (r"^Registration from '[^']*' failed for '<HOST>'", False, False),
        (r"from <HOST> .*", False, False),
        (r"from a\.* (?P<host>x)", False, False),
        (r"from [.*] <HOST>", False, False),
        (r".*", False, False),
    ],
)
def test_what_can_be_forged(text: str, *, prefixed: bool, forgeable: bool) -> None:
    assert is_forgeable(text, prefixed=prefixed) is forgeable


def test_forgeable_expressions_are_told_of_once_a_filter() -> None:
    rules = tuple(
        Rule(f"failregex-{line}", Expression(text, Origin("x.conf", line)))
        for line, text in enumerate(("^<HOST>$", ".* <HOST>", ".+ <HOST>"), 1)
    )
    (problem,) = lint(FilterDefinition("x", Origin("x.conf", 1), rules))
    assert str(problem).startswith("x.conf:2: unanchored: in 2 of 3 expressions")
