# SPDX-License-Identifier: MIT
"""Texts are asked for where that spares a try, and in a way that finds them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.matching.engine.entries import Entry, Pace, holding, may_follow
from logban.matching.engine.factoring import flat
from logban.matching.engine.parsing import parse
from logban.matching.engine.pcre2 import Code, library

# A text, and the end of it that is looked for: from a rare character on.
TEXTS = [
    ("no match for", "no match for"),
    ('x="Address=', "Address="),
    ("' failed for '", "' failed for '"),
    ("aaaaaaab", "aaaaaaab"),
    ("AAAAAAB", "AAAAAAB"),
]
PCRE2 = library()
assert PCRE2 is not None
ASKED = {text: Code(PCRE2, f"(*LF)(?m)^{holding(text)}") for text, _ in TEXTS}


def entry(expression: str) -> Entry:
    return Entry((0,), Pace.FAST, flat(parse(expression)), {}, {}, "")


@pytest.mark.parametrize(("text", "end"), TEXTS)
@given(st.data())
def test_a_text_is_found_wherever_it_stands(text: str, end: str, data: st.DataObject) -> None:
    piece = st.sampled_from([text, end, text[:-1], text[1:], text[0], text[-1], "A", " ", "\n"])
    lines = "".join(data.draw(st.lists(piece))).split("\n")
    found = ASKED[text].records("".join(f"{line}\n" for line in lines).encode(), b"x")
    assert len(found) == sum(end in line for line in lines)


@pytest.mark.parametrize(
    ("one", "other", "so"),
    [
        ("Registration from", "Call from", False),
        ("Registration from", r"\s*(?:-- )?Registered", False),
        ("Registration from", r"\s*(?:-- )?Registration", True),
        ("'(OPTIONS)' from", r"(?:'(\S+)' )?from", True),
        ("(?:a|b)c", "(?:b|d)c", True),
        ("abc", "[b-z]", False),
        ("abc", "", True),
        ("", "abc", True),
    ],
)
def test_whether_another_rule_may_be_for_the_same_line(one: str, other: str, *, so: bool) -> None:
    assert may_follow([entry(one)], 0, [entry(other)]) is so
