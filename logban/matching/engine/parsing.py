# SPDX-License-Identifier: MIT
"""From an expression to its tree, by Python's own parser.

The parser's lists are not public; what is not understood here is left to the reference matcher.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from functools import cache
from re import _constants as op  # type: ignore[attr-defined]  # see above
from re import _parser as parser  # type: ignore[attr-defined]  # see above
from typing import Any, Final

import regex

from logban.matching.engine.syntax import (
    ASCII,
    LF,
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
)

_PLACES: Final = {
    op.AT_BEGINNING: Place.START,
    op.AT_BEGINNING_STRING: Place.START,
    op.AT_END: Place.END,
    op.AT_BOUNDARY: Place.BOUNDARY,
    op.AT_NON_BOUNDARY: Place.NO_BOUNDARY,
}
_CATEGORIES: Final = {
    op.CATEGORY_DIGIT: r"\d",
    op.CATEGORY_NOT_DIGIT: r"\D",
    op.CATEGORY_SPACE: r"\s",
    op.CATEGORY_NOT_SPACE: r"\S",
    op.CATEGORY_WORD: r"\w",
    op.CATEGORY_NOT_WORD: r"\W",
}
_GREEDS: Final = {
    op.MAX_REPEAT: Greed.GREEDY,
    op.MIN_REPEAT: Greed.LAZY,
    op.POSSESSIVE_REPEAT: Greed.POSSESSIVE,
}
_NAMED: Final = re.compile(r"\\.|\(\?P<(\w+)>", re.DOTALL)
_REFERENCE: Final = re.compile(r"\\(?:\D|\d+)|\(\?P=(\w+)\)|\(\?\((\w+)\)", re.DOTALL)


def parse(expanded: str) -> Node:
    """Give the tree of an expression whose tags are written out; InexpressibleError if it has none.

    Two groups of one name are one group to ``regex``; here they are two of the same name.
    """
    names: dict[int, str] = {}
    twice = {name for name, times in Counter(_NAMED.findall(expanded)).items() if times > 1} - {""}
    for found in _REFERENCE.finditer(expanded):
        if twice and (found[0][1:].isdigit() or found[1] in twice or found[2]):
            raise InexpressibleError("refers to a group, and has two groups of one name")

    def unique(found: re.Match[str]) -> str:
        if found[1] not in twice:
            return found[0]
        names[len(names)] = found[1]
        return f"(?P<twice_{len(names) - 1}_{found[1]}>"

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tree = parser.parse(_NAMED.sub(unique, expanded))
    except (re.error, OverflowError, RecursionError, FutureWarning, DeprecationWarning) as error:
        raise InexpressibleError(f"Python's own parser does not read it: {error}") from error
    flags = tree.state.flags
    if flags & (re.MULTILINE | re.LOCALE):
        raise InexpressibleError("asks for several lines, or for the locale")
    called = {number: name for name, number in tree.state.groupdict.items()}
    for number, name in called.items():
        parts = re.fullmatch(r"twice_\d+_(\w+)", name)
        if parts:
            called[number] = parts[1]
    return _Reader(called).sequence(tree, flags)


class _Reader:
    """Turns the parser's lists into nodes."""

    def __init__(self, called: dict[int, str]) -> None:
        self._called = called

    def sequence(self, items: Any, flags: int) -> Node:
        nodes = tuple(self._node(code, argument, flags) for code, argument in items)
        return nodes[0] if len(nodes) == 1 else Sequence(nodes)

    def _node(self, code: Any, argument: Any, flags: int) -> Node:  # noqa: PLR0911  # one for each kind
        if code in (op.LITERAL, op.NOT_LITERAL, op.IN, op.ANY):
            return Chars(_chars(code, argument, flags))
        if code is op.AT:
            if argument not in _PLACES:
                raise InexpressibleError("asks for the end of the text behind the line's end")
            return At(_PLACES[argument])
        if code is op.SUBPATTERN:
            number, added, removed, body = argument
            if added & (re.MULTILINE | re.LOCALE):
                raise InexpressibleError("asks for several lines, or for the locale")
            inner = self.sequence(body, (flags | added) & ~removed)
            return inner if number is None else Group(inner, self._called.get(number, ""), number)
        if code is op.BRANCH:
            return Either(tuple(self.sequence(each, flags) for each in argument[1]))
        if code in _GREEDS:
            return self._repeat(code, argument, flags)
        if code is op.ATOMIC_GROUP:
            return Atomic(self.sequence(argument, flags))
        if code in (op.ASSERT, op.ASSERT_NOT):
            direction, body = argument
            return Look(self.sequence(body, flags), direction > 0, code is op.ASSERT_NOT)
        if code is op.FAILURE:
            return NOTHING
        if code is op.GROUPREF:
            return Back(argument, bool(flags & re.IGNORECASE))
        raise InexpressibleError(f"has what the engine does not know: {code}")

    def _repeat(self, code: Any, argument: Any, flags: int) -> Node:
        least, most, body = argument
        inner = self.sequence(body, flags)
        end = None if most is op.MAXREPEAT else int(most)
        if end != 1 and inner.extent.least == 0:
            raise InexpressibleError("repeats what may be empty")
        if (end is not None and end > 65535) or least > 65535:
            raise InexpressibleError("repeats more than 65535 times")
        return Repeat(inner, int(least), end, _GREEDS[code])


def _chars(code: Any, argument: Any, flags: int) -> frozenset[int]:
    """Give the ASCII characters that a literal or a class matches."""
    ignore_case = bool(flags & re.IGNORECASE)
    if code is op.ANY:
        return ASCII if flags & re.DOTALL else ASCII - {LF}
    if code is op.LITERAL:
        return _cases({argument}, ignore_case=ignore_case)
    if code is op.NOT_LITERAL:
        return ASCII - _cases({argument}, ignore_case=ignore_case)
    found: set[int] = set()
    negated = False
    for kind, value in argument:
        if kind is op.NEGATE:
            negated = True
        elif kind is op.LITERAL:
            found |= _cases({value}, ignore_case=ignore_case)
        elif kind is op.RANGE:
            found |= _cases(set(range(value[0], value[1] + 1)), ignore_case=ignore_case)
        elif kind is op.CATEGORY:
            found |= _category(_CATEGORIES[value])
        else:
            raise InexpressibleError(f"has a class that the engine does not know: {kind}")
    return ASCII - found if negated else frozenset(found)


def _cases(codes: set[int], *, ignore_case: bool) -> frozenset[int]:
    if not ignore_case:
        return ASCII & codes
    if not codes <= ASCII:
        # Some letters beyond ASCII are other cases of ASCII's: the Kelvin sign is a K.
        raise InexpressibleError("ignores the case of letters that are no ASCII")
    return frozenset(ord(case) for code in codes for case in (chr(code).lower(), chr(code).upper()))


@cache
def _category(text: str) -> frozenset[int]:
    """Ask the engine of the reference itself what it takes for a word, a digit, a blank."""
    pattern = regex.compile(text, regex.VERSION0)
    return frozenset(code for code in ASCII if pattern.match(chr(code)))
