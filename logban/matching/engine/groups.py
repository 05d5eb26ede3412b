# SPDX-License-Identifier: MIT
"""The groups of an expression: which are kept, and how often they may capture something."""

from __future__ import annotations

from collections.abc import Sequence as Items

from logban.matching.compiled import HOST_GROUPS, NO_FIELDS
from logban.matching.engine.syntax import Back, Either, Group, Look, Node, Repeat, children, walk


def is_host(node: Node) -> bool:
    """Tell whether a node is a group that may hold whom a line names."""
    return isinstance(node, Group) and node.name in HOST_GROUPS


def groups_in(items: Items[Node]) -> list[Group]:
    """Give all groups, in the order in which they are opened."""
    return [each for item in items for each in walk(item) if isinstance(each, Group)]


def references_in(node: Node) -> set[int]:
    """Give the numbers of the groups whose text is asked for again."""
    return {each.number for each in walk(node) if isinstance(each, Back)}


def kept_groups(node: Node, also: set[str], *, fields: bool = True) -> dict[int, str]:
    """Give the groups whose text is asked for, by their numbers: fields, and what is named."""
    references = references_in(node)
    return {
        each.number: each.name
        for each in walk(node)
        if isinstance(each, Group)
        and (
            (fields and each.name and each.name not in NO_FIELDS)
            or each.name in also
            or each.number in references
        )
    }


def times_taken(node: Node) -> dict[str, int]:
    """Give how often each name may capture something in one match."""
    match node:
        case Group():
            found = times_taken(node.body)
            found[node.name] = found.get(node.name, 0) + 1
            return found
        case Either():
            branches = [times_taken(branch) for branch in node.branches]
            names = {name for each in branches for name in each}
            return {name: max(each.get(name, 0) for each in branches) for name in names}
        case Repeat():
            factor = 1 if node.most == 1 else 2
            return {name: count * factor for name, count in times_taken(node.body).items()}
        case Look() if node.negative:
            return {}
        case _:
            total: dict[str, int] = {}
            for child in children(node):
                for name, count in times_taken(child).items():
                    total[name] = total.get(name, 0) + count
            return total


def taken_at_once(node: Node) -> int:
    """Give how many groups of addresses may capture something in one match."""
    match node:
        case Group():
            return taken_at_once(node.body) + (node.name in HOST_GROUPS)
        case Either():
            return max(map(taken_at_once, node.branches))
        case Repeat():
            return taken_at_once(node.body) * (1 if node.most == 1 else 2)
        case Look() if node.negative:
            return 0
        case _:
            return sum(map(taken_at_once, children(node)))
