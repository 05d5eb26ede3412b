# SPDX-License-Identifier: MIT
"""Which lines of a block are worth looking at, and for which rules.

Two looks, both at bytes.  The first searches the whole block for a few literals that together
stand for all rules (``chan_sip.c`` for all that chan_sip prints); the second, on the lines that
hold one of them, asks for every literal that each of their rules requires.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

LiteralSets = tuple[frozenset[bytes], ...]
"""Sets of which a line must hold one literal each; see ``literals.required_literals``."""


class Gates:
    """Finds the candidate lines for a list of rules, each known by its number in the list."""

    def __init__(self, required: Sequence[LiteralSets]) -> None:
        self.ungated = tuple(number for number, sets in enumerate(required) if not sets)
        # What few rules ask for is what few lines have, so it is asked for first.
        shared = Counter(choice for sets in required for choice in sets)
        self._required = [sorted(sets, key=shared.__getitem__) for sets in required]
        self._first_look: dict[bytes, set[int]] = {}
        for choice, rules in _cover(required).items():
            for literal in choice:
                self._first_look.setdefault(literal, set()).update(rules)

    def candidates(self, data: bytes) -> Iterator[tuple[int, int, list[int]]]:
        """Give start, end and the rules worth trying, in their order, of each candidate line."""
        hits = self._all_lines(data) if self.ungated else self._hits(data)
        for start, end, rules in hits:
            line = data[start:end]
            worth = [number for number in sorted(rules) if self._holds_all(line, number)]
            if worth:
                yield start, end, worth

    def _hits(self, data: bytes) -> Iterator[tuple[int, int, set[int]]]:
        """Give the lines that hold a literal of the first look."""
        found: dict[int, set[int]] = {}
        for literal, rules in self._first_look.items():
            position = data.find(literal)
            while position >= 0:
                start = data.rfind(b"\n", 0, position) + 1
                known = found.get(start)
                found[start] = rules if known is None else known | rules
                end = data.find(b"\n", position)
                position = data.find(literal, end) if end >= 0 else -1
        for start in sorted(found):
            yield start, data.find(b"\n", start), found[start]

    def _all_lines(self, data: bytes) -> Iterator[tuple[int, int, set[int]]]:
        """Give every line: some rule has no literal that would tell which lines it can match."""
        every = set(range(len(self._required)))
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            yield start, end, every
            start = end + 1

    def _holds_all(self, line: bytes, rule: int) -> bool:
        for choice in self._required[rule]:
            for literal in choice:
                if literal in line:
                    break
            else:
                return False
        return True


def _cover(required: Sequence[LiteralSets]) -> dict[frozenset[bytes], set[int]]:
    """Choose few sets of literals that stand for every gated rule; give each with its rules."""
    rules_of: dict[frozenset[bytes], set[int]] = {}
    for number, sets in enumerate(required):
        for choice in sets:
            rules_of.setdefault(choice, set()).add(number)
    left = {number for number, sets in enumerate(required) if sets}
    chosen: dict[frozenset[bytes], set[int]] = {}
    while left:
        choice = max(
            rules_of,
            key=lambda each: (
                len(rules_of[each] & left) / len(each),
                min(map(len, each)),
                sorted(each),
            ),
        )
        chosen[choice] = rules_of[choice] & left
        left -= rules_of[choice]
    return chosen
