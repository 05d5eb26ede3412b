# SPDX-License-Identifier: MIT
"""Expressions as trees of a few kinds of nodes, as far as ASCII text is concerned.

The engine only ever looks at lines of ASCII (all others go to the reference), so a class of
characters is a set of at most 128 of them, whatever it was written as, and a literal that is no
ASCII matches nothing.  Letters under ``(?i)`` are classes of two.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Items
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

ASCII: Final = frozenset(range(128))
LF: Final = 0x0A


class InexpressibleError(Exception):
    """An expression is not for the engine; the message says why, in a few words."""


class Place(Enum):
    """What is asked of a place in the text."""

    START = "start"
    END = "end"
    BOUNDARY = "boundary"
    NO_BOUNDARY = "no boundary"


class Greed(Enum):
    """How a repetition takes what it can."""

    GREEDY = ""
    LAZY = "?"
    POSSESSIVE = "+"


@dataclass(frozen=True, slots=True)
class Extent:
    """How many characters a node takes, at least and at most (``most`` None: without end).

    ``needs`` is how many have to stand where it is to match, those counted that it looks ahead at.
    """

    least: int
    most: int | None
    needs: int


_NO_EXTENT: Final = Extent(0, 0, 0)
_OF_ONE: Final = Extent(1, 1, 1)


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of a set; an empty one matches nothing."""

    chars: frozenset[int]

    @property
    def extent(self) -> Extent:
        """Give its extent."""
        return _OF_ONE


@dataclass(frozen=True, slots=True)
class At:
    """A place, no text.  ``END`` is that before the line's LF, or behind it."""

    place: Place

    @property
    def extent(self) -> Extent:
        """Give its extent."""
        return _NO_EXTENT


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other."""

    items: tuple[Node, ...]
    extent: Extent = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Note the extent, which is asked for again and again."""
        least, needs, most = 0, 0, [each.extent.most for each in self.items]
        for each in self.items:
            needs = max(needs, least + each.extent.needs)
            least += each.extent.least
        object.__setattr__(self, "extent", Extent(least, _sum(most), needs))


@dataclass(frozen=True, slots=True)
class Either:
    """The first of several that leads to a match."""

    branches: tuple[Node, ...]
    extent: Extent = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Note the extent."""
        extents = [each.extent for each in self.branches]
        ends = [each.most for each in extents if each.most is not None]
        most = max(ends) if len(ends) == len(extents) else None
        least, needs = min(each.least for each in extents), min(each.needs for each in extents)
        object.__setattr__(self, "extent", Extent(least, most, needs))


@dataclass(frozen=True, slots=True)
class Repeat:
    """A repetition; ``most`` is None where there is no end to it."""

    body: Node
    least: int
    most: int | None
    greed: Greed
    extent: Extent = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Note the extent."""
        one = self.body.extent
        endless = one.most is None or (self.most is None and one.most)
        most = None if endless or one.most is None else one.most * (self.most or 0)
        needs = one.least * (self.least - 1) + one.needs if self.least else 0
        object.__setattr__(self, "extent", Extent(one.least * self.least, most, needs))


@dataclass(frozen=True, slots=True)
class Atomic:
    """What is taken once and for all."""

    body: Node

    @property
    def extent(self) -> Extent:
        """Give its extent."""
        return self.body.extent


@dataclass(frozen=True, slots=True)
class Group:
    """A capture; ``name`` is "" where it has none, ``number`` tells it from all others."""

    body: Node
    name: str
    number: int

    @property
    def extent(self) -> Extent:
        """Give its extent."""
        return self.body.extent


@dataclass(frozen=True, slots=True)
class Look:
    """A look ahead or behind."""

    body: Node
    ahead: bool
    negative: bool

    @property
    def extent(self) -> Extent:
        """Give its extent."""
        sees = self.ahead and not self.negative
        return Extent(0, 0, self.body.extent.needs) if sees else _NO_EXTENT


@dataclass(frozen=True, slots=True)
class Back:
    """The text that a group has captured."""

    number: int
    ignore_case: bool

    @property
    def extent(self) -> Extent:
        """Give its extent."""
        return Extent(0, None, 0)


@dataclass(frozen=True, slots=True)
class Mark:
    """No text: what was found is marked by a name."""

    name: str

    @property
    def extent(self) -> Extent:
        """Give its extent."""
        return _NO_EXTENT


def _sum(numbers: Items[int | None]) -> int | None:
    given = [each for each in numbers if each is not None]
    return sum(given) if len(given) == len(numbers) else None


Node = Chars | At | Sequence | Either | Repeat | Atomic | Group | Look | Back | Mark

NOTHING: Final = Chars(frozenset())
EMPTY: Final = Sequence(())
ANY: Final = Chars(ASCII - {LF})


def children(node: Node) -> tuple[Node, ...]:
    """Give the nodes right below a node."""
    match node:
        case Sequence():
            return node.items
        case Either():
            return node.branches
        case Repeat() | Atomic() | Group() | Look():
            return (node.body,)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """Give a node and all below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def without(node: Node, code: int) -> Node:
    """Give the same of texts that do not hold a certain character."""
    match node:
        case Chars():
            return Chars(node.chars - {code})
        case Sequence():
            return Sequence(tuple(without(item, code) for item in node.items))
        case Either():
            return Either(tuple(without(branch, code) for branch in node.branches))
        case Repeat() | Atomic() | Group() | Look():
            return replace(node, body=without(node.body, code))
        case _:
            return node


def first_of(node: Node) -> frozenset[int]:
    """Give the characters that what a node takes may begin with."""
    return _edge(node, 1)


def last_of(node: Node) -> frozenset[int]:
    """Give the characters that what a node takes may end with."""
    return _edge(node, -1)


def _edge(node: Node, direction: int) -> frozenset[int]:
    match node:
        case Chars():
            return node.chars
        case Sequence():
            found: frozenset[int] = frozenset()
            for item in node.items[::direction]:
                found |= _edge(item, direction)
                if item.extent.least:
                    break
            return found
        case Either():
            return frozenset().union(*(_edge(branch, direction) for branch in node.branches))
        case Repeat() | Atomic() | Group():
            return _edge(node.body, direction)
        case Back():
            return ASCII
        case At() | Look() | Mark():
            return frozenset()
