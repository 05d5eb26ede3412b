# SPDX-License-Identifier: MIT
"""Many texts searched for at once.

ahocorasick_rs looks for up to some dozen texts at ten gigabytes a second, if few places look like
the beginning of one: by the first four bytes of each, or fewer if one of them has fewer.  So each
is looked for from four bytes on that are rare, and the shortest only where they may stand at all.
Without ahocorasick_rs, the texts are looked for one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Protocol

try:
    from ahocorasick_rs import BytesAhoCorasick, MatchKind
except ImportError:  # the extra "fast" is not installed
    BytesAhoCorasick = None  # type: ignore[assignment,misc]  # there is none then

PROBE: Final = 8 * 1024
"""Bytes of a block by which it is told how many of its lines may matter."""

DENSE: Final = 0.15
"""The share of lines that may matter from which on all of them are searched."""

SAMPLED: Final = 16 * 1024
"""Bytes by which it is told what is rare."""

FIRST: Final = 4
"""Bytes by which a place is told where a text may begin."""


class _Automaton(Protocol):
    def find_matches_as_indexes(self, haystack: bytes) -> list[tuple[int, int, int]]:
        """Give number, begin and end of each text that is found, none inside of another."""
        ...


class Literals:
    """Texts to be searched for; what is found is a line with one of them, or with its end."""

    def __init__(self, texts: Iterable[bytes]) -> None:
        self._texts = tuple(dict.fromkeys(texts))
        self._short = [text for text in self._texts if len(text) < FIRST]
        # For all of them, and without the short ones.
        self._automata: tuple[_Automaton, _Automaton] | None = None

    def are_in(self, data: bytes) -> bool:
        """Tell whether one of them stands somewhere."""
        automaton = self._automaton(data)
        if automaton is not None:
            return bool(automaton.find_matches_as_indexes(data))
        return any(text in data for text in self._texts)

    def lines(self, data: bytes) -> list[tuple[int, int]]:
        """Give begin and end, LF included, of the lines with one of them."""
        automaton = self._automaton(data)
        if automaton is not None:
            return _spans(data, (at for _, at, _ in automaton.find_matches_as_indexes(data)))
        return _spans(data, sorted({at for text in self._texts for at in _places(data, text)}))

    def are_dense(self, data: bytes) -> bool:
        """Tell whether so many lines have one of them that it is better to search all lines."""
        if BytesAhoCorasick is None or not self._texts:
            return True
        probe = data[: data.rfind(b"\n", 0, PROBE) + 1]
        return len(self.lines(probe)) > DENSE * probe.count(b"\n")

    def _automaton(self, data: bytes) -> _Automaton | None:
        """Give what looks for them in such data; None if there is nothing to look with, or for."""
        if BytesAhoCorasick is None or not self._texts:
            return None
        if self._automata is None:
            ends = [_rare_end(text, data[:SAMPLED]) for text in self._texts]
            long = [end for end in ends if len(end) >= FIRST]
            # The default kind of match is twenty times as slow.
            kind = MatchKind.LeftmostFirst
            self._automata = BytesAhoCorasick(ends, kind), BytesAhoCorasick(long, kind)
        # A single byte is looked for far faster than two.
        return self._automata[not any(text[:1] in data for text in self._short)]


def _rare_end(text: bytes, sample: bytes) -> bytes:
    """Give a text from four bytes on that a sample has seldom, or never."""
    least, rarest = len(sample), text
    for at in range(len(text) - FIRST + 1):
        times = sample.count(text[at : at + FIRST])
        if times < least:
            least, rarest = times, text[at:]
        if not times:
            break
    return rarest


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
