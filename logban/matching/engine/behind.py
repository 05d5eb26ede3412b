# SPDX-License-Identifier: MIT
"""What a look behind looks for, as PCRE2 wants it: in forms of a fixed length each."""

from __future__ import annotations

from typing import Final

from logban.matching.engine.syntax import (
    Atomic,
    Back,
    Either,
    Greed,
    Group,
    Node,
    Repeat,
    Sequence,
)

MAX_LOOKS_BEHIND: Final = 64
"""Forms of fixed length that a look behind is written out as, at the most."""


def fixed_forms(node: Node) -> list[Node]:  # noqa: PLR0911  # one for each kind of node
    """Write a tree out as trees of a fixed length each; [] if there is no end of them.

    Which of them comes first does not matter there.
    """
    match node:
        case Sequence():
            found: list[tuple[Node, ...]] = [()]
            for item in node.items:
                forms = fixed_forms(item)
                found = [(*begin, form) for begin in found for form in forms]
                if len(found) > MAX_LOOKS_BEHIND:
                    return []
            return [Sequence(each) for each in found]
        case Either():
            return [form for branch in node.branches for form in fixed_forms(branch)]
        case Group() | Atomic():
            return fixed_forms(node.body)
        case Repeat():
            forms = fixed_forms(node.body)
            if node.most is None or len(forms) != 1 or node.greed is Greed.POSSESSIVE:
                return []
            return [Sequence((forms[0],) * times) for times in range(node.least, node.most + 1)]
        case Back():
            return []
        case _:
            return [node]
