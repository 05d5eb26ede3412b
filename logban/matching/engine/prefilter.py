# SPDX-License-Identifier: MIT
"""Many texts searched for at once.

ahocorasick_rs looks for up to some dozen texts at ten gigabytes a second.  Without it, the texts
are looked for one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Protocol

try:
    from ahocorasick_rs import BytesAhoCorasick, MatchKind
except ImportError:  # the extra "fast" is not installed
    BytesAhoCorasick = None  # type: ignore[assignment,misc]  # there is none then

PROBE: Final = 32 * 1024
"""Bytes of a block by which it is told how many of its lines may matter."""

DENSE: Final = 0.15
"""The share of lines that may matter from which on all of them are searched."""


class _Automaton(Protocol):
    def find_matches_as_indexes(self, haystack: bytes) -> list[tuple[int, int, int]]:
        """Give number, begin and end of each text that is found, none inside of another."""
        ...


class Literals:
    """Texts to be searched for."""

    def __init__(self, texts: Iterable[bytes]) -> None:
        self._texts = tuple(dict.fromkeys(texts))
        self._automaton: _Automaton | None = None
        if BytesAhoCorasick is not None and self._texts:
            # The default kind of match is twenty times as slow.
            self._automaton = BytesAhoCorasick(list(self._texts), matchkind=MatchKind.LeftmostFirst)

    def are_in(self, data: bytes) -> bool:
        """Tell whether one of them stands somewhere."""
        if self._automaton is not None:
            return bool(self._automaton.find_matches_as_indexes(data))
        return any(text in data for text in self._texts)

    def lines(self, data: bytes) -> list[tuple[int, int]]:
        """Give begin and end, LF included, of the lines with one of them."""
        if self._automaton is not None:
            return _spans(data, (at for _, at, _ in self._automaton.find_matches_as_indexes(data)))
        return _spans(data, sorted({at for text in self._texts for at in _places(data, text)}))

    def are_dense(self, data: bytes) -> bool:
        """Tell whether so many lines have one of them that it is better to search all lines."""
        if self._automaton is None:
            return True
        probe = data[: data.rfind(b"\n", 0, PROBE) + 1]
        return len(self.lines(probe)) > DENSE * probe.count(b"\n")


def _places(data: bytes, text: bytes) -> Iterator[int]:
    at = data.find(text)
    while at >= 0:
        yield at
        at = data.find(text, at + 1)


def _spans(data: bytes, places: Iterable[int]) -> list[tuple[int, int]]:
    spans = []
    end = 0
    for at in places:
        if at >= end:
            start, end = data.rfind(b"\n", end, at) + 1 or end, data.find(b"\n", at) + 1
            spans.append((start, end))
    return spans
