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


def test_a_rule_that_takes_no_text_finds_a_line_once(
    make_matcher: MakeMatcher, make_block: MakeBlock
) -> None:
    matcher = make_matcher(r"^(?=.*from <HOST>$)", dated=False)
    assert isinstance(matcher.engine, Engine)
    block = make_block("from 192.0.2.1\n\n\nno\nfrom 192.0.2.2\nx from 192.0.2.3\n")
    found = [each.address for each in matcher.match(block, 0.0)]
    assert found == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
