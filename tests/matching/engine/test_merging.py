# SPDX-License-Identifier: MIT
"""Rules that are made one find what they found one after the other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from logban.matching.engine.factoring import flat
from logban.matching.engine.joining import Engine
from logban.matching.engine.merging import merged
from logban.matching.engine.parsing import parse
from logban.matching.matcher import Matcher
from logban.model import Block

MakeMatcher = Callable[..., Matcher]
MakeBlock = Callable[..., Block]


def numbers(*expressions: str) -> list[tuple[int, ...]]:
    """Give which rules are made one, in their new order."""
    rules = [flat(parse(each)) for each in expressions]
    found = merged(rules, [*expressions], lambda _one, _other: True)
    return [each.places for each in found]


@pytest.mark.parametrize(
    ("expressions", "so"),
    [
        (["a .* - wrong$", "a .* - unknown$"], [(0, 1)]),
        (["a (?=.* - wrong$).", "a (?=.* - unknown$)."], [(0, 1)]),
        (["a .* - wrong", "a .* - unknown"], [(0,), (1,)]),  # both may be in a line
        (["a .* - wrong$", "a .* - very wrong$"], [(0, 1)]),
        (["a .*wrong$", "a .*very wrong$"], [(0,), (1,)]),
        (["a .* - (?:wrong)?$", "a .* - unknown$"], [(0, 1)]),
        (["a .* - wrong$", "a b.* - unknown$"], [(0,), (1,)]),  # more than a text differs
        (["a .* - wrong$", "a .* - wrong, .*unknown$"], [(0,), (1,)]),
        (["a .* - (w)rong$", "a .* - unknown$"], [(0,), (1,)]),  # what is captured differs
        # The third can be brought to the first, where no line can match it and the second ...
        (["a .* - wrong$", "a (.*)g$", "a .* - unknown$"], [(0, 2), (1,)]),
        (["a .* - wrong$", "b (.*)$", "a .* - unknown$"], [(0, 2), (1,)]),
        # ... or the first to the third ...
        (["a .* - wrong$", "a (.*)n$", "a .* - unknown$"], [(1,), (0, 2)]),
        # ... but not where the second has to come between them.
        (["a .* - wrong$", "a (.*)$", "a .* - unknown$"], [(0,), (1,), (2,)]),
    ],
)
def test_what_is_made_one(expressions: list[str], so: list[tuple[int, ...]]) -> None:
    assert numbers(*expressions) == so


def test_each_rule_finds_its_lines(make_matcher: MakeMatcher, make_block: MakeBlock) -> None:
    ends = ["wrong password", "wrong", "unknown(?: after \\d+ ms)?", "(?:acl|access list)"]
    rules = [rf"^for '<F-USER>.*</F-USER>' from <HOST> - {end}$" for end in ends]
    matcher = make_matcher(*rules, dated=False)
    assert isinstance(matcher.engine, Engine)
    told = ["wrong", "acl", "unknown", "wrong password", "unknown after 5 ms", "access list", "no"]
    # The name holds what could be taken for the end of a line.
    names = ["", "' from 192.0.2.9 - wrong", "' from 192.0.2.9 - acl", "unknown"]
    lines = [f"for '{name}' from 192.0.2.1 - {what}" for name in names for what in told]
    found = matcher.match(make_block("".join(f"{line}\n" for line in lines)), 0.0)
    of = dict(zip(told, (1, 3, 2, 0, 2, 3), strict=False))
    expected = [(name, of[what]) for name in names for what in told if what in of]
    assert [(each.fields["user"], each.rule) for each in found] == [
        (name, f"rule-{number}") for name, number in expected
    ]
