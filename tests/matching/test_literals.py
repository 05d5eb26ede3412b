# SPDX-License-Identifier: MIT
"""A line that an expression matches holds the literals that are required of it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace
from re import _constants as op  # type: ignore[attr-defined]  # as in the module under test
from re import _parser as tree  # type: ignore[attr-defined]
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logban.matching.compiler import expand
from logban.matching.definition import FilterDefinition
from logban.matching.literals import MAX_SETS, MIN_LENGTH, required_literals
from logban.matching.matcher import Matcher
from logban.model import Block

NOW = 1_795_168_800.0
DATES = (
    "2026-11-20 10:00:00",
    "Nov 20 10:00:00.123",
    "2026-11-20T10:00:00.123456+01:00",
    "20/Nov/2026:10:00:00 +0000",
)
AROUND = ("[%s]", "(%s)", "<13>%s ", "%s ", " %s ", "'%s'", "= %s, ", "")


def known(text: str) -> list[set[str]]:
    return [{literal.decode() for literal in choice} for choice in required_literals(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("failed password for <HOST>", [{"failed password for "}]),
        ("^(?:failed|refused) <HOST>$", [{"failed", "refused"}]),
        ("(?:failed|no) <HOST>", []),
        ("(?:failed)? <HOST>", []),
        ("(?:failed)+ <HOST>", [{"failed"}]),
        ("(?>failed) <HOST>", [{"failed"}]),
        ("(?P<word>failed) <HOST>", [{"failed"}]),
        ("(?i)failed <HOST>", []),
        ("(?i:failed) refused <HOST>", [{" refused "}]),
        ("[Ff]ailed <HOST>", [{"ailed "}]),
        ("fa.led <HOST>", [{"led "}]),
        ("pässwörd <HOST>", []),
        ("bad <HOST> (?=failed)", [{"failed"}, {"bad "}]),
        (r"\[\] NOTICE <HOST>", [{" NOTICE "}]),
        (r"\(\) failed <HOST>", [{" failed "}]),
        ('"time":"","level":"error" <HOST>', [{'"level"'}, {'"error"'}, {'"time"'}]),
        (r"(?:failure){e<=1} <HOST>", [{"failure{e<"}]),
        (r"\{failure} <HOST>", [{"{failure}"}]),
        ("(?P<a>x)(?P=a) failed", [{" failed"}]),
        ("(unclosed", []),
        ("<SKIPLINES> failed", []),
        ("(" * 3000 + "failed" + ")" * 3000, []),
    ],
)
def test_what_is_required(text: str, expected: list[set[str]]) -> None:
    assert known(text) == expected


def test_the_sets_are_few_and_the_most_telling_one_is_first() -> None:
    text = ".".join(f"word{n:03}{'x' * n}" for n in range(20))
    found = known(text)
    assert len(found) == MAX_SETS
    assert found[0] == {"word019" + "x" * 19}
    assert all(len(literal) >= MIN_LENGTH for choice in found for literal in choice)


atoms = st.one_of(
    st.sampled_from(
        ["failed", "user ", " from ", "no such", "[]", "()", "' - '", "  x  ", "ab"]
    ).map(re.escape),
    st.sampled_from([".", r"\d", r"\s", "[ab]", "[^ ]", "é", "^", "$", r"\b", "(?:)", "a{2,3}"]),
)
patterns = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda each: f"(?:{'|'.join(each)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "+?", "*?"])).map(
            lambda both: f"(?:{both[0]}){both[1]}"
        ),
        inner.map(lambda each: f"(?P<g>{each})"),
        inner.map(lambda each: f"(?>{each})"),
        inner.map(lambda each: f"(?={each})"),
        inner.map(lambda each: f"(?!{each})"),
        inner.map(lambda each: f"(?i:{each})"),
    ),
    max_leaves=8,
)
words = st.lists(
    st.sampled_from(
        ["failed", "FAILED", " from ", " from", ",no", " - '", "  x  ", "ab", "aa", "[]", "'",
         "é", "1", " ", "\t", "\r"]
    ),
    max_size=8,
).map("".join)  # fmt: skip


@settings(max_examples=300)
@given(
    st.lists(patterns, min_size=1, max_size=3),
    st.lists(st.tuples(words, words), max_size=4),
    st.data(),
)
def test_gates_never_change_the_result(
    make_matcher: Callable[..., Matcher],
    make_block: Callable[..., Block],
    without_gates: Callable[[Matcher], Matcher],
    rules: list[str],
    texts: list[tuple[str, str]],
    data: st.DataObject,
) -> None:
    """A date may stand anywhere in the line, but not within a word."""
    lines = []
    for number, (before, after) in enumerate(texts):
        around = data.draw(st.sampled_from(AROUND))
        dated = around.replace("%s", data.draw(st.sampled_from(DATES)))
        lines.append(f"{before}{dated}{after} at 198.51.100.{number}\n")
    named = [f"{rule}.*at <HOST>" for rule in rules]
    block = make_block("".join(lines))
    gated = make_matcher(*named).match(block, NOW)
    assert gated == without_gates(make_matcher(*named)).match(block, NOW)


@given(words, words, st.sampled_from(AROUND), st.sampled_from(DATES))
def test_a_rule_may_spell_out_the_line_without_its_date(
    make_matcher: Callable[..., Matcher],
    make_block: Callable[..., Block],
    before: str,
    after: str,
    around: str,
    date: str,
) -> None:
    line = f"{before} {around}{after}."
    rule = re.escape(line.replace("%s", "")) + " <HOST>$"
    block = make_block(line.replace("%s", date) + " 198.51.100.7\n")
    assert len(make_matcher(rule).match(block, NOW)) == 1


CATEGORIES = {
    op.CATEGORY_DIGIT: "7",
    op.CATEGORY_SPACE: " ",
    op.CATEGORY_WORD: "w",
    op.CATEGORY_NOT_DIGIT: "x",
    op.CATEGORY_NOT_SPACE: "x",
    op.CATEGORY_NOT_WORD: "-",
}


class Writer:
    """Writes texts in which an expression is found, as long as no lookaround is against it."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.groups: dict[int, str] = {}

    def write(self, expression: str) -> str:
        """Give such a text for an expression of the dialect."""
        text = expand(expression.replace("<HOST>", r"198\.51\.100\.7"))
        named: set[str] = set()

        def once(found: re.Match[str]) -> str:
            again = found[1] in named
            named.add(found[1])
            return "(" if again else found[0]

        self.groups.clear()
        return self.sequence(tree.parse(re.sub(r"\(\?P<(\w+)>", once, text)))

    def sequence(self, items: Any) -> str:
        return "".join(self.item(code, argument) for code, argument in items)

    def item(self, code: Any, argument: Any) -> str:  # noqa: PLR0911  # a case for each code
        match code:
            case op.LITERAL:
                return chr(argument)
            case op.NOT_LITERAL:
                return "y" if argument == ord("x") else "x"
            case op.ANY:
                return self.rng.choice("az7 '.")
            case op.IN:
                return self.member(argument)
            case op.BRANCH:
                return self.sequence(self.rng.choice(argument[1]))
            case op.SUBPATTERN:
                text = self.sequence(argument[3])
                if argument[0] is not None:
                    self.groups[argument[0]] = text
                return text
            case op.ATOMIC_GROUP:
                return self.sequence(argument)
            case op.MAX_REPEAT | op.MIN_REPEAT | op.POSSESSIVE_REPEAT:
                least, most, inner = argument
                times = self.rng.randint(least, min(most, least + 2))
                return "".join(self.sequence(inner) for _ in range(times))
            case op.GROUPREF:
                return self.groups.get(argument, "")
            case op.GROUPREF_EXISTS:
                group, yes, no = argument
                return self.sequence(yes if group in self.groups else no or ())
            case _:  # anchors and lookarounds
                return ""

    def member(self, items: Any) -> str:
        """Give a character of a set."""
        if items[0][0] is not op.NEGATE:
            code, argument = self.rng.choice(items)
            if code is op.RANGE:
                return chr(self.rng.randint(*argument))
            return CATEGORIES[argument] if code is op.CATEGORY else chr(argument)
        outside = {self.member([item]) for item in items[1:]}
        return self.rng.choice([each for each in "xk7-," if each not in outside])


