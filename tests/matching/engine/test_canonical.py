# SPDX-License-Identifier: MIT
"""An address that is told to be canonical is the one that the reference finds there."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from logban.addresses import canonical_address
from logban.matching.compiler import IPV4
from logban.matching.engine.canonical import is_canonical, told_apart
from logban.matching.engine.parsing import parse
from logban.matching.engine.pcre2 import Code, library
from logban.matching.engine.rewrite import Writer
from logban.matching.engine.syntax import Group, walk

PCRE2 = library()
assert PCRE2 is not None


def written(*, apart: bool) -> str:
    """Write what finds an address; each of its groups is kept."""
    node = parse(f"(?P<ip4>{IPV4})")
    node = told_apart(node) if apart else node
    groups = [each.number for each in walk(node) if isinstance(each, Group)]
    assert [is_canonical(number) for number in groups] == ([True, False] if apart else [False])
    return Writer().write((node,), groups)


PLAIN = Code(PCRE2, f"(*LF){written(apart=False)}")
APART = Code(PCRE2, f"(*LF){written(apart=True)}")


def is_as_we_write_it(address: str) -> bool:
    return all(str(int(each)) == each and int(each) < 256 for each in address.split("."))


NUMBERS = st.one_of(st.integers(0, 300).map(str), st.sampled_from(["00", "01", "256", "1a", ""]))


@given(st.lists(st.tuples(NUMBERS, st.sampled_from([".", ".", ".", " ", "x", "..", ":"]))))
@example([("1", "."), ("2", "."), ("3", "."), ("45", "x")])
@example([("1", "."), ("2", "."), ("3", "."), ("4", "."), ("5", " ")])
def test_both_ways_together_find_what_one_finds(parts: list[tuple[str, str]]) -> None:
    text = "".join(f"{number}{behind}" for number, behind in parts).encode() + b"\n"
    expected = PLAIN.records(text, b"$1\n").decode().splitlines()
    first = APART.records(text, b"$1,$2\n").decode().splitlines()
    assert [one + other for one, _, other in (each.partition(",") for each in first)] == expected
    for own, _, other in (each.partition(",") for each in first):
        assert bool(own) == is_as_we_write_it(own or other)
        assert not own or canonical_address(own) == own
