# SPDX-License-Identifier: MIT
r"""Rules that differ in one place only, made one.

A program that refuses somebody writes the same line with one reason or another:

    Registration from '...' failed for '...' - Wrong password
    Registration from '...' failed for '...' - No matching peer found

Rule by rule such a line is read again and again; as one rule it is read once.  That is the same if
the texts that lines have to end with, from the place on in which the rules differ, are *apart*: no
line can end with two of them.  Then all of the rules but one fail at every line, whatever it is
tried with, and where the rest of them is the same the one that does not fail finds the same.

Rules may change places for that, if no line can match both of them.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Items
from itertools import combinations
from typing import Final, NamedTuple

from logban.matching.engine.automaton import Ending
from logban.matching.engine.factoring import flat, literal, shared
from logban.matching.engine.rewrite import MANY_TIMES
from logban.matching.engine.syntax import (
    At,
    Either,
    Group,
    Look,
    Mark,
    Node,
    Place,
    Repeat,
    Sequence,
    walk,
)

_TAIL: Final = 16
"""Parts at the end of a rule by which it is told from others."""


class Merged(NamedTuple):
    """Rules that are one: their places, and what they match; each leaves its mark if several."""

    places: tuple[int, ...]
    items: tuple[Node, ...]


def merged(
    rules: Items[tuple[Node, ...]], marks: Items[str], are_alike: Callable[[int, int], bool]
) -> list[Merged]:
    """Merge rules where they can be; in their new order the same one is the first to match.

    ``are_alike`` tells of two rules, by their places, whether they capture the same into the same
    groups.
    """
    texts, endings = [literal(each) for each in rules], [_endings(each) for each in rules]

    def are_apart(one: int, other: int) -> bool:
        mine, yours = texts[one], texts[other]
        if not (mine.startswith(yours) or yours.startswith(mine)):
            return True
        return any(this.is_apart_from(that) for this in endings[one] for that in endings[other])

    before = {pair for pair in combinations(range(len(rules)), 2) if not are_apart(*pair)}
    classes: list[list[int]] = []
    for number in range(len(rules)):
        for members in classes:
            if (
                are_alike(members[0], number)
                and _in_one([*members, number], rules, marks)
                and _ordered(_joined(classes, members, number), before) is not None
            ):
                members.append(number)
                break
        else:
            classes.append([number])
    order = _ordered(classes, before) or [[number] for number in range(len(rules))]
    return [Merged(tuple(members), _in_one(members, rules, marks)) for members in order]


def _joined(classes: Items[list[int]], members: list[int], number: int) -> list[list[int]]:
    return [[*each, number] if each is members else each for each in classes]


def _ordered(classes: Items[list[int]], before: set[tuple[int, int]]) -> list[list[int]] | None:
    """Put classes in an order that keeps every pair's; None if there is none."""
    place = {number: at for at, members in enumerate(classes) for number in members}
    waits: dict[int, set[int]] = {at: set() for at in range(len(classes))}
    for one, other in before:
        if one in place and other in place and place[one] != place[other]:
            waits[place[other]].add(place[one])
    order = []
    while waits:
        free = next((at for at, others in waits.items() if not others & waits.keys()), None)
        if free is None:
            return None
        order.append(classes[free])
        del waits[free]
    return order


def _endings(items: tuple[Node, ...]) -> list[Ending]:
    """Give what a line has to end with to match a rule, as far as that can be told."""
    found = [Ending(items[-_TAIL:])] if items and items[-1] == At(Place.END) else []
    for item in items:
        if isinstance(item, Look) and _is_asked_for(item):
            found += _endings(flat(item.body))
    return found


def _in_one(
    members: Items[int], rules: Items[tuple[Node, ...]], marks: Items[str]
) -> tuple[Node, ...]:
    """Give rules as one; () if that can't be done."""
    if len(members) == 1:
        return rules[members[0]]
    return _holed([rules[number] for number in members], [marks[number] for number in members])


def _holed(rules: Items[tuple[Node, ...]], marks: Items[str]) -> tuple[Node, ...]:
    """Give rules as one, that leaves the mark of the one that it is; () if that can't be done."""
    first, others = rules[0], rules[1:]
    head = min(shared(first, each) for each in others)
    room = min(map(len, rules)) - head
    tail = min(room, *(shared(first[::-1], each[::-1]) for each in others))
    middles = [each[head : len(each) - tail] for each in rules]
    rest = first[len(first) - tail :]
    looks = [each[0] for each in middles if len(each) == 1]
    bodies = [flat(each.body) for each in looks if isinstance(each, Look) and _is_asked_for(each)]
    if len(bodies) == len(rules):
        inner = _holed(bodies, marks)
        look = Look(Sequence(inner), ahead=True, negative=False)
        return (*first[:head], look, *rest) if inner else ()
    if not rest or rest[-1] != At(Place.END):
        return ()
    if any(not _is_text(each) for middle in middles for item in middle for each in walk(item)):
        return ()
    endings = [Ending((*first[:head][-_TAIL:], *middle, *rest)) for middle in middles]
    if not all(one.is_apart_from(other) for one, other in combinations(endings, 2)):
        return ()
    ways = tuple(
        Sequence((*middle, Mark(mark))) for middle, mark in zip(middles, marks, strict=True)
    )
    return (*first[:head], Either(ways), *rest)


def _is_text(node: Node) -> bool:
    """Tell whether a part captures nothing, and reads no more than some words."""
    if isinstance(node, Repeat):
        return node.most is not None and node.most < MANY_TIMES
    return not isinstance(node, Group)


def _is_asked_for(look: Look) -> bool:
    return look.ahead and not look.negative
