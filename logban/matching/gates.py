# SPDX-License-Identifier: MIT
"""Which lines of a block are worth looking at, and for which rules.

Two looks, both at bytes.  The first searches the whole block for a few literals that together
stand for all rules (``chan_sip.c`` for all that chan_sip prints); the second, on the lines that
hold one of them, asks for every literal that each of their rules requires.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Final

LiteralSets = tuple[frozenset[bytes], ...]
"""Sets of which a line must hold one literal each; see ``literals.required_literals``."""

_Plan = tuple[tuple[tuple[bytes, ...], tuple[int, ...]], ...]
# A literal of the first look, what to ask then, and an expression for the beginning of that.
_Look = tuple[bytes, _Plan, re.Pattern[bytes] | None]


SAMPLE_SIZE: Final = 16 * 1024
"""Bytes of a block that tell what is rare in a log."""

SAMPLED: Final = 32 * 1024
"""Bytes of a block that are looked at for that, at the most."""

SAMPLE_EVERY: Final = 512
"""Blocks of that size after which another sample is taken: logs change."""

COST_OF_BYTE: Final = 1 / 13000
"""What searching one byte costs, in lines looked at: 0.2 ns and 3 microseconds, measured."""

SOON_ASKED: Final = 4
"""Literals that are sooner asked for one by one than with an expression."""


class Gates:
    """Finds the candidate lines for a list of rules, each known by its number in the list."""

    def __init__(self, required: Sequence[LiteralSets]) -> None:
        self.ungated = tuple(number for number, sets in enumerate(required) if not sets)
        # What few rules ask for is what few lines have, so it is asked for first.
        shared = Counter(choice for sets in required for choice in sets)
        self._required = [
            [
                tuple(sorted(each))
                for each in sorted(
                    sets, key=lambda one: (shared[one], len(one), -min(map(len, one)), sorted(one))
                )
            ]
            for sets in required
        ]
        self._sets = [tuple(map(frozenset, each)) for each in self._required]
        self._asked: dict[bytes, set[int]] = {}
        self._looks: list[_Look] | None = None
        self._until_sample = 0

    def candidates(self, data: bytes) -> list[tuple[int, int, list[int]]]:
        """Give start, end and the rules worth trying, in their order, of each candidate line."""
        if self.ungated:
            return self._among_all(data)
        if len(data) >= SAMPLE_SIZE:
            self._sample(data)
        found: dict[int, tuple[int, int, list[int]]] = {}
        for literal, plan, asked in self._first_look():
            position = data.find(literal)
            while position >= 0:
                start = data.rfind(b"\n", 0, position) + 1
                end = data.find(b"\n", position)
                if asked is not None and asked.search(data, start, end) is None:
                    position = data.find(literal, end)
                    continue
                worth = self._worth_trying(data[start:end], plan)
                if worth:
                    if start in found:
                        worth = list({*worth, *found[start][2]})
                    found[start] = start, end, worth
                position = data.find(literal, end)
        for _, _, worth in found.values():
            worth.sort()
        return [found[start] for start in sorted(found)]

    def asked_first(self, data: bytes) -> tuple[bytes, ...]:
        """Give texts of which each candidate line holds one; () if every line is one."""
        if self.ungated:
            return ()
        if len(data) >= SAMPLE_SIZE:
            self._sample(data)
        return tuple(self._chosen())

    def rarest(self, data: bytes) -> tuple[bytes, ...]:
        """Give texts of which each candidate line holds one, rare in a sample; () as above."""
        if self.ungated:
            return ()
        choices = _cover(self._sets, self._cost(data))
        return tuple(dict.fromkeys(chain.from_iterable(map(sorted, choices))))

    def of_line(self, line: bytes) -> list[int]:
        """Give the rules worth trying on a line."""
        return sorted(self._worth_trying(line, self._every))

    def asked_of(self, number: int) -> LiteralSets:
        """Give what is asked of a line for a rule, what fewest others ask for first."""
        return self._sets[number]

    @cached_property
    def _every(self) -> _Plan:
        return self._plan(range(len(self._required)))

    def _sample(self, data: bytes) -> None:
        """Adapt the first look to the log: what it asks for should be rare."""
        self._until_sample -= 1
        if self._until_sample < 0:
            self._until_sample = SAMPLE_EVERY
            self._choose(self._cost(data[:SAMPLED]))

    def _cost(self, data: bytes) -> Mapping[bytes, float]:
        """Give what it costs to ask for each literal in such a log."""
        literals = {literal for sets in self._sets for each in sets for literal in each}
        search = len(data) * COST_OF_BYTE
        return {literal: search + data.count(literal) for literal in literals}

    def _choose(self, cost: Mapping[bytes, float]) -> None:
        """Choose what the first look asks for, by what each literal costs."""
        self._asked, self._looks = {}, None
        for choice, rules in _cover(self._sets, cost).items():
            for literal in choice:
                self._asked.setdefault(literal, set()).update(rules)

    def _chosen(self) -> Mapping[bytes, set[int]]:
        """Give what the first look asks for, with the rules for which it does."""
        if not self._asked:
            self._choose(dict.fromkeys(chain.from_iterable(chain.from_iterable(self._sets)), 1.0))
        return self._asked

    def _first_look(self) -> list[_Look]:
        if self._looks is None:
            plans = [(literal, self._plan(rules)) for literal, rules in self._chosen().items()]
            self._looks = [(literal, plan, _any_of(plan)) for literal, plan in plans]
        return self._looks

    def _among_all(self, data: bytes) -> list[tuple[int, int, list[int]]]:
        """Look at every line: some rule has no literal that would tell which lines it can match."""
        found = []
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            worth = self._worth_trying(data[start:end], self._every)
            if worth:
                found.append((start, end, sorted(worth)))
            start = end + 1
        return found

    def _worth_trying(self, line: bytes, plan: _Plan) -> list[int]:
        worth: list[int] = []
        for choice, those in plan:
            for literal in choice:
                if literal in line:
                    worth += [number for number in those if self._holds_rest(line, number)]
                    break
        return worth

    def _plan(self, rules: Iterable[int]) -> _Plan:
        """Group rules by what is asked for first of a line."""
        groups: dict[tuple[bytes, ...], list[int]] = {}
        for number in sorted(rules):
            sets = self._required[number]
            # Every line holds the empty literal, which is what an ungated rule asks for.
            groups.setdefault(sets[0] if sets else (b"",), []).append(number)
        return tuple((choice, tuple(those)) for choice, those in groups.items())

    def _holds_rest(self, line: bytes, rule: int) -> bool:
        for choice in self._required[rule][1:]:
            for literal in choice:
                if literal in line:
                    break
            else:
                return False
        return True


def _any_of(plan: _Plan) -> re.Pattern[bytes] | None:
    """Give an expression that finds what a plan asks for first; None if it is soon asked for."""
    literals = sorted({literal for choice, _ in plan for literal in choice})
    if len(literals) <= SOON_ASKED:
        return None
    return re.compile(b"|".join(map(re.escape, literals)))


def _cover(
    required: Sequence[LiteralSets], cost: Mapping[bytes, float]
) -> dict[frozenset[bytes], set[int]]:
    """Choose cheap sets of literals that stand for every gated rule; give each with its rules."""
    rules_of: dict[frozenset[bytes], set[int]] = {}
    for number, sets in enumerate(required):
        for choice in sets:
            rules_of.setdefault(choice, set()).add(number)
    cost_of = {choice: sum(cost[literal] for literal in choice) for choice in rules_of}
    rank = {choice: (min(map(len, choice)), sorted(choice)) for choice in rules_of}
    chosen: dict[frozenset[bytes], set[int]] = {}
    while rules_of:
        choice = max(rules_of, key=lambda each: (len(rules_of[each]) / cost_of[each], *rank[each]))
        stood_for = chosen[choice] = rules_of[choice]
        rules_of = {each: left for each, some in rules_of.items() if (left := some - stood_for)}
    return chosen
