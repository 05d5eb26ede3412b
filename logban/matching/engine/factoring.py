# SPDX-License-Identifier: MIT
"""What several rules begin with, written once.

``ab|ac`` and ``a(?:b|c)`` are the same if ``a`` can end in one place only (see ``automaton``):
otherwise the second form would try ``c`` behind the first end before ``b`` behind the second, and
another rule would win.  And rules may change places if no text can be matched by both.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Sequence as Items
from itertools import pairwise
from typing import Final

from logban.matching.engine.syntax import (
    ANY,
    At,
    Atomic,
    Chars,
    Either,
    Greed,
    Group,
    Look,
    Node,
    Place,
    Repeat,
    Sequence,
    first_of,
    walk,
)

WIDE: Final = 100
"""Repetitions from which on there are many."""


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
    return _ways_of(Sequence(tuple(items)), frozenset()) > 1


def _ways_of(node: Node, following: frozenset[int]) -> int:  # noqa: PLR0911  # one for each kind
    """Count the wide repetitions that may have to give back what they took.

    One that can't take what follows has nothing to give; ``following`` is what may come next.
    """
    match node:
        case Sequence():
            found = 0
            for item in reversed(node.items):
                found += _ways_of(item, following)
                if item.extent.least:
                    following = first_of(item)
                else:
                    following |= first_of(item)
            return found
        case Either():
            return max(_ways_of(branch, following) for branch in node.branches)
        case Group() | Atomic():
            return _ways_of(node.body, following)
        case Look():
            return _ways_of(node.body, frozenset())
        case Repeat(body=Chars() as body):
            return int(_gives_back(node) and not body.chars.isdisjoint(following))
        case Repeat():
            return _ways_of(node.body, following | first_of(node.body)) + _gives_back(node)
        case _:
            return 0


def _gives_back(node: Repeat) -> bool:
    return node.greed is not Greed.POSSESSIVE and (node.most is None or node.most > WIDE)


def without_free_end(items: Items[Node], kept: Collection[int]) -> tuple[Node, ...]:
    """Leave out what stands at the end and is found in every line: ``.*``, ``.*$``, ``(?:x)?``.

    But for the groups that are to be ``kept``.
    """
    left = list(items)
    if len(left) > 1 and left[-1] == At(Place.END) and _takes_all(left[-2]):
        left.pop()
    while left and isinstance(last := left[-1], Repeat) and not last.least:
        if any(isinstance(each, Group) and each.number in kept for each in walk(last)):
            break
        left.pop()
    return tuple(left)


def _takes_all(node: Node) -> bool:
    return (
        isinstance(node, Repeat)
        and isinstance(node.body, Chars)
        and (node.least, node.most) == (0, None)
        and node.body.chars >= ANY.chars
    )


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
