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
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

import regex

from logban.matching.captures import join, read_encoded
from logban.matching.compiled import (
    CompiledRule,
    address_in,
    compile_quote,
    compile_rule,
    fields_of,
    host_in,
    is_proven,
)
from logban.matching.compiler import compile_expression
from logban.matching.dates import date_reader
from logban.matching.definition import (
    Expression,
    FilterDefinition,
    Quote,
)
from logban.matching.engine.joining import Engine, make_engine
from logban.matching.engine.ladder import Rung
from logban.matching.engine.saved import ProgramStore
from logban.matching.engine.taken import Taken
from logban.matching.gates import Gates, LiteralSets
from logban.matching.json_text import JsonReader
from logban.matching.keeping import keep, take_up
from logban.matching.known import KnownExpressions, Needed
from logban.matching.literals import required_literals
from logban.matching.multiline import BufferedLine, LineBuffer, time_of
from logban.matching.named import MAX_NAMED, NamedFailure
from logban.matching.quotes import Opened, QuoteGuard, SeenLine
from logban.matching.remembered import Remembered
from logban.model import Block, Failure, Outcome, Success

DEFAULT_TIMEOUT: Final = 0.1
"""Seconds that one search may take; a line that needs more is skipped and counted."""

WORTH_AN_ENGINE: Final = 64 * 1024
"""Bytes of a log from which on it is worth the time to make an engine."""

_Candidate = tuple[int, int, Sequence[int], Sequence[int]]
# Start and end of a line, the rules and the quotes' beginnings worth trying, the quotes' ends.

# In fail2ban's dialect <F-NOFAIL> and <F-MLFGAINED> mark lines that say that nobody failed.
_NO_FAILURE: Final = frozenset({"nofail", "mlfgained"})


@dataclass(slots=True)
class MatchCounters:
    """What became of the lines that a matcher has seen.

    ``successes`` are lines of those who got in, ``timeouts`` those skipped because an expression
    took too long, ``ignored`` those that an ignoreregex took back, ``unaddressed`` those whose
    captured address is none, ``ambiguous`` those that could name two addresses, ``doubtful`` those
    that may be a peer's invention.
    """

    lines: int = 0
    failures: int = 0
    successes: int = 0
    ignored: int = 0
    timeouts: int = 0
    unaddressed: int = 0
    ambiguous: int = 0
    doubtful: int = 0
    last_timeout: str = ""

    def add(self, other: MatchCounters) -> None:
        """Add what became of other lines."""
        self.lines += other.lines
        self.failures += other.failures
        self.successes += other.successes
        self.ignored += other.ignored
        self.timeouts += other.timeouts
        self.unaddressed += other.unaddressed
        self.ambiguous += other.ambiguous
        self.doubtful += other.doubtful
        self.last_timeout = other.last_timeout or self.last_timeout


