# SPDX-License-Identifier: MIT
"""Tests of ``%(name)s`` and ``<name>``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.config.files.ini import Section, parse
from logban.config.files.interpolation import (
    InterpolationError,
    interpolate,
    substitute_tags,
)
from logban.config.files.scopes import SectionScope
from logban.config.files.text import Text, TextLine, Value, joined
from logban.model import Origin


def resolved(text: str, key: str, section: str = "a", **known: str) -> Text:
    """Resolve a key of a file of its own."""
    file = parse(text.encode(), "x.conf")
    own = file.sections[section]
    defaults = file.sections.get("DEFAULT", Section("DEFAULT", own.origin))
    built_in = {"low": Value.built_in("low", "built in %(k)s")}
    scope = SectionScope(
        own,
        defaults,
        file.sections,
        section,
        built_in=built_in,
        known={name: Value.built_in(name, value) for name, value in known.items()},
    )
    return interpolate(own.values[key], scope)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a]\nk = 1\nx = <%(k)s>", "<1>"),
        ("[DEFAULT]\nk = 0\n[a]\nx = %(K)s", "0"),
        ("[DEFAULT]\nk = 0\n[a]\nk = 1\nx = %(k)s %(default/k)s", "1 0"),
        ("[a]\nx = 100%% %(__name__)s", "100% a"),
        ("[a]\nk = 1\nx = %(low)s", "built in 1"),
        ("[b-c]\nk = %(l)s\n[a]\nl = here\nx = %(b-c/k)s", "here"),
        ("[DEFAULT]\nd = 1\n[b]\n[a]\nx = %(b/d)s", "1"),
        ("[DEFAULT]\nx = 1\n[a]\nx = %(known/x)s 2", "1 2"),
        ("[DEFAULT]\nd = %(e)s\ne = 1\n[a]\ne = 2\nx = %(d)s", "2"),
        ("[a]\nb = %(c)s\nc = %(d)s\nd = 1\nx = %(b)s%(b)s", "11"),
    ],
)
def test_what_references_stand_for(text: str, expected: str) -> None:
    assert joined(resolved(text, "x")) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[a]\nx = 50%", "x.conf:2: a single '%' at character 3 of 'x'; write %% for a percent"),
        ("[a]\nx = 1\n  %(nme)s\nname = 1", "x.conf:3: nothing is called 'nme', to which 'x' refe"),
        ("[a]\nx = %(y)d", "x.conf:2: a single '%'"),
        ("[a]\nx = %(no/y)s", "x.conf:2: nothing is called 'no/y'"),
        ("[a]\nx = %(x)s", "x.conf:2: 'x' refers to itself: x"),
        ("[a]\nx = %(y)s\ny = %(z)s\nz = %(y)s", "x.conf:3: 'y' refers to itself: x -> y -> z"),
        ("[DEFAULT]\nx = %(known/x)s\n[a]\ny=%(x)s\nx=%(known/x)s", "x.conf:2: nothing is calle"),
    ],
)
def test_references_that_lead_nowhere(text: str, problem: str) -> None:
    with pytest.raises(InterpolationError) as raised:
        resolved(text, "x")
    assert str(raised.value.problem).startswith(problem)


def test_a_misspelt_name_is_corrected() -> None:
    with pytest.raises(InterpolationError) as raised:
        resolved("[a]\nx = %(banactoin)s\nbanaction = 1", "x")
    assert raised.value.problem.hint == "did you mean 'banaction'?"


def test_known_is_what_was_handed_in_first() -> None:
    assert joined(resolved("[DEFAULT]\nx = 0\n[a]\nx = %(known/x)s\n  2", "x", x="1")) == "1\n2"


def test_lines_pulled_in_whole_keep_their_places() -> None:
    text = "[a]\nl = one\n  two\nx = zero\n  %(l)s\n  >%(l)s\n  %(l)s%(l)s\n"
    assert [(line.text, line.origin.line) for line in resolved(text, "x")] == [
        ("zero", 4),
        ("one", 2),
        ("two", 3),
        (">one", 6),
        ("two", 3),
        ("one", 2),
        ("twoone", 7),
        ("two", 3),
    ]


@pytest.mark.parametrize("leaf", ["lol", ""])
def test_text_that_multiplies_is_stopped(leaf: str) -> None:
    lines = [f"k{n} = {f'%(k{n + 1})s' * 10}" for n in range(12)]
    with pytest.raises(InterpolationError, match=r"grows beyond|takes more than"):
        resolved("[a]\n" + "\n".join(lines) + f"\nk12 = {leaf}\n", "k0")


def test_a_value_that_is_too_large_is_stopped() -> None:
    with pytest.raises(InterpolationError, match="'x' grows beyond"):
        resolved(f"[a]\nk = {'y' * 1000}\nx = {'%(k)s' * 200}\n", "x")


def test_a_chain_of_references_that_is_too_long_is_stopped() -> None:
    lines = [f"k{n} = %(k{n + 1})s" for n in range(200)]
    with pytest.raises(InterpolationError, match="refers to itself"):
        resolved("[a]\n" + "\n".join(lines) + "\nk200 = 1\n", "k0")


def substituted(text: str, **tags: str) -> list[str]:
    """Replace the tags of a value named ``x``."""
    lines = tuple(TextLine(line, Origin("x.conf", 1)) for line in text.split("\n"))

    def find(name: str) -> Text | None:
        found = tags.get(name)
        if found is None:
            return None
        return tuple(TextLine(line, Origin("y.conf", 2)) for line in found.split("\n"))

    return [line.text for line in substitute_tags("x", lines, find)]


@pytest.mark.parametrize(
    ("text", "tags", "expected"),
    [
        ("<HOST> <F-USER>x</F-USER>", {}, ["<HOST> <F-USER>x</F-USER>"]),
        ("<a>-<a>", {"a": "1"}, ["1-1"]),
        ("<a>", {"a": "<b>", "b": "<HOST>"}, ["<HOST>"]),
        ("<re-<mode>>", {"mode": "hard", "re-hard": "x\ny<HOST>"}, ["x", "y<HOST>"]),
        ("<lt_<t>/p> end", {"t": "file", "lt_file/p": "(?:<h>)", "h": r"\S+"}, [r"(?:\S+) end"]),
        ("<a>\nrest", {"a": ""}, ["", "rest"]),
        ("<a>|<a>", {"a": "1\n2"}, ["1", "2|1", "2"]),
        ("a < b > c", {"b": "1"}, ["a < b > c"]),
    ],
)
def test_what_tags_stand_for(text: str, tags: dict[str, str], expected: list[str]) -> None:
    assert substituted(text, **tags) == expected


@pytest.mark.parametrize(
    ("text", "tags", "message"),
    [
        ("<x>", {"x": "1"}, "contains itself"),
        ("<a>", {"a": "<b>", "b": "<a>"}, "contains itself"),
        ("<a>", {"a": "<a><a>y"}, "grows beyond|contains itself"),
        ("<a>" * 10, {"a": "<b>" * 99, "b": "<c>" * 99, "c": "12345"}, "grows beyond"),
        ("<a>", {"a": "<a>\n<a>"}, "grows beyond|contains itself"),
    ],
)
def test_tags_without_end(text: str, tags: dict[str, str], message: str) -> None:
    with pytest.raises(InterpolationError, match=message):
        substituted(text, **tags)


@given(st.text(alphabet="%()sk<>/ \n", max_size=60))
def test_interpolation_ends_or_says_where_it_fails(text: str) -> None:
    body = text.replace("\n", "\n  ")
    origin = Origin("x.conf", 1)
    try:
        lines = resolved(f"[a]\nk = {body}\nx = %(k)s\n", "x")
        substitute_tags("k", lines, lambda name: lines if name == "k" else None)
    except InterpolationError as failure:
        origin = failure.problem.origin
    assert origin.path == "x.conf"
    assert origin.line >= 1
