# SPDX-License-Identifier: MIT
"""Warnings about regular expressions that compile and likely do not say what was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from logban.config.problem import Problem, warning
from logban.matching.definition import Expression, FilterDefinition

# An expression's text in pieces: escaped characters and character classes, in which brackets
# mean nothing, and every other character by itself.
_PIECE: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
_ADDRESS: Final = re.compile(r"<(?:HOST|ADDR|IP4|IP6|SUBNET|DNS)>|\(\?P<(?:host|ip4|ip6)>")
_QUANTIFIERS: Final = ("?", "*", "+", "{")


@dataclass(slots=True)
class _Group:
    """A group of brackets that is open: where it begins, what was seen in it."""

    start: int
    suspicious: bool


def lint(definition: FilterDefinition) -> Iterator[Problem]:
    """Tell of every group that was meant as brackets, and once of expressions open to forgery."""
    unanchored: list[Expression] = []
    for rule in definition.rules:
        expression = rule.expression
        repaired = with_literal_brackets(expression.text)
        if repaired != expression.text:
            yield warning(
                expression.origin,
                "the brackets are a group and match no '(' or ')' of the line",
                rf"if the line has them, write \( and \): {repaired}",
            )
        if is_forgeable(expression.text, prefixed=definition.prefix is not None):
            unanchored.append(expression)
    if unanchored:
        count = len(unanchored)
        yield warning(
            unanchored[0].origin,
            f"unanchored: in {count} of {len(definition.rules)} expressions '.*' or '.+' stands "
            "before the address, so text that an attacker sends can choose who is banned",
            "begin them with ^ and end them with $, and write [^']* for what stands in quotes",
        )


def with_literal_brackets(text: str) -> str:
    r"""Escape the brackets that are a group and surely were meant as ``\(`` and ``\)``.

    Such a group has no name and no quantifier, holds no ``|`` of its own, begins with a letter
    and stands behind a blank, as in ``No registration for peer '.*' (from <HOST>)``.
    """
    pieces = list(_PIECE.finditer(text))
    open_groups: list[_Group] = []
    meant: set[int] = set()
    for number, piece in enumerate(pieces):
        following = pieces[number + 1][0] if number + 1 < len(pieces) else ""
        match piece[0]:
            case "(":
                behind_blank = number > 0 and pieces[number - 1][0] in (" ", r"\s", r"\ ")
                letter = len(following) == 1 and following.isalpha()
                open_groups.append(_Group(piece.start(), behind_blank and letter))
            case "|" if open_groups:
                open_groups[-1].suspicious = False
            case ")" if open_groups:
                group = open_groups.pop()
                if group.suspicious and following not in _QUANTIFIERS:
                    meant |= {group.start, piece.start()}
    return "".join(f"\\{piece[0]}" if piece.start() in meant else piece[0] for piece in pieces)


def is_forgeable(text: str, *, prefixed: bool) -> bool:
    """Say whether text of the line's sender may be taken for the address.

    It may where ``.*`` or ``.+`` stands before the address and the expression is not held at
    both ends of the line (behind a prefregex, which has its own ``^``: at the end).
    """
    address = _ADDRESS.search(text)
    if address is None:
        return False
    anchored = text.endswith("$") and (prefixed or text.startswith(("^", "(?i)^")))
    pieces = [piece[0] for piece in _PIECE.finditer(text, 0, address.start())]
    wild = any(a == "." and b in ("*", "+") for a, b in pairwise(pieces))
    return wild and not anchored
