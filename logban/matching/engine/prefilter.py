# SPDX-License-Identifier: MIT
"""Many texts searched for at once.

ahocorasick_rs looks for up to some dozen texts at ten gigabytes a second.  Without it, the texts
are looked for one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

try:
    from ahocorasick_rs import BytesAhoCorasick, MatchKind
except ImportError:  # the extra "fast" is not installed
    BytesAhoCorasick = None  # type: ignore[assignment,misc]  # there is none then

PROBE: Final = 8 * 1024
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

    def lines(self, data: bytes) -> list[tuple[int, int]] | None:
        """Give begin and end, LF included, of the lines with one of them; None if many are."""
        if self._automaton is None:
            return None
        find = self._automaton.find_matches_as_indexes
        probe = data[: data.rfind(b"\n", 0, PROBE) + 1]
        if len(_spans(probe, find(probe))) > DENSE * probe.count(b"\n"):
            return None
        return _spans(data, find(data))


def _spans(data: bytes, found: Sequence[tuple[int, int, int]]) -> list[tuple[int, int]]:
    spans = []
    end = 0
    for _, at, _ in found:
        if at >= end:
            start, end = data.rfind(b"\n", end, at) + 1 or end, data.find(b"\n", at) + 1
            spans.append((start, end))
    return spans
