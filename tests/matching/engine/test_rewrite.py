# SPDX-License-Identifier: MIT
"""What is written for PCRE2 matches in a block what ``regex`` matches in its lines."""

from __future__ import annotations

import pytest
import regex

from logban.matching.engine.heads import begins_at
from logban.matching.engine.parsing import parse
from logban.matching.engine.pcre2 import Code, library
from logban.matching.engine.rewrite import Writer
from logban.matching.engine.syntax import InexpressibleError

LINES = [
    "foo",
    "foo ",
    "foo bar",
    "foo'bar",
    "'x",
    "",
    "bar",
    "foo\tbar",
    "Foo-1",
    "a.b",
    "x  ",
    "'",
]
NOTHING_BEFORE: frozenset[int] = frozenset()


def found_in_block(expression: str) -> list[str]:
    """Give the lines of a block in which PCRE2 finds an expression."""
    writer = Writer()
    text = writer.write((begins_at(parse(expression), "", NOTHING_BEFORE),), ())
    pcre2 = library()
    assert pcre2 is not None
    code = Code(pcre2, writer.shortened(rf"(*LF)(?m)^(?:{text})[^\n]*+", 60))
    block = "".join(f"{line}\n" for line in LINES).encode()
    return code.records(block, b"$0\n").decode().split("\n")[:-1]


@pytest.mark.parametrize(
    "expression",
    [
        "^foo$", r"^foo\s$", r"^foo\s*$", r"foo\s+\S", "^[^o]*$", "^f[^x]+bar", r"^foo(?=\s)",
        r"^foo(?!\s)", r"^foo(?=\s|$)", r"^\w+\W", "^(?i:FOO)", "^'[^']*'",
        r"^fo{1,2}\b", "^(?:foo|bar)$", "^(?>fo*)o?$", "^f[o]*+o?$", r"^[^\n]+r$", "^.{0,2000}r$",
        "^(?:(?!bar).){0,255}$", r"(?<=o)o", "^(?:[^'x]|x){0,255}+$", r"^\D+$", r"^\S+\s\S+$",
    ],
)  # fmt: skip
def test_a_block_gives_what_its_lines_give(expression: str) -> None:
    reference = regex.compile(expression, regex.VERSION0)
    expected = [line for line in LINES if line and reference.search(f"{line}\n")]
    assert list(filter(None, found_in_block(expression))) == expected


@pytest.mark.parametrize("expression", [r"^foo\s\b", r"^foo\Z", r"(?m)^foo", r"^(?P<u>foo\s)"])
def test_what_can_not_be_written_is_refused(expression: str) -> None:
    with pytest.raises(InexpressibleError):
        Writer().write((begins_at(parse(expression), "", NOTHING_BEFORE),), (1,))


def test_a_date_parts_an_expression() -> None:
    left = begins_at(parse(r"^\[[\d ]{0,9}\] (\w+)"), "[", frozenset(b"0123456789"))
    assert Writer().write((left,), (1,)) == r"[ 0-9]{0,9}\x5d ([0-9A-Z_a-z]+)"
    with pytest.raises(InexpressibleError):
        begins_at(parse(r"^\[\b\d"), "[", frozenset(b"0123456789"))
