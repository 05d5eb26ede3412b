# SPDX-License-Identifier: MIT
"""Which lines of a block a filter's rules and quotes ask for, and which of them do."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from logban.matching.definition import Expression, FilterDefinition, Quote
from logban.matching.gates import Gates, LiteralSets
from logban.matching.known import Needed


class Candidate(NamedTuple):
    """A line that is worth looking at.

    ``numbers`` are the rules to try, and behind them the quotes that may begin, each by its number
    as :class:`Candidates` counts them; ``ends`` are the quotes that may end, by theirs.
    """

    start: int
    end: int
    numbers: Sequence[int]
    ends: Sequence[int] = ()


class Candidates:
    """The gates of a filter: one for rules and the beginnings of quotes, one for each one's end."""

    def __init__(self, definition: FilterDefinition, needed: Needed) -> None:
        """``needed`` gives the literals that an expression requires."""
        json = definition.json is not None

        def literals(expression: Expression) -> LiteralSets:
            return needed(expression.text, json=json)

        of_prefix = literals(definition.prefix) if definition.prefix else ()
        patterns = [expression.text for expression in definition.date_patterns]
        anchored = bool(patterns) and all(each.startswith("{^LN-BEG}") for each in patterns)

        def of_quote(expression: Expression) -> LiteralSets:
            # Its lines are no JSON, but what is asked for of the rules as well costs nothing.
            own = needed(expression.text, whole=anchored)
            return tuple({*literals(expression), *own})

        required = [
            of_quote(rule.expression) if rule.witness else literals(rule.expression) or of_prefix
            for rule in definition.rules
        ]
        self._quotes = definition.quotes
        self.begins = range(len(required), len(required) + len(definition.quotes))
        """The numbers of the quotes' beginnings."""
        required += [of_quote(quote.begin) for quote in definition.quotes]
        self.gates = Gates(required)
        self._begin_gates = Gates(required[self.begins.start :])
        self._end_gates = {
            number: Gates([of_quote(quote.end)])
            for number, quote in enumerate(definition.quotes)
            if quote.end is not None
        }

    def asked_of_quotes(self) -> list[tuple[Quote, LiteralSets]]:
        """Give what a line must hold to begin each of the quotes."""
        asked = map(self.gates.asked_of, self.begins)
        return list(zip(self._quotes, asked, strict=True))

    def of_block(self, data: bytes, open_quotes: AbstractSet[str]) -> list[Candidate]:
        """Give each line that some rule or quote asks for, in order.

        Ends of quotes are only looked for where there may be a beginning: in the block, or of one
        of the ``open_quotes``.
        """
        found = [Candidate(*each) for each in self.gates.candidates(data)]
        first = self.begins.start
        begun = set(open_quotes)
        begun.update(
            self._quotes[number - first].name
            for candidate in found
            if candidate.numbers[-1] >= first
            for number in candidate.numbers
            if number >= first
        )
        if not begun:
            return found
        lines = {each.start: each for each in found}
        for quote, gates in self._end_gates.items():
            if self._quotes[quote].name in begun:
                for start, end, _ in gates.candidates(data):
                    known = lines.get(start, Candidate(start, end, ()))
                    lines[start] = known._replace(ends=(*known.ends, quote))
        return [lines[start] for start in sorted(lines)]

    def of_line(self, line: bytes) -> tuple[Sequence[int], list[int]]:
        """Give the rules and quotes' beginnings that a line asks for, and the quotes' ends."""
        return self.gates.of_line(line), self._ends(line)

    def as_beginning(self, line: bytes) -> tuple[list[int], list[int]]:
        """Give the same without rules: the quotes that may begin, and which of these may end."""
        begun = self._begin_gates.of_line(line)
        ends = [each for each in begun if each in self._end_gates and self._may_end(each, line)]
        return [self.begins.start + number for number in begun], ends

    def _ends(self, line: bytes) -> list[int]:
        return [quote for quote in self._end_gates if self._may_end(quote, line)]

    def _may_end(self, quote: int, line: bytes) -> bool:
        return bool(self._end_gates[quote].of_line(line))
