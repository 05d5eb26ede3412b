# SPDX-License-Identifier: MIT
"""What the texts are like that a part of an expression matches: where they end, and with what.

By Glushkov's automaton, which has a state for each character of the expression.
"""

from __future__ import annotations

from collections.abc import Sequence as Items
from dataclasses import dataclass, field
from itertools import product
from typing import Final

from logban.matching.engine.syntax import (
    At,
    Atomic,
    Back,
    Chars,
    Either,
    Group,
    Look,
    Mark,
    Node,
    Repeat,
    Sequence,
    last_of,
)

MAX_POSITIONS: Final = 200
"""Characters of an expression that is looked at; of a longer one nothing is said."""


def ends_in_one_place(items: Items[Node]) -> bool:
    """Tell whether no text that these match is the beginning of another one.

    Counted repetitions count as endless ones, and looks as nothing: what is unambiguous then is so
    all the more with them.
    """
    automaton = _Automaton()
    nullable, first, last = automaton.read(Sequence(tuple(items)))
    if not automaton.is_clear:
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


class Ending:
    """What the texts end with that some items match."""

    def __init__(self, items: Items[Node]) -> None:
        whole = Sequence(tuple(items))
        self._automaton = _Automaton()
        _, self._firsts, self._lasts = self._automaton.read(whole)
        self._is_clear = self._automaton.is_clear and whole.extent.least > 0
        self._before = self._automaton.reversed() if self._is_clear else []
        self._last_chars = last_of(whole)

    def is_apart_from(self, other: Ending) -> bool:
        """Tell whether no text can end with this and with the other as well.

        What is taken for granted is the same as in ``ends_in_one_place``.
        """
        if not (self._is_clear and other._is_clear):
            return False
        if self._last_chars.isdisjoint(other._last_chars):
            return True  # which is most often enough
        mine, yours = self._automaton.chars, other._automaton.chars
        left = [(this, that) for this in self._lasts for that in other._lasts]
        seen = set(left)
        while left:
            this, that = left.pop()
            if mine[this].isdisjoint(yours[that]):
                continue
            if this in self._firsts or that in other._firsts:
                return False
            for pair in product(self._before[this], other._before[that]):
                if pair not in seen:
                    seen.add(pair)
                    left.append(pair)
        return True


@dataclass(slots=True)
class _Automaton:
    """Glushkov's automaton: a state for each character of the expression."""

    chars: list[frozenset[int]] = field(default_factory=list)
    follow: list[set[int]] = field(default_factory=list)
    has_references: bool = False

    @property
    def is_clear(self) -> bool:
        """Tell whether it is all that there is, and not too much of it."""
        return not self.has_references and len(self.chars) <= MAX_POSITIONS

    def reversed(self) -> list[set[int]]:
        """Give for each state those that it may follow."""
        before: list[set[int]] = [set() for _ in self.chars]
        for state, following in enumerate(self.follow):
            for each in following:
                before[each].add(state)
        return before

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
                self.has_references = True
                return True, set(), set()
            case At() | Look() | Mark():
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