@dataclass(slots=True)
class _Text:
    """A line's text without its date, and what of it the rules see."""

    time: float | None
    line: str
    bare: str
    prefixed: regex.Match[str] | None
    content: str | None
    unpacked: bool


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
        self.counters = MatchCounters()
        self._timeout = timeout
        self._encoding = encoding
        patterns = tuple(expression.text for expression in definition.date_patterns)
        patterns = patterns if dated else ("{NONE}",)
        self._dates = date_reader(patterns, zone, timeout, are_known=known is not None)
        compiled = compile_expression if known is None else known.pattern
        how = definition.reading
        self._max_lines = how.lines
        prefix = definition.prefix
        self._prefix = compiled(prefix.text, how) if prefix else None
        self._prefix_fields = fields_of(self._prefix) if self._prefix else ()
        self._ignore = [compiled(each.text, how) for each in definition.ignore]
        self._rules = [
            compile_rule(rule, compiled(rule.expression.text, how), self._prefix)
            for rule in definition.rules
        ]
        self.named = 0
        """Failures of hosts without an address, also those that nobody took in time."""
        self._named: deque[NamedFailure] = deque(maxlen=MAX_NAMED)
        self._json = JsonReader(definition.json, timeout, compiled) if definition.json else None
        self._quotes = [compile_quote(quote, compiled) for quote in definition.quotes]
        self._hearsay_rules = {rule.name for rule in definition.rules if rule.hearsay}
        self._witness_rules = {rule.name for rule in definition.rules if rule.witness}
        self.is_guarded = bool(self._quotes or self._hearsay_rules or self._witness_rules)
        self._sources: dict[str, Remembered] = {}
        self._make_gates(definition, required_literals if known is None else known.literals)
        self.ungated_rules = [
            self._rules[number].name for number in self._gates.ungated if number < len(self._rules)
        ]
        self._definition, self._rung, self._programs = definition, rung, programs
        self._engine: Engine | str | None = None
        self._worth = math.inf if is_hurried else WORTH_AN_ENGINE
        self._seen = 0

    def _make_gates(self, definition: FilterDefinition, needed: Needed) -> None:
        """Make the gates: one for the rules and quotes' beginnings, one for quotes' ends."""
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
        self._begins = range(len(required), len(required) + len(definition.quotes))
        self.longest_message = max((quote.size for quote in definition.quotes), default=0)
        required += [of_quote(quote.begin) for quote in definition.quotes]
        self._gates = Gates(required)
        self._begin_gates = Gates(required[self._begins.start :])
        self._end_gates = {
            number: Gates([of_quote(quote.end)])
            for number, quote in enumerate(definition.quotes)
            if quote.end is not None
        }

    @property
    def engine(self) -> Engine | str:
        """Give the filter's engine, or the reason why it has none; made when first asked for."""
        if self._engine is None:
            asked = self._asked_of_quotes()
            self._engine = make_engine(
                self._definition, self._dates, asked, self._rung, self._programs
            )
        return self._engine

    def _asked_of_quotes(self) -> list[tuple[Quote, LiteralSets]]:
        return [
            (self._quotes[number - self._begins.start].quote, self._gates.asked_of(number))
            for number in self._begins
        ]

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
        taken, self.counters = self.counters, MatchCounters()
        return taken

    def match(
        self, block: Block, now: float, lines: Sequence[tuple[int, int]] | None = None
    ) -> list[Outcome]:
        """Give the failures and successes in a block; ``now`` lends the year to dates without.

        They come in the block's order, but for those of earlier lines that had been held back.
        ``lines`` are the begins and ends, LF included, of those that hold one of the texts that
        ``rarest`` has named, where somebody has looked for them already.
        """
        self.counters.lines += block.data.count(b"\n")
        return self._match(block, now, lines)

    def _match(
        self, block: Block, now: float, lines: Sequence[tuple[int, int]] | None = None
    ) -> list[Outcome]:
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
        source = self._sources.get(block.source)
        return source is None or source.guard.skips(block.data, block.offset, now)

    def rarest(self, data: bytes) -> tuple[bytes, ...]:
        """Give texts of which every line that matters holds one; () if there are none.

        In a log like ``data`` they are rare.
        """
        return () if self._max_lines > 1 else self._gates.rarest(data)

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
        for start, end, numbers, ends in self._candidates(data, source.guard):
            if numbers or source.guard.is_holding:
                candidate = (begin + start, begin + end, numbers, ends)
                outcomes += self._take(candidate, block, source, now)
        return outcomes

    def match_line(
        self, block: Block, source: Remembered, start: int, end: int, now: float
    ) -> list[Outcome]:
        """Give what a line of a block says, or makes believable."""
        line = block.data[start:end]
        numbers = self._gates.of_line(line)
        ends = [quote for quote, gates in self._end_gates.items() if gates.of_line(line)]
        if not numbers and not (ends and source.guard.is_holding):
            return []
        return self._take((start, end, numbers, ends), block, source, now)

    def asked_first(self, data: bytes) -> tuple[bytes, ...]:
        """Give texts of which every line that matters holds one; () if there are none.

        Which these are depends on the log, of which ``data`` may be taken for a sample.
        """
        return self._gates.asked_first(data)

    def as_seen(self, line: bytes, place: tuple[int, str], now: float) -> SeenLine:
        """Give a line as the guard sees it, but for what it says of somebody.

        ``place`` is where it begins, and the thread that it names.
        """
        offset, thread = place
        begins = self._begin_gates.of_line(line)
        if begins:
            numbers = [self._begins.start + number for number in begins]
            ends = [quote for quote, gates in self._end_gates.items() if gates.of_line(line)]
            try:
                opened, ended = self._quoted(self._undated(line, now), numbers, ends)
                return SeenLine(offset, True, thread, None, opened, ended)
            except TimeoutError:
                pass  # the reference skips such a line
        return SeenLine(offset, headed=True, thread=thread, outcome=None)

    def _take(
        self, candidate: _Candidate, block: Block, source: Remembered, now: float
    ) -> list[Outcome]:
        """Give what a line says, or makes believable; nothing if that takes too long."""
        start, end, numbers, ends = candidate
        try:
            text = self._read(block.data[start:end], now)
            outcome = self._judge(text, numbers, block, start, now)
            if self.is_guarded:
                opened, ended = self._quoted(text, numbers, ends)
                return self._believed(source, text, outcome, (block.offset + start, opened, ended))
        except TimeoutError:
            self.counters.timeouts += 1
            self.counters.last_timeout = f"{block.source}, byte {block.offset + start}"
            return []
        return [] if outcome is None else [outcome]

    def time_of(self, line: bytes, now: float) -> float | None:
        """Give the time that a line tells; None if it tells none, or not soon enough."""
        try:
            return self._read(line, now).time
        except TimeoutError:
            return None

    def take_named(self) -> list[NamedFailure]:
        """Give the failures of hosts without an address since this was last asked."""
        named = list(self._named)
        self._named.clear()
        return named

    def _match_lines(self, block: Block, source: Remembered, now: float) -> list[Outcome]:
        """Give what is in a block by expressions that span several lines."""
        outcomes: list[Outcome] = []
        start = 0
        while (end := block.data.find(b"\n", start)) >= 0:
            try:
                line = block.data[start:end].decode(self._encoding, "replace").removesuffix("\r")
                dated = self._dates.read(line, now)
                seen = source.buffer.add(BufferedLine(line, dated.text, dated.time))
                outcome = self._judge_lines(seen, source, block, start, now)
                if outcome is not None:
                    outcomes.append(outcome)
            except TimeoutError:
                self.counters.timeouts += 1
                self.counters.last_timeout = f"{block.source}, byte {block.offset + start}"
            start = end + 1
        self._count(outcomes)
        return outcomes

    def _judge_lines(
        self, seen: str, source: Remembered, block: Block, start: int, now: float
    ) -> Outcome | None:
        """Give what the last lines say of somebody, if they do."""
        prefixed, content = self._prefixed(seen)
        if content is None:
            return None
        shift = prefixed.start("content") if prefixed is not None and content is not seen else 0
        for rule in self._rules:
            found: regex.Match[str] | None = rule.pattern.search(content, timeout=self._timeout)
            if found is None:
                continue
            lines = source.buffer.take(found, shift)
            matched = "".join(f"{each.text}\n" for each in lines)
            if any(ignore.search(matched, timeout=self._timeout) for ignore in self._ignore):
                self.counters.ignored += 1
                return None
            whole = "\n".join(each.line for each in lines)
            text = _Text(time_of(lines), whole, matched, prefixed, content, unpacked=False)
            return self._outcome(rule, found, text, (block.source, block.offset + start), now)
        return None

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
        return keep(self._sources[source]) if source in self._sources else ""

    def take_up(self, source: str, text: str, now: float) -> None:
        """Go on with what an earlier process wrote down; ValueError where it can't be used."""
        quotes = [compiled.quote for compiled in self._quotes]
        take_up(self._remembered(source), text, quotes, now)

    @property
    def is_holding(self) -> bool:
        """Say whether anything is held back."""
        return any(source.guard.is_holding for source in self._sources.values())

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        successes = sum(isinstance(outcome, Success) for outcome in outcomes)
        self.counters.successes += successes
        self.counters.failures += len(outcomes) - successes
        for source in self._sources.values():
            self.counters.doubtful += source.guard.doubtful
            self.counters.ambiguous += source.hearsay.unconfirmed
            source.guard.doubtful = source.hearsay.unconfirmed = 0

    def _candidates(self, data: bytes, guard: QuoteGuard) -> list[_Candidate]:
        """Give each line that some rule or quote asks for, in order.

        Ends of quotes are only looked for where there may be a beginning.
        """
        found: list[_Candidate] = [(*each, ()) for each in self._gates.candidates(data)]
        first = self._begins.start
        begun = guard.open_quotes()
        begun.update(
            self._quotes[number - first].quote.name
            for _, _, numbers, _ in found
            if numbers[-1] >= first
            for number in numbers
            if number >= first
        )
        if not begun:
            return found
        lines = {each[0]: each for each in found}
        for quote, gates in self._end_gates.items():
            if self._quotes[quote].quote.name in begun:
                for start, end, _ in gates.candidates(data):
                    known = lines.get(start, (start, end, (), ()))
                    lines[start] = start, end, known[2], (*known[3], quote)
        return [lines[start] for start in sorted(lines)]

    def _believed(
        self,
        source: Remembered,
        text: _Text,
        outcome: Outcome | None,
        place: tuple[int, tuple[Opened, ...], tuple[str, ...]],
    ) -> list[Outcome]:
        """Give what a line makes believable: its own outcome, or earlier ones, or both."""
        is_telling = text.content is not None and (outcome is not None or place[1])
        if not is_telling and not source.guard.is_holding:
            return []
        thread = self._thread(text)
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

    def _read(self, raw: bytes, now: float) -> _Text:
        """Take a line apart; its content is None where the rules have nothing to see."""
        text = self._undated(raw, now)
        # Expressions see the line's end, as in fail2ban: some ask for a blank behind everything.
        text.prefixed, text.content = self._prefixed(text.bare + "\n")
        return text

    def _undated(self, raw: bytes, now: float) -> _Text:
        """Take the date out of a line."""
        line = raw.decode(self._encoding, "replace").removesuffix("\r")
        unpacked = self._json.read(line) if self._json is not None else None
        dated = self._dates.read(line if unpacked is None else unpacked, now)
        return _Text(dated.time, line, dated.text, None, None, unpacked is not None)

    def _prefixed(self, text: str) -> tuple[regex.Match[str] | None, str | None]:
        """Give what prefregex finds, and what the rules see; that is None if it finds nothing."""
        if self._prefix is None:
            return None, text
        prefixed = self._prefix.search(text, timeout=self._timeout)
        if prefixed is None:
            return None, None
        if "content" in self._prefix.groupindex and prefixed["content"]:
            return prefixed, prefixed["content"] + "\n"
        return prefixed, text

    def _judge(
        self, text: _Text, numbers: Sequence[int], block: Block, start: int, now: float
    ) -> Outcome | None:
        """Give what a line says of somebody; TimeoutError if that takes too long."""
        content = text.content
        if content is None:
            return None
        for number in numbers:
            if number >= len(self._rules):
                break
            rule = self._rules[number]
            found: regex.Match[str] | None = rule.pattern.search(content, timeout=self._timeout)
            if found is None:
                continue
            if any(ignore.search(content, timeout=self._timeout) for ignore in self._ignore):
                self.counters.ignored += 1
                return None
            return self._outcome(rule, found, text, (block.source, block.offset + start), now)
        return None

    def _outcome(
        self,
        rule: CompiledRule,
        found: regex.Match[str],
        text: _Text,
        place: tuple[str, int],
        now: float,
    ) -> Outcome | None:
        """Make an outcome of what a rule found; None if it says that there is none to report."""
        if "ambiguous" in rule.pattern.groupindex and found["ambiguous"]:
            self.counters.ambiguous += 1
            return None
        fields = self._fields(rule, found, text.prefixed)
        host, line = host_in(rule, found, text.prefixed), text.line
        if not rule.success and "mlfid" in fields:
            sessions = self._sources[place[0]].sessions
            time = now if text.time is None else text.time
            merged = sessions.merge(fields["mlfid"], host, fields, line, time)
            if merged is None:
                return None
            host, fields, line = merged.host, merged.fields, "\n".join(merged.lines)
        elif any(map(fields.get, _NO_FAILURE)):
            return None
        if host.address is None:
            self.counters.unaddressed += 1
            if host.name is not None and not rule.success:
                named = (host.name, text.time, rule.name, fields, line, *place, rule.kind)
                self._named.append(NamedFailure(*named))
                self.named += 1
            return None
        if rule.success:
            return Success(host.address, text.time, rule.name, fields, line, *place)
        proven = is_proven(rule.proof, fields)
        return Failure(host.address, text.time, rule.name, fields, line, *place, rule.kind, proven)

    def _fields(
        self, rule: CompiledRule, found: regex.Match[str], prefixed: regex.Match[str] | None
    ) -> dict[str, str]:
        """Give what a rule and the prefix captured, by name."""
        values = found.group(0, 0, *rule.fields)
        fields = {
            name: value
            for name, value in zip(rule.fields, values[2:], strict=True)
            if value is not None
        }
        if prefixed is not None:
            for name in self._prefix_fields:
                if prefixed[name] is not None:
                    fields.setdefault(name, prefixed[name])
        if found.end() == len(found.string):
            fields = {name: value.removesuffix("\n") for name, value in fields.items()}
        if rule.encoded:
            read_encoded(fields, rule.encoded)
        if rule.joined:
            join(fields, rule.joined)
        return fields

    def _thread(self, text: _Text) -> str | None:
        if text.prefixed is None or "thread" not in text.prefixed.re.groupindex:
            return None
        thread: str | None = text.prefixed["thread"]
        return thread

    def _quoted(
        self, text: _Text, numbers: Sequence[int], ends: Sequence[int]
    ) -> tuple[tuple[Opened, ...], tuple[str, ...]]:
        """Say which messages of several lines a line may begin, and which it may end."""
        # A JSON string holds no line breaks: what is in it is one line.
        if text.unpacked or not (ends or (numbers and numbers[-1] >= self._begins.start)):
            return (), ()
        opened = []
        for number in numbers:
            if number in self._begins:
                quote = self._quotes[number - self._begins.start]
                found = quote.begin.search(text.bare, timeout=self._timeout)
                if found is not None:
                    opened.append(Opened(quote.quote, address_in(quote, found)))
        candidates = (self._quotes[number] for number in ends)
        ended = tuple(
            each.quote.name
            for each in candidates
            if each.end is not None and each.end.search(text.bare, timeout=self._timeout)
        )
        return tuple(opened), ended
