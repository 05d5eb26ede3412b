# SPDX-License-Identifier: MIT
r"""Where the text that expressions see begins, behind a date that has been cut out.

The reference cuts the date out of a line and searches in the rest: ``[2026-11-20 10:00:00] NOTICE``
becomes ``[] NOTICE``.  The engine leaves the line as it is, and asks its expressions to begin with
what stands before the date, pass over the date, and go on.
That is only done for dates that are certain (see ``dated``).
"""

from __future__ import annotations

from logban.matching.engine.syntax import (
    ANY,
    EMPTY,
    NOTHING,
    At,
    Atomic,
    Back,
    Chars,
    Either,
    Greed,
    Group,
    InexpressibleError,
    Look,
    Node,
    Place,
    Repeat,
    Sequence,
    first_of,
    walk,
)


def begins_at(node: Node, before: str, strange: frozenset[int]) -> Node:
    """Give what is left of an expression of the text behind ``before``, with which it begins.

    ``strange`` are the characters that may stand in front of where the rest is searched, be it in
    the block or in the text.  InexpressibleError if the rest can't be told, or if these matter.
    """
    anchored = _without_start(node)
    if anchored is None:
        if needs_start(node):
            raise InexpressibleError("is held at the beginning in some of its forms only")
        if node.extent.least == 0:
            raise InexpressibleError("matches where there is no text")
        anywhere = Sequence((Repeat(ANY, 0, None, Greed.LAZY), node))
        left: Node = anywhere if not before else Either((_derived(node, before), anywhere))
    else:
        if needs_start(anchored):
            raise InexpressibleError("asks for the beginning elsewhere than in front")
        left = _derived(anchored, before)
    _check_looks_back(left, 0, strange)
    return left


def needs_start(node: Node) -> bool:
    """Tell whether an expression asks for the text's beginning."""
    return any(isinstance(each, At) and each.place is Place.START for each in walk(node))


def _without_start(node: Node) -> Node | None:
    """Take the ``^`` from an expression that begins with it, in all of its forms; None if not."""
    match node:
        case At(Place.START):
            return EMPTY
        case Sequence():
            if not node.items:
                return None
            first = _without_start(node.items[0])
            return None if first is None else Sequence((first, *node.items[1:]))
        case Either():
            branches = [_without_start(branch) for branch in node.branches]
            given = tuple(branch for branch in branches if branch is not None)
            return Either(given) if len(given) == len(branches) else None
        case Group():
            body = _without_start(node.body)
            return None if body is None else Group(body, node.name, node.number)
        case _:
            return None


def _derived(node: Node, text: str) -> Node:
    forms: list[tuple[Node, ...]] = [(node,)]
    for character in text:
        forms = [left for form in forms for left in _behind(form, ord(character))]
    if len(forms) == 1:
        return Sequence(forms[0])
    return Either(tuple(Sequence(form) for form in forms)) if forms else NOTHING


def _behind(items: tuple[Node, ...], code: int) -> list[tuple[Node, ...]]:
    """Give what may follow once these have taken a character, the most preferred first."""
    if not items:
        return []
    first, rest = items[0], items[1:]
    match first:
        case Chars():
            return [rest] if code in first.chars else []
        case Sequence():
            return _behind((*first.items, *rest), code)
        case Either():
            return [left for branch in first.branches for left in _behind((branch, *rest), code)]
        case Repeat():
            return _behind_repeat(first, rest, code)
        case Group() | Atomic() if code not in first_of(first):
            return [] if first.extent.least else _behind(rest, code)
        case _:
            raise InexpressibleError("begins with what can't be parted by a date")


def _behind_repeat(node: Repeat, rest: tuple[Node, ...], code: int) -> list[tuple[Node, ...]]:
    without = [] if node.least else _behind(rest, code)
    if code not in first_of(node.body):
        return without
    if node.greed is Greed.POSSESSIVE:
        raise InexpressibleError("begins with what can't be parted by a date")
    most = None if node.most is None else node.most - 1
    again = Repeat(node.body, max(node.least - 1, 0), most, node.greed)
    taken = _behind((node.body, again, *rest), code)
    return [*taken, *without] if node.greed is Greed.GREEDY else [*without, *taken]


def _check_looks_back(node: Node, taken: int, strange: frozenset[int]) -> int:
    """Raise InexpressibleError if it matters what stands before the text.

    ``taken`` is how much of the text is certain to lie before; give the same behind the node.  A
    look back that could reach farther is the same as at the beginning of a text, where nothing
    stands, if none of the ``strange`` characters has a place in it.
    """
    match node:
        case At(Place.BOUNDARY) | At(Place.NO_BOUNDARY):
            if taken < 1 and any(chr(code).isalnum() or chr(code) == "_" for code in strange):
                raise InexpressibleError("looks back behind the text's beginning")
        case Look(ahead=False):
            if not strange.isdisjoint(_all_chars(node.body)) and _reach(node.body) > taken:
                raise InexpressibleError("looks back behind the text's beginning")
        case Look():
            _check_looks_back(node.body, taken, strange)
        case Sequence():
            for item in node.items:
                taken = _check_looks_back(item, taken, strange)
            return taken
        case Either():
            return min(_check_looks_back(branch, taken, strange) for branch in node.branches)
        case Repeat():
            _check_looks_back(node.body, taken, strange)
        case Atomic() | Group():
            return _check_looks_back(node.body, taken, strange)
        case _:
            pass
    return taken + node.extent.least


def _all_chars(node: Node) -> frozenset[int]:
    if any(isinstance(each, At | Back) for each in walk(node)):
        return frozenset(range(128))
    return frozenset().union(*(each.chars for each in walk(node) if isinstance(each, Chars)))


def _reach(node: Node) -> float:
    """Give how far back a look behind can see, with those in it."""
    inner = (_reach(each.body) for each in walk(node) if isinstance(each, Look))
    most = node.extent.most
    return sum(inner, start=float("inf") if most is None else float(most))
