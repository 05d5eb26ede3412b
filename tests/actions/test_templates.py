# SPDX-License-Identifier: MIT
"""Tests of :mod:`logban.actions.templates`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.actions.templates import ARGUMENT, LINE_LIMIT, TEXT, compiled, rendered


def test_a_value_in_a_text_is_one_visible_line() -> None:
    """Text for people never carries a raw control character, and no HTML escapes either."""
    template = compiled(TEXT, "<{{ user }}>\n", ["user"])
    assert rendered(template, {"user": "a<b>&\x1b[2J\n"}) == "<a<b>&\\x1b[2J\\n>\n"


def test_a_value_in_a_text_is_cut() -> None:
    """No line of a log can fill a mailbox."""
    template = compiled(TEXT, "{{ line }}", ["line"])
    assert len(rendered(template, {"line": "x" * 100_000})) == LINE_LIMIT


@given(st.text())
def test_a_value_in_an_argument_is_as_it_is(value: str) -> None:
    """Also when it looks like a template itself."""
    assert rendered(compiled(ARGUMENT, "{{ user }}", ["user"]), {"user": value}) == value


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ ip", "line 1 of the template: unexpected end of template"),
        ("a\n{% if %}", "line 2 of the template"),
        ("{{ ip | nonsense }}", "No filter named 'nonsense'"),
        ("{{ adress }} {{ ip }}", "asks for adress; there are only ip, user"),
    ],
)
def test_a_broken_template_is_refused_with_the_reason(source: str, message: str) -> None:
    """What can be known without a ban is known when the configuration is read."""
    with pytest.raises(ValueError, match=message):
        compiled(TEXT, source, ["user", "ip"])


@pytest.mark.parametrize(
    "source",
    [
        "{{ ip.nothing }}",
        "{{ ip() }}",
        "{{ 1 / 0 }}",
        "{{ ip.__class__.__mro__ }}",
        "{{ ip + 1 }}",
        "{{ range(1000000) }}",
        "{{ 5 | dictsort }}",
    ],
)
def test_what_a_template_can_do_wrong_when_filled_in(source: str) -> None:
    """Python's own errors come as one kind, and the sandbox lets nothing out."""
    with pytest.raises(ValueError, match="the template cannot be filled in"):
        rendered(compiled(TEXT, source, ["ip"]), {"ip": "192.0.2.1"})
