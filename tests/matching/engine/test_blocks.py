# SPDX-License-Identifier: MIT
"""What is found in a line is taken apart as it was put into it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from logban.matching.engine.joining import Engine
from logban.matching.matcher import Matcher
from logban.model import Block

MakeMatcher = Callable[..., Matcher]
MakeBlock = Callable[..., Block]


@pytest.mark.parametrize("text", ["\x01", "\x01\x01!\x01", "\x01192.0.2.9\x01", "="])
def test_a_peer_can_not_write_what_marks_the_parts(
    text: str, make_matcher: MakeMatcher, make_block: MakeBlock
) -> None:
    matcher = make_matcher(r"^user '<F-USER>[^']*</F-USER>' from <HOST>$", dated=False)
    assert isinstance(matcher.engine, Engine)
    lines = [f"user '{name}' from 192.0.2.{number}" for number, name in enumerate(("a", text, ""))]
    found = matcher.match(make_block("".join(f"{line}\n" for line in lines), 7), 0.0)
    assert [(each.address, each.fields, each.line) for each in found] == [
        ("192.0.2.0", {"user": "a"}, lines[0]),
        ("192.0.2.1", {"user": text}, lines[1]),
        ("192.0.2.2", {"user": ""}, lines[2]),
    ]
    assert [each.offset for each in found] == [7, 8 + len(lines[0]), 9 + len(lines[0] + lines[1])]


@pytest.mark.parametrize(
    ("rules", "ignore", "expected"),
    [
        ([r"^(?=.*from <HOST>$)"], [], [1, 2, 3]),
        ([r"^(?=from <HOST>$)", r"^from <HOST>$", r"^x from <HOST>$"], [], [1, 2, 3]),
        ([r"^from <HOST>$"], [r"^from \S+2$"], [1]),
        ([r"^(?=from <HOST>$)", r"^(?:x )?from <HOST>$"], [r"^(?=from \S+2$)"], [1, 3]),
        ([r"^(?:no )?from <HOST>\s\b", r"^from <HOST>$"], [], [1, 2]),  # the first one is gated
    ],
)
def test_a_line_is_found_once(
    rules: list[str],
    ignore: list[str],
    expected: list[int],
    make_matcher: MakeMatcher,
    make_block: MakeBlock,
) -> None:
    text = "from 192.0.2.1\n\n\nno\nfrom 192.0.2.2\nx from 192.0.2.3\n"
    matcher, counting = (make_matcher(*rules, ignore=ignore, dated=False) for _ in range(2))
    assert isinstance(matcher.engine, Engine)
    assert isinstance(counting.engine, Engine)
    for number in range(3):
        block = make_block(text, number * len(text))
        found = matcher.match(block, 0.0)
        assert [each.address for each in found] == [f"192.0.2.{each}" for each in expected]
        assert counting.count(block, 0.0) == len(expected)


ADDRESSES = [
    "192.0.2.1", "0.0.0.0", "255.255.255.255", "256.0.2.1", "192.0.2.300", "192.0.02.1", "1.2.3",
    "192.0.2.1.5", "::ffff:192.0.2.1", "[192.0.2.1]", "2001:db8::1", "2001:DB8::0001", "1::2::3",
    "01.2.3.4", "1.2.3.04", "10.20.30.40", "19.200.255.9",
]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_are_counted_as_they_are_found(
    address: str, make_matcher: MakeMatcher, make_block: MakeBlock
) -> None:
    rules = r"^from <HOST>$", r"^(?:<F-USER>\w</F-USER>)?at <HOST>(?: x)?$"
    found, counted = make_matcher(*rules, dated=False), make_matcher(*rules, dated=False)
    assert isinstance(found.engine, Engine)
    assert isinstance(counted.engine, Engine)
    whole = [f"from {address}", f"at {address} x", f"bat {address}"]
    lines = [*whole, "from 192.0.2.7", f"from {address}.", f"from 1{address}"]
    text = "".join(f"{line}\n" for line in lines)
    failures = 0
    for each in ("at 192.0.2.8\n", text, "from 192.0.2.8\n", text):
        block = make_block(each)
        failures += len(found.match(block, 0.0))
        counted.count(block, 0.0)
    assert counted.counters.failures == found.counters.failures == failures
    assert counted.counters.unaddressed == found.counters.unaddressed


@pytest.mark.parametrize("line", ["aa no 192.0.2.1", "aa 192.0.2.4"])
def test_what_a_slow_rule_captures_is_no_address(
    line: str, make_matcher: MakeMatcher, make_block: MakeBlock
) -> None:
    rules = r"^(\w)\1 <F-NOFAIL>no</F-NOFAIL> <HOST>$", r"^\w\w (?:no )?<HOST>$"
    matcher = make_matcher(*rules, ignore=[r"^(\w)\1 \d"], dated=False)
    assert isinstance(matcher.engine, Engine)
    # As nothing in the first block has to be looked at, the second one is counted at once.
    assert matcher.count(make_block("ab 192.0.2.3\n"), 0.0) == 1
    assert matcher.count(make_block(f"ab no 192.0.2.2\n{line}\n", 100), 0.0) == 1


@pytest.mark.parametrize(
    "date", ["2026-11-20 10:00:00", "[2026-11-20 10:00:00]", "Nov 20 10:00:00"]
)
@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_dates_in_brackets_and_without_have_the_same_captures(
    date: str, address: str, make_matcher: MakeMatcher, make_block: MakeBlock
) -> None:
    end = "<F-USER>[a-z]*</F-USER> from <HOST> port <F-PORT>[0-9]+</F-PORT>$"
    matcher = make_matcher(rf"^(?:\[\])? {end}", rf"^ x {end}")
    assert isinstance(matcher.engine, Engine)
    assert not matcher.engine.refused
    text = f"{date} root from {address} port 22\n{date}  from {address} port 22\n"
    block = make_block(text)
    reference = make_matcher(rf"^(?:\[\])? {end}", rf"^ x {end}")
    assert reference.match(block, 1e9) == matcher.match(block, 1e9)
    assert [each.fields for each in matcher.match(make_block(text, len(text)), 1e9)] == [
        {"user": "root", "fport": "22"}, {"user": "", "fport": "22"},
    ]  # fmt: skip


def test_a_filter_of_which_nothing_can_be_written_has_no_engine(
    make_matcher: MakeMatcher, make_block: MakeBlock
) -> None:
    refused, other = r"^refused <HOST>\s\b", r"^from <HOST>$"
    matcher = make_matcher(refused, dated=False)
    assert isinstance(matcher.engine, str)
    assert "none of its rules" in matcher.engine
    assert "rule-0" in matcher.engine
    assert isinstance(make_matcher(refused, other, dated=False).engine, Engine)
    assert [each.address for each in matcher.match(make_block("refused 192.0.2.1\n"), 0.0)] == []
