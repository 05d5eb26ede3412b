# SPDX-License-Identifier: MIT
"""Which lines are looked at, and for which rules."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logban.matching.gates import Gates, LiteralSets

words = st.sampled_from([b"aaaa", b"bbbb", b"cccc", b"dddd", b"aabb"])
required = st.lists(
    st.lists(st.frozensets(words, min_size=1, max_size=2), max_size=3).map(tuple),
    min_size=1,
    max_size=6,
)
lines = st.lists(st.lists(words, max_size=4).map(b" ".join), max_size=6)


def holds_all(line: bytes, sets: LiteralSets) -> bool:
    return all(any(literal in line for literal in choice) for choice in sets)


@given(required, lines)
def test_exactly_the_rules_whose_literals_a_line_holds(
    sets: list[LiteralSets], texts: list[bytes]
) -> None:
    data = b"".join(text + b"\n" for text in texts)
    expected = []
    start = 0
    for text in texts:
        worth = [number for number, each in enumerate(sets) if holds_all(text, each)]
        if worth:
            expected.append((start, start + len(text), worth))
        start += len(text) + 1
    assert list(Gates(sets).candidates(data)) == expected
    assert Gates(sets).ungated == tuple(n for n, each in enumerate(sets) if not each)
