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

from logban.matching.engine.pcre2 import Code, Library, Pcre2Error
from logban.matching.engine.prefilter import Literals

MARKER: Final = b"\x01"
"""What stands around each part of what the engine found; no line that it is given holds it."""

_NOT_PLAIN: Final = re.compile(rb"[\x80-\xff\x01][^\n]*+|\r\n")


class Doubts:
    """Finds the lines of which the engine is not sure."""

    def __init__(self, library: Library, texts: Sequence[bytes], expression: str) -> None:
        """Doubt the lines in which the expression is found; they hold one of the ``texts``."""
        self._literals = Literals(texts)
        self._code = Code(library, expression) if texts else None

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
        assert self._code is not None  # noqa: S101  # there are texts
        spans = self._literals.lines(data)
        lines = [data[start:end] for start, end in spans]
        try:
            begun = set(self._code.records(b"".join(lines), b"$0\n").split(b"\n"))
        except Pcre2Error:
            return [start for start, _ in spans]
        return [start for start, end in spans if data[start : end - 1] in begun]
