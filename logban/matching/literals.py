# SPDX-License-Identifier: MIT
"""The text that a line must contain for an expression to have any chance of matching it.

Searching a block of a quarter of a megabyte for a few literals costs less than one expression
on each of its lines, so only lines that hold a literal are looked at closely.  That the line
holds it is part of what "matches" means (see :class:`logban.matching.matcher.Matcher`), so a
literal is only ever taken from where cutting the date out of a line cannot make it: it is split
between any two characters that belong to no word, where a date may have stood.
"""

from __future__ import annotations

import re

# The parse tree is not public, but it is the only one there is and has kept its form since 3.7.
# A tree that is not understood yields no literal: slower, never wrong.
from re import _constants as op  # type: ignore[attr-defined]  # see above
from re import _parser as tree  # type: ignore[attr-defined]  # see above
from typing import Any, Final

from logban.matching.compiler import ExpressionError, expand

MIN_LENGTH: Final = 4
"""A shorter literal stands in too many lines to tell them apart."""

MAX_SETS: Final = 16
"""Sets that are given of one expression; more of them tell little more."""

_DATE_MAY_HAVE_STOOD = re.compile(r"(?<=\W)(?=\W)", re.ASCII)
# JSON puts a backslash before these two.  What joins two of its values to a text is not in it.
_NOT_IN_JSON = re.compile(r'["\\]')
_JOINT = re.compile(r"^\W+|\W+$", re.ASCII)
# What ``re`` takes for text in braces may be an approximate match to ``regex``: (?:abc){e<=1}.
_FUZZY = re.compile(r"(?<!\\)\{[\d<=+,\s]*[eids]")


def required_literals(
    text: str, *, json: bool = False, whole: bool = False
) -> tuple[frozenset[bytes], ...]:
    """Give sets of literals; of each set one at least stands in every line that the text matches.

    The most telling set comes first.  None is given where none is known: every line has to be
    tried then.  ``json`` says that the text may stand in a line as a JSON string, ``whole`` that
    no date is cut out of it.
    """
    try:
        expanded = expand(text)
        parsed = tree.parse(_without_duplicate_names(expanded))
    except (re.error, ExpressionError, OverflowError, RecursionError):
        return ()
    if parsed.state.flags & re.IGNORECASE or _FUZZY.search(expanded):
        return ()
    choices = set(_choices(parsed, whole=whole))
    if json:
        choices = set(filter(None, map(_unescaped, choices)))
    best = sorted(choices, key=_worth, reverse=True)[:MAX_SETS]
    return tuple(frozenset(literal.encode("ascii") for literal in choice) for choice in best)


def _without_duplicate_names(text: str) -> str:
    """Make groups anonymous: ``regex`` lets two bear one name, ``re`` does not.

    A reference to a name stands for any text then.
    """
    return re.sub(r"\(\?P=\w+\)", "(?:.*)", re.sub(r"\(\?P<\w+>", "(", text))


def _choices(items: Any, *, whole: bool) -> list[frozenset[str]]:
    """Give sets of literals, each of which must be hit, of a sequence of parsed items."""
    found: list[frozenset[str]] = []
    run = ""

    def end_run() -> None:
        nonlocal run
        pieces = [run] if whole else _DATE_MAY_HAVE_STOOD.split(run)
        found.extend(frozenset({piece}) for piece in pieces if len(piece) >= MIN_LENGTH)
        run = ""

    for code, argument in items:
        if code is op.LITERAL and argument < 128:
            run += chr(argument)
            continue
        end_run()
        if code is op.SUBPATTERN:
            added_flags, inner = argument[1], argument[3]
            if not added_flags & re.IGNORECASE:
                found.extend(_choices(inner, whole=whole))
        elif code is op.ASSERT and argument[0] > 0:  # what a look ahead finds is there as well
            found.extend(_choices(argument[1], whole=whole))
        elif code is op.ATOMIC_GROUP:
            found.extend(_choices(argument, whole=whole))
        elif code in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            least, _, inner = argument
            if least >= 1:
                found.extend(_choices(inner, whole=whole))
        elif code is op.BRANCH:
            branches = [_best(_choices(branch, whole=whole)) for branch in argument[1]]
            if all(branches):
                found.append(frozenset().union(*branches))
    end_run()
    return found


def _unescaped(choice: frozenset[str]) -> frozenset[str]:
    """Give the same for a line in which the text is made of JSON strings; nothing if too short."""
    found = frozenset(
        max((_JOINT.sub("", piece) for piece in _NOT_IN_JSON.split(literal)), key=len)
        for literal in choice
    )
    return found if all(len(literal) >= MIN_LENGTH for literal in found) else frozenset()


def _best(choices: list[frozenset[str]]) -> frozenset[str]:
    """Take the most telling set; an empty one if there is none."""
    return max(choices, key=_worth, default=frozenset())


def _worth(choice: frozenset[str]) -> tuple[float, list[str]]:
    """Rate a set: few literals, the shortest of them long; names settle a draw."""
    return min(map(len, choice)) / len(choice), sorted(choice)