def test_gates_never_change_what_a_shipped_filter_finds(
    shipped_filter: FilterDefinition,
    make_block: Callable[..., Block],
    without_gates: Callable[[Matcher], Matcher],
) -> None:
    # What quotes make of it depends on the lines around.
    definition = replace(shipped_filter, quotes=())
    writer = Writer(random.Random(7))  # noqa: S311  # repeatable, and no secret
    lines = []
    for rule in definition.rules:
        for _ in range(60):
            before = "CONTENT"
            if definition.prefix is not None:
                marked = re.sub("<F-CONTENT>.*?</F-CONTENT>", before, definition.prefix.text)
                before = writer.write(marked)
            date = writer.rng.choice(DATES)
            line = f"[{date}]{before[2:]}" if before.startswith("[]") else f"{date}{before}"
            line = line.replace("CONTENT", writer.write(rule.expression.text))
            lines.append(line.replace("\n", " ") + "\n")
    block = make_block("".join(lines))
    found = Matcher(definition, timeout=5.0).match(block, NOW)
    assert found == without_gates(Matcher(definition, timeout=5.0)).match(block, NOW)
    # The lines above are worth something only if most rules are hit.
    missed = {rule.name for rule in definition.rules} - {failure.rule for failure in found}
    assert len(missed) <= 0.3 * len(definition.rules), missed
    assert all(required_literals(rule.expression.text) for rule in definition.rules)
