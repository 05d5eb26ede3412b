# SPDX-License-Identifier: MIT
"""No line with one of the texts is missed, whatever ends of theirs are looked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logban.matching.engine import prefilter
from logban.matching.engine.prefilter import Literals

SOME = st.text("abcd", min_size=1, max_size=9).map(str.encode)
LINES = st.lists(st.text("abcd", max_size=30).map(lambda line: line.encode() + b"\n"))


@given(texts=st.lists(SOME, min_size=1, max_size=6), sample=LINES, lines=LINES)
def test_each_line_with_a_text_is_found(
    texts: list[bytes], sample: list[bytes], lines: list[bytes]
) -> None:
    literals = Literals(texts)
    literals.lines(b"".join(sample))  # by which the ends are chosen
    data = b"".join(lines)
    found = literals.lines(data)
    at = 0
    for line in lines:
        if any(text in line for text in texts):
            assert (at, at + len(line)) in found
            assert literals.are_in(data)
        at += len(line)
    assert found == sorted(set(found))
    assert all(data[end - 1 : end] == b"\n" and b"\n" not in data[a : end - 1] for a, end in found)


def test_a_text_is_looked_for_from_where_it_is_rare() -> None:
    literals = Literals([b"failed for"])
    assert literals.lines(b"failure\n" * 9) == []
    assert literals.lines(b"no\nsailed for\n") == [(3, 14)]  # the end of it may be all


def test_the_shortest_texts_are_looked_for_where_they_may_stand() -> None:
    literals = Literals([b'{"', b"Ext. "])
    assert not literals.are_in(b"nothing\n")
    assert literals.are_in(b'a\n{"b": 1}\n')
    assert literals.lines(b'a {\nExt. 1\n{"\n') == [(4, 11), (11, 14)]


def test_dense_is_told_by_the_first_lines() -> None:
    literals = Literals([b"failed"])
    other = b"x" * 60 + b"\n"
    assert not literals.are_dense(other * 1000 + b"failed\n" * 1000)
    assert literals.are_dense(b"failed\n" * prefilter.PROBE + other * 1000)
