# SPDX-License-Identifier: MIT
"""Several filters over one log: a single search of a block tells which of them have work there.

Each filter names texts of which every line that matters to it holds one.  All of them are looked
for at once: hyperscan does that at several gigabytes a second, however many texts there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

try:
    from hyperscan import Database, error
except ImportError:  # the extra "fast" is not installed
    Database = None  # type: ignore[assignment,misc]  # there is none then

DENSE: Final = 0.15
"""The share of lines that may matter to a filter from which on it had better look at all."""

Spans = Sequence[tuple[int, int]]
"""Begins and ends, LF included, of lines."""

_Found = list[tuple[int, int]]
# Where a text ends, and which one it is.


class Asking(Protocol):
    """What looks for lines: a matcher."""

    def rarest(self, data: bytes) -> tuple[bytes, ...]:
        """Give texts of which every line that matters holds one; () if there are none."""
        ...


class FirstLook:
    """Looks through blocks for several filters, in the order in which these are given."""

    def __init__(self, asking: Sequence[Asking], sample: bytes) -> None:
        """Choose by a sample of the log what to look for; takes a while, in any thread."""
        asked = [each.rarest(sample) for each in asking]
        texts = list(dict.fromkeys(text for those in asked for text in those))
        self._askers = [
            tuple(number for number, those in enumerate(asked) if text in those) for text in texts
        ]
        # Whoever asks for nothing has to look at every line himself.
        self._can_say = tuple(bool(those) for those in asked)
        self._search = _searcher(texts) if sum(self._can_say) > 1 else None

    def lines(self, data: bytes, number: int) -> list[Spans | None]:
        """Give the lines of a block for each filter; None where it has to look for itself.

        ``number`` is how many lines the block has.
        """
        if self._search is None:
            return [None] * len(self._can_say)
        found: list[list[tuple[int, int]]] = [[] for _ in self._can_say]
        behind = 0
        line = (0, 0)
        for end, text in self._search(data):
            if end > behind:
                start = data.rfind(b"\n", behind, end) + 1 or behind
                behind = data.find(b"\n", end) + 1
                line = (start, behind)
            for asker in self._askers[text]:
                lines = found[asker]
                if not lines or lines[-1] is not line:
                    lines.append(line)
        most = DENSE * number
        return [
            lines if can_say and len(lines) <= most else None
            for lines, can_say in zip(found, self._can_say, strict=True)
        ]


def _searcher(texts: Sequence[bytes]) -> Callable[[bytes], _Found] | None:
    """Give what finds texts, those that overlap too, by where they end; None if nothing does."""
    if Database is None:
        return None
    database = Database()
    numbers = list(range(len(texts)))
    try:
        database.compile(
            [_literal(text) for text in texts], ids=numbers, elements=len(texts), flags=0
        )
    except error:  # a processor that it is not made for
        return None

    def search(data: bytes) -> _Found:
        found: _Found = []

        def note(text: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found.append((end, text))

        database.scan(data, match_event_handler=note)
        return found

    return search


def _literal(text: bytes) -> bytes:
    """Write a text as an expression."""
    return b"".join(b"\\x%02x" % byte for byte in text)
