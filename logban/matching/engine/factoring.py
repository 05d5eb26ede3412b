# SPDX-License-Identifier: MIT
"""What several rules begin with, written once.

``ab|ac`` and ``a(?:b|c)`` are the same if ``a`` can end in one place only: otherwise the second
form would try ``c`` behind the first end before ``b`` behind the second, and another rule would
win.  And rules may change places if no text can be matched by both.
"""

from __future__ import annotations

from collections.abc import Sequence as Items
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from logban.matching.engine.syntax import (
    At,
    Atomic,
    Back,
    Chars,
    Either,
    Group,
    Look,
    Node,
    Repeat,
    Sequence,
    walk,
)

WIDE: Final = 100
"""Repetitions from which on there are many."""

MAX_POSITIONS: Final = 200
"""Characters of a beginning that is looked at; a longer one is looked at up to there."""


def flat(node: Node) -> tuple[Node, ...]:
    """Give what a tree is a sequence of."""
    if isinstance(node, Sequence):
        return tuple(each for item in node.items for each in flat(item))
    return (node,)


def literal(items: Items[Node]) -> str:
    """Give the characters that are certain to come first."""
    text = ""
    for item in items:
        if not (isinstance(item, Chars) and len(item.chars) == 1):
            break
        text += chr(*item.chars)
    return text


def texts_in(items: Items[Node]) -> set[str]:
    """Give texts that stand in all that these items match."""
    found, run = set(), ""
    for item in items:
        if isinstance(item, Chars) and len(item.chars) == 1:
            run += chr(*item.chars)
            continue
        found.add(run)
        run = ""
        match item:
            case Sequence() | Atomic() | Group():
                found |= texts_in(flat(item.body if not isinstance(item, Sequence) else item))
            case Look(ahead=True, negative=False) | Repeat() if not (
                isinstance(item, Repeat) and item.least == 0
            ):
                found |= texts_in(flat(item.body))
            case _:
                pass
    return {*found, run} - {""}


def takes_long(items: Items[Node]) -> bool:
    """Tell whether these may be tried in many ways before they fail."""
    wide = 0
    for item in items:
        for each in walk(item):
            if isinstance(each, Repeat) and (each.most is None or each.most > WIDE):
                wide += 1
    return wide > 1


def grouped(texts: Items[str]) -> list[int] | None:
    """Give the numbers of texts in an order in which the same ones stand together.

    None if some of them is the beginning of another one, so that both may match.
    """
    different = sorted(set(texts))
    for one, other in pairwise(different):
        if other.startswith(one):
            return None
    return sorted(range(len(texts)), key=lambda number: (texts.index(texts[number]), number))


def shared(one: Items[Node], other: Items[Node]) -> int:
    """Give how many items two sequences begin with in common."""
    number = 0
    for mine, yours in zip(one, other, strict=False):
        if mine != yours:
            break
        number += 1
    return number


def ends_in_one_place(items: Items[Node]) -> bool:
    """Tell whether no text that these match is the beginning of another one.

    Counted repetitions count as endless ones, and looks as nothing: what is unambiguous then is so
    all the more with them.
    """
    automaton = _Automaton()
    nullable, first, last = automaton.read(Sequence(tuple(items)))
    if automaton.is_unclear or len(automaton.chars) > MAX_POSITIONS:
        return False
    if nullable:
        return not first
    left = [(one, other) for one in first for other in first]
    seen = set(left)
    while left:
        one, other = left.pop()
        if automaton.chars[one].isdisjoint(automaton.chars[other]):
            continue
        if one in last and automaton.follow[other]:
            return False
        for mine in automaton.follow[one]:
            for yours in automaton.follow[other]:
                if (mine, yours) not in seen:
                    seen.add((mine, yours))
                    left.append((mine, yours))
    return True


@dataclass(slots=True)
class _Automaton:
    """Glushkov's automaton: a state for each character of the expression."""

    chars: list[frozenset[int]] = field(default_factory=list)
    follow: list[set[int]] = field(default_factory=list)
    is_unclear: bool = False

    def read(self, node: Node) -> tuple[bool, set[int], set[int]]:  # noqa: PLR0911  # one for each kind of node
        """Add a node; tell whether it may be empty, and what it begins and ends with."""
        match node:
            case Chars():
                self.chars.append(node.chars)
                self.follow.append(set())
                here = {len(self.chars) - 1}
                return False, here, here
            case Sequence():
                return self._sequence(node.items)
            case Either():
                parts = [self.read(branch) for branch in node.branches]
                first = set().union(*(part[1] for part in parts))
                last = set().union(*(part[2] for part in parts))
                return any(part[0] for part in parts), first, last
            case Repeat():
                nullable, first, last = self.read(node.body)
                if node.most != 1:
                    for place in last:
                        self.follow[place] |= first
                return nullable or not node.least, first, last
            case Atomic() | Group():
                return self.read(node.body)
            case Back():
                self.is_unclear = True
                return True, set(), set()
            case At() | Look():
                return True, set(), set()

    def _sequence(self, items: Items[Node]) -> tuple[bool, set[int], set[int]]:
        nullable, first, last = True, set[int](), set[int]()
        for item in items:
            may_be_empty, begin, end = self.read(item)
            for place in last:
                self.follow[place] |= begin
            if nullable:
                first |= begin
            last = last | end if may_be_empty else end
            nullable = nullable and may_be_empty
        return nullable, first, last
