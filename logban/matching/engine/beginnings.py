# SPDX-License-Identifier: MIT
"""Which lines may begin a message of several lines, as far as a text tells.

Whether one does only the reference knows; of a line without such a text nobody has to ask it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from logban.matching.engine.prefilter import Literals
from logban.matching.gates import LiteralSets

SAMPLED: Final = 64 * 1024
"""Bytes by which it is told which of the texts are rare in a log."""


class Beginnings:
    """Finds the lines that may begin one of some kinds of messages."""

    def __init__(self, asked: Iterable[LiteralSets]) -> None:
        """Take for each kind the sets of which its beginning must hold one text each."""
        self._asked = tuple(asked)
        self._literals: Literals | None = None

    def lines(self, text: bytes) -> list[tuple[int, int]]:
        """Give begin and end, LF included, of the lines with one of the texts."""
        return self._chosen(text).lines(text)

    def may_be(self, line: bytes, text: bytes) -> bool:
        """Tell whether a line of a text has one of the texts asked for."""
        return self._chosen(text).are_in(line)

    def _chosen(self, text: bytes) -> Literals:
        """Give the texts to look for, rare ones in the text that comes first."""
        if self._literals is None:
            sample = text[:SAMPLED]
            rare = [
                min(sets, key=lambda texts: (sum(map(sample.count, texts)), -min(map(len, texts))))
                for sets in self._asked
            ]
            self._literals = Literals(text for texts in rare for text in texts)
        return self._literals
