# SPDX-License-Identifier: MIT
"""Where the text begins that rules see, behind what ``prefregex`` marks as ``<F-CONTENT>``."""

from __future__ import annotations

from typing import Final

from logban.matching.engine.syntax import (
    ANY,
    EMPTY,
    At,
    Atomic,
    Either,
    Group,
    InexpressibleError,
    Look,
    Node,
    Place,
    Repeat,
    Sequence,
)

SLOW_GROUP: Final = "slow"
"""The name of a group that takes part where a line is the reference's."""


def open_ended(node: Node) -> Node:
    """Let prefregex end where its <F-CONTENT> begins, which has to go on to the line's end.

    Where it does not, or is empty, the line is marked as the reference's.
    """
    if not (isinstance(node, Sequence) and node.items[-1] == At(Place.END)):
        raise InexpressibleError("goes on behind <F-CONTENT>")
    return _opened(Sequence(node.items[:-1]))


def _opened(node: Node) -> Node:  # noqa: PLR0911  # one for each kind of node
    """Rewrite what is followed by the line's end."""
    slow = Group(EMPTY, SLOW_GROUP, -1)
    end = At(Place.END)
    match node:
        case Group(name="content", body=Repeat(body=chars, least=1, most=None)) if chars == ANY:
            return Look(ANY, ahead=True, negative=False)
        case Group(name="content"):
            rest: Node = Look(Sequence((node.body, end)), ahead=True, negative=False)
            if node.body.extent.least:
                return rest
            return Sequence((rest, Either((Look(ANY, ahead=True, negative=False), slow))))
        case Sequence() if node.items:
            return Sequence((*node.items[:-1], _opened(node.items[-1])))
        case Either():
            return Either(tuple(_opened(branch) for branch in node.branches))
        case Atomic() | Repeat() | Look():
            return Sequence((node, end, slow))
        case _:
            return Sequence((node, end, slow))
