# SPDX-License-Identifier: MIT
"""Lines that the engine leaves to the reference without searching them.

These are lines that are no ASCII or end with CR LF, those that hold the character by which the
engine marks what it finds, those in which a JSON object may begin, and those that may begin a
message whose address stands behind the peer's text, or that is written twice.  Of the latter a text
is looked for first that such a beginning holds; in the few lines with one, the rest of the
beginning is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from logban.matching.compiler import ExpressionError, expand
from logban.matching.engine.factoring import flat, literal
from logban.matching.engine.heads import begins_at
from logban.matching.engine.pcre2 import Code, Library, Pcre2Error
from logban.matching.engine.prefilter import Literals
from logban.matching.engine.rewrite import COMMON_FROM, Writer
from logban.matching.engine.syntax import At, InexpressibleError, Place, parse
from logban.matching.engine.syntax import Sequence as InOrder
from logban.matching.gates import LiteralSets

MARKER: Final = b"\x01"
"""What stands around each part of what the engine found; no line that it is given holds it."""

_NOT_PLAIN: Final = re.compile(rb"[\x80-\xff\x01][^\n]*+|\r\n")
_ANY_BEFORE: Final = frozenset(range(128))

Beginning = tuple[str, LiteralSets]
"""An expression that is found in a message's first line, and the literals that it asks for."""


class Doubts:
    """Finds the lines of which the engine is not sure."""

    def __init__(
        self, library: Library, texts: Sequence[bytes], beginnings: Sequence[Beginning]
    ) -> None:
        """Doubt lines with one of these ``texts``, and those that may be one of ``beginnings``."""
        told_by = [*texts, *(each for _, sets in beginnings for each in sorted(sets[0]))]
        self._literals = Literals(told_by)
        ways = [re.escape(each.decode("ascii")) for each in texts]
        writer = Writer()
        for expression, sets in beginnings:
            ways += _ways(expression, sets[0], writer)
        self._beginnings: Code | None = None
        if ways:
            text = rf"(*LF)(?m)^[^\n]*?(?:{'|'.join(ways)})[^\n]*+"
            self._beginnings = Code(library, writer.shortened(text, COMMON_FROM[0]))

    def places(self, data: bytes) -> list[int]:
        """Give, in order, for each doubtful line a place in it or several."""
        found = []
        # A single byte is looked for far faster than two.
        if not data.isascii() or MARKER in data or (b"\r" in data and b"\r\n" in data):
            found = [each.start() for each in _NOT_PLAIN.finditer(data)]
        if self._literals.are_in(data):
            found = sorted([*found, *self._begun(data)])
        return found

    def _begun(self, data: bytes) -> list[int]:
        """Give where lines begin that may be one of the beginnings."""
        assert self._beginnings is not None  # noqa: S101  # it has a way for each literal
        spans = self._literals.lines(data)
        lines = [data[start:end] for start, end in spans]
        try:
            begun = set(self._beginnings.records(b"".join(lines), b"$0\n").split(b"\n"))
        except Pcre2Error:
            return [start for start, _ in spans]
        return [start for start, end in spans if data[start : end - 1] in begun]


def _ways(expression: str, literals: frozenset[bytes], writer: Writer) -> list[str]:
    """Write what a line must hold that is found by an expression: from its literal on to its end.

    The literals alone, if more can't be told.
    """
    alone = [re.escape(each.decode("ascii")) for each in sorted(literals)]
    if len(alone) > 1:
        return alone
    (needed,) = literals
    try:
        items = flat(parse(expand(expression)))
        for at in range(len(items)):
            if literal(items[at:]).startswith(needed.decode("ascii")):
                rest = begins_at(InOrder((At(Place.START), *items[at:])), "", _ANY_BEFORE)
                return [writer.write((rest,), ())]
    except (ExpressionError, InexpressibleError):
        pass
    return alone
