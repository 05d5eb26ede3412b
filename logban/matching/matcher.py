# SPDX-License-Identifier: MIT
"""The reference matcher: it defines which lines are failures or successes, and whose.

A line is a failure, or a success if the rule says so, if, in this order,

1. for some rule it holds the literals that the rule requires (see ``literals``),
2. the filter's ``prefregex``, if there is one, is found in the line without its date, and
3. the rule's failregex is found in that text, or in the part that ``prefregex`` marks as
   ``<F-CONTENT>``; the first rule in the filter's order wins;
4. no ``ignoreregex`` is found in the text that the failregex saw;
5. neither captured anything as ``<F-NOFAIL>``, ``<F-MLFGAINED>`` or ``<F-AMBIGUOUS>``;
6. what the rule captured as the address is one;
7. the line is the program's own, and not a peer's text in a message of several lines, as far as
   the filter knows of such messages (see ``quotes``).

Step 1 is what makes it fast: blocks are searched for the literals, and only lines that hold them
are decoded and looked at (see ``gates``).  A faster engine may take the place of the gates and of
the searches behind them, never of this definition.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import tzinfo
from typing import Final

from logban.matching.candidates import Candidate, Candidates
from logban.matching.compiler import compile_expression
from logban.matching.counters import MatchCounters
from logban.matching.definition import FilterDefinition
from logban.matching.engine.joining import Engine, make_engine
from logban.matching.engine.ladder import Rung
from logban.matching.engine.saved import ProgramStore
from logban.matching.engine.taken import Taken
from logban.matching.known import KnownExpressions
from logban.matching.line_reader import LineReader, Place, Text
from logban.matching.literals import required_literals
from logban.matching.messages import Opened
from logban.matching.multiline import LineBuffer
from logban.matching.named import NamedFailure
from logban.matching.quotes import SeenLine
from logban.matching.remembered import Remembered
from logban.model import Block, Failure, Outcome, Success

DEFAULT_TIMEOUT: Final = 0.1
"""Seconds that one search may take; a line that needs more is skipped and counted."""

WORTH_AN_ENGINE: Final = 64 * 1024
"""Bytes of a log from which on it is worth the time to make an engine."""


class Matcher:
    """Finds the failures and successes in blocks of lines, by the rules of one filter."""

    def __init__(
        self,
        definition: FilterDefinition,
        *,
        zone: tzinfo | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        encoding: str = "utf-8",
        dated: bool = True,
        rung: Rung = Rung.FULL,
        programs: ProgramStore | None = None,
        known: KnownExpressions | None = None,
        is_hurried: bool = False,
    ) -> None:
        """Compile a filter; ExpressionError if it can't be (reading the configuration checks it).

        ``zone`` is that of dates which name none (None: the C library's).  ``encoding`` has to
        agree with ASCII on its characters.  ``dated=False`` looks for no dates.  ``rung`` is the
        fastest engine to use, ``programs`` where engines' programs are kept.  What is ``known`` of
        expressions lets them be compiled when they are needed.  ``is_hurried`` says that nobody
        has the time to make an engine while lines wait: who calls sees to it.
        """
        self._reader = LineReader(
            definition,
            compile_expression if known is None else known.pattern,
            zone=zone,
            timeout=timeout,
            encoding=encoding,
            dated=dated,
            are_known=known is not None,
        )
        self._max_lines = definition.reading.lines
        self._hearsay_rules = {rule.name for rule in definition.rules if rule.hearsay}
        self._witness_rules = {rule.name for rule in definition.rules if rule.witness}
        self.unsaid: set[int] = set()
        """Where lines of the last block begin that a rule knows and that are not believed yet."""
        self.is_guarded = bool(definition.quotes or self._hearsay_rules or self._witness_rules)
        self._sources: dict[str, Remembered] = {}
        self._candidates = Candidates(
            definition, required_literals if known is None else known.literals
        )
        self.longest_message = max((quote.longest for quote in definition.quotes), default=0)
        self.ungated_rules = [
            self._reader.rules[number].name
            for number in self._candidates.gates.ungated
            if number < len(self._reader.rules)
        ]
        self._definition, self._rung, self._programs = definition, rung, programs
        self._engine: Engine | str | None = None
        self._worth = math.inf if is_hurried else WORTH_AN_ENGINE
        self._seen = 0

    @property
    def counters(self) -> MatchCounters:
        """What became of the lines since these were last taken."""
        return self._reader.counters

    @property
    def named(self) -> int:
        """Failures of hosts without an address, also those that nobody took in time."""
        return self._reader.named

    @property
    def engine(self) -> Engine | str:
        """Give the filter's engine, or the reason why it has none; made when first asked for."""
        if self._engine is None:
            asked = self._candidates.asked_of_quotes()
            self._engine = make_engine(
                self._definition, self._reader.dates, asked, self._rung, self._programs
            )
        return self._engine

    @property
    def has_engine(self) -> bool | None:
        """Tell whether the engine is at work; None where nobody has made it yet."""
        return None if self._engine is None else isinstance(self._engine, Engine)

    @property
    def pace(self) -> str:
        """Say how lines are matched: the rung of the ladder, and why it is none above."""
        if isinstance(self._engine, Engine):
            return self._engine.rung.value
        why = "no engine has been made yet" if self._engine is None else self._engine
        return f"{Rung.REFERENCE.value}: {why}"

    def take_counters(self) -> MatchCounters:
        """Give what became of the lines since this was last asked."""
        taken, self._reader.counters = self._reader.counters, MatchCounters()
        return taken

    def match(
        self, block: Block, now: float, lines: Sequence[tuple[int, int]] | None = None
    ) -> list[Outcome]:
        """Give the failures and successes in a block; ``now`` lends the year to dates without.

        They come in the block's order, but for those of earlier lines that had been held back.
        ``lines`` are the begins and ends, LF included, of those that hold one of the texts that
        ``rarest`` has named, where somebody has looked for them already.
        """
        self.counters.lines += block.lines
        return self._match(block, now, lines)

    def _match(
        self, block: Block, now: float, lines: Sequence[tuple[int, int]] | None = None
    ) -> list[Outcome]:
        self.unsaid.clear()
        source = self._remembered(block.source)
        if self._max_lines > 1:
            return self._match_lines(block, source, now)
        source.guard.begin_block(block.data, block.offset, now)
        engine = self._engine_for(block)
        if engine is not None:
            outcomes = engine.match(Taken(self, block, source, now, lines))
        elif lines is not None and not self.is_guarded:
            outcomes = []
            for start, end in lines:
                outcomes += self.match_line(block, source, start, end - 1, now)
        else:
            outcomes = self.match_from(block, source, 0, now)
        source.guard.end_block()
        self._count(outcomes)
        return outcomes

    def skips(self, block: Block, now: float) -> bool:
        """Take note of a block no line of which holds a text asked for; False if it still matters.

        Then it has to be matched.
        """
        self.unsaid.clear()
        source = self._sources.get(block.source)
        return source is None or source.guard.skips(block.data, block.offset, now)

    def rarest(self, data: bytes) -> tuple[bytes, ...]:
        """Give texts of which every line that matters holds one; () if there are none.

        In a log like ``data`` they are rare.
        """
        return () if self._max_lines > 1 else self._candidates.gates.rarest(data)

    def count(self, block: Block, now: float) -> int:
        """Give only the number of failures in a block, which counts as matched.

        Its lines are not counted, which alone would take longer than all the rest.
        """
        engine = self._engine_for(block)
        if engine is None:
            return sum(isinstance(outcome, Failure) for outcome in self._match(block, now))
        source = self._remembered(block.source)
        source.guard.begin_block(block.data, block.offset, now)
        tally = engine.count(Taken(self, block, source, now))
        source.guard.end_block()
        self._count(())
        self.counters.failures += tally.failures
        self.counters.successes += tally.successes
        return tally.failures

    def _remembered(self, name: str) -> Remembered:
        source = self._sources.get(name)
        if source is None:
            source = self._sources[name] = Remembered(LineBuffer(self._max_lines))
        return source

    def _engine_for(self, block: Block) -> Engine | None:
        self._seen += len(block.data)
        engine = self.engine if self._seen >= self._worth else self._engine
        return engine if isinstance(engine, Engine) else None

    def match_from(self, block: Block, source: Remembered, begin: int, now: float) -> list[Outcome]:
        """Give what is in a block from a line's beginning on."""
        data = block.data[begin:] if begin else block.data
        outcomes: list[Outcome] = []
        for start, end, numbers, ends in self._candidates.of_block(
            data, source.guard.open_quotes()
        ):
            if numbers or source.guard.is_holding:
                candidate = Candidate(begin + start, begin + end, numbers, ends)
                outcomes += self._take(candidate, block, source, now)
        return outcomes

    def match_line(
        self, block: Block, source: Remembered, start: int, end: int, now: float
    ) -> list[Outcome]:
        """Give what a line of a block says, or makes believable."""
        numbers, ends = self._candidates.of_line(block.data[start:end])
        if not numbers and not (ends and source.guard.is_holding):
            return []
        return self._take(Candidate(start, end, numbers, ends), block, source, now)

    def asked_first(self, data: bytes) -> tuple[bytes, ...]:
        """Give texts of which every line that matters holds one; () if there are none.

        Which these are depends on the log, of which ``data`` may be taken for a sample.
        """
        return self._candidates.gates.asked_first(data)

    def as_seen(self, line: bytes, place: tuple[int, str], now: float) -> SeenLine:
        """Give a line as the guard sees it, but for what it says of somebody.

        ``place`` is where it begins, and the thread that it names.
        """
        offset, thread = place
        numbers, ends = self._candidates.as_beginning(line)
        if numbers:
            try:
                opened, ended = self._reader.quoted(self._reader.undated(line, now), numbers, ends)
                return SeenLine(offset, True, thread, None, opened, ended)
            except TimeoutError:
                pass  # the reference skips such a line
        return SeenLine(offset, headed=True, thread=thread, outcome=None)

    def _take(
        self, candidate: Candidate, block: Block, source: Remembered, now: float
    ) -> list[Outcome]:
        """Give what a line says, or makes believable; nothing if that takes too long."""
        start, end, numbers, ends = candidate
        try:
            text = self._reader.read(block.data[start:end], now)
            place = Place(block.source, block.offset + start, now, source.sessions)
            outcome = self._reader.judge(text, numbers, place)
            if self.is_guarded:
                opened, ended = self._reader.quoted(text, numbers, ends)
                return self._believed(source, text, outcome, (place.offset, opened, ended))
        except TimeoutError:
            self._note_timeout(block.source, block.offset + start)
            return []
        return [] if outcome is None else [outcome]

    def time_of(self, line: bytes, now: float) -> float | None:
        """Give the time that a line tells; None if it tells none, or not soon enough."""
        try:
            return self._reader.read(line, now).time
        except TimeoutError:
            return None

    def take_named(self) -> list[NamedFailure]:
        """Give the failures of hosts without an address since this was last asked."""
        return self._reader.take_named()

    def _note_timeout(self, source: str, offset: int) -> None:
        self.counters.timeouts += 1
        self.counters.last_timeout = f"{source}, byte {offset}"

    def _match_lines(self, block: Block, source: Remembered, now: float) -> list[Outcome]:
        """Give what is in a block by expressions that span several lines."""
        outcomes: list[Outcome] = []
        start = 0
        while (end := block.data.find(b"\n", start)) >= 0:
            place = Place(block.source, block.offset + start, now, source.sessions)
            try:
                outcome = self._reader.judge_lines(block.data[start:end], source.buffer, place)
                if outcome is not None:
                    outcomes.append(outcome)
            except TimeoutError:
                self._note_timeout(place.source, place.offset)
            start = end + 1
        self._count(outcomes)
        return outcomes

    def flush(self, now: float | None = None, source: str | None = None) -> list[Outcome]:
        """Give what was held back and of which nothing more will be learned; of one source or all.

        ``now`` is the time: sources that have not been quiet for a while are left alone.  Without
        it, they have come to their end.
        """
        outcomes = []
        for name, each in self._sources.items():
            if source is None or name == source:
                outcomes += each.guard.flush(now)
                if now is None:
                    each.hearsay.close()
        self._count(outcomes)
        return outcomes

    @property
    def is_open(self) -> bool:
        """Say whether there may be anything to flush."""
        return any(source.guard.is_open for source in self._sources.values())

    def keep(self, source: str) -> str:
        """Write down what is not over in a source; "" if there is nothing."""
        return self._sources[source].keep() if source in self._sources else ""

    def take_up(self, source: str, text: str, now: float) -> None:
        """Go on with what an earlier process wrote down; ValueError where it can't be used."""
        quotes = [compiled.quote for compiled in self._reader.quotes]
        self._remembered(source).take_up(text, quotes, now)

    @property
    def is_holding(self) -> bool:
        """Say whether anything is held back."""
        return any(source.guard.is_holding for source in self._sources.values())

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        successes = sum(isinstance(outcome, Success) for outcome in outcomes)
        self.counters.successes += successes
        self.counters.failures += len(outcomes) - successes
        for source in self._sources.values():
            self.counters.doubtful += source.guard.take_doubtful()
            self.counters.ambiguous += source.hearsay.unconfirmed
            source.hearsay.unconfirmed = 0

    def _believed(
        self,
        source: Remembered,
        text: Text,
        outcome: Outcome | None,
        place: tuple[int, tuple[Opened, ...], tuple[str, ...]],
    ) -> list[Outcome]:
        """Give what a line makes believable: its own outcome, or earlier ones, or both."""
        is_telling = text.content is not None and (outcome is not None or place[1])
        if not is_telling and not source.guard.is_holding:
            return []
        if outcome is not None:
            self.unsaid.add(outcome.offset)
        thread = self._reader.thread(text)
        told = None
        if outcome is not None and outcome.rule in self._witness_rules:
            witnessed = source.guard.knows(thread)
            told = source.hearsay.witnessed_by(outcome) if witnessed else None
            if isinstance(outcome, Failure):
                outcome = None
        elif isinstance(outcome, Failure) and outcome.rule in self._hearsay_rules:
            source.hearsay.hear(outcome, thread)
            outcome = None
        elif isinstance(outcome, Failure):
            told = source.hearsay.confirmed_by(outcome, thread)
        start, opened, ends = place
        headed = text.content is not None
        believed = source.guard.take(SeenLine(start, headed, thread, outcome, opened, ends))
        if told is not None:
            if outcome is None or isinstance(outcome, Success):
                believed.append(told)
            elif believed and believed[-1] is outcome:
                believed.insert(len(believed) - 1, told)
            else:
                source.hearsay.unconfirmed += 1
        return believed
