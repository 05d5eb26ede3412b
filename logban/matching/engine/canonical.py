# SPDX-License-Identifier: MIT
"""Addresses that stand in the line as logban writes them, captured by themselves.

So many lines can be counted without their addresses being looked at: what a group takes that is
named here is one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from logban.matching.compiler import IPV4
from logban.matching.engine.factoring import flat
from logban.matching.engine.parsing import parse
from logban.matching.engine.syntax import Atomic, Either, Group, Look, Node, Repeat, Sequence

# Numbers up to 255 without noughts in front.
_NUMBER: Final = "(?:1[0-9]{0,2}|2(?:5[0-5]?|[0-4][0-9]?|[6-9])?|[3-9][0-9]?|0)"
_CANONICAL: Final = r"\.".join([_NUMBER] * 4)
_FOUND: Final = rf"(?<![0-9.]){_CANONICAL}(?!\.?[0-9])"
"""What IPV4 finds where it finds such an address: both take all digits up to each full stop."""

_BY_ITSELF: Final = 100_000
"""What is added to a group's number to give that of the group for what is canonical in it."""


def told_apart(node: Node) -> Node:
    """Capture canonical IPv4 addresses in a group of their own, in front of each other one."""
    match node:
        case Group(name="ip4") if node.body == parse(IPV4):
            own = Group(parse(_FOUND), node.name, node.number + _BY_ITSELF)
            # The second way fails at once where the first one has been taken, and the rest failed.
            not_so = Look(parse(rf"{_CANONICAL}(?![0-9])"), ahead=True, negative=True)
            return Either((own, replace(node, body=Sequence((not_so, *flat(node.body))))))
        case Sequence():
            return Sequence(tuple(map(told_apart, node.items)))
        case Either():
            return Either(tuple(map(told_apart, node.branches)))
        case Repeat() | Atomic() | Group():
            return replace(node, body=told_apart(node.body))
        case Look() if node.ahead and not node.negative:
            return replace(node, body=told_apart(node.body))
        case _:
            return node


def is_canonical(number: int) -> bool:
    """Tell whether a group takes canonical addresses only."""
    return number > _BY_ITSELF
