# SPDX-License-Identifier: MIT
"""The engine and the reference together: which lines each answers for, and in what order.

What the engine finds in a filter that knows no messages of several lines stands as it is.  Where
there is a guard (see ``quotes``), a line's outcome is believed without asking it if

- nothing is held back,
- its thread is known, so that it is the program's own line, and
- nothing that was told is waiting for a line of this thread (see ``hearsay``).

Such a line also ends every message before it, so that of many only the last one matters to the
guard: whether it begins a message itself.  If it may, the reference takes it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from logban.matching.dates import DateReader, NoDates, tries_defaults_first
from logban.matching.definition import FilterDefinition, Quote
from logban.matching.engine.blocks import BlockEngine, Record
from logban.matching.engine.counting import Counting, Tally
from logban.matching.engine.heads import DATED, UNDATED, Head
from logban.matching.engine.ladder import Rung, best_rung
from logban.matching.engine.pcre2 import Pcre2Error, library
from logban.matching.engine.prefilter import Literals
from logban.matching.engine.program import Program, write_program
from logban.matching.engine.saved import ProgramStore, key_of
from logban.matching.engine.stretches import Stretch, Stretches
from logban.matching.engine.syntax import InexpressibleError
from logban.matching.engine.taken import Taken
from logban.matching.gates import LiteralSets
from logban.model import Outcome


class Engine:
    """A filter's engine at work."""

    def __init__(
        self, blocks: BlockEngine, stretches: Stretches, refused: Mapping[str, str], rung: Rung
    ) -> None:
        self.refused = refused
        self.rung = rung
        self._blocks = blocks
        self._stretches = stretches
        self._asked: tuple[bytes, ...] = ()
        self._prefilter = Literals(())

    def match(self, taken: Taken) -> list[Outcome]:
        """Give what is in a block, as the reference would."""
        if taken.is_holding():
            return taken.rest(0)  # a message's end may be in any line, chosen or not
        outcomes: list[Outcome] = []
        left = self._taken_apart(taken)[::-1]
        while left:
            stretch = left.pop()
            if taken.is_holding():
                return outcomes + taken.rest(stretch.start)
            if not stretch.is_plain:
                outcomes += taken.line(stretch.start, stretch.end - 1)
                continue
            place = (taken.block.source, taken.block.offset)
            records = self._blocks.records(stretch, place, taken.now)
            if records is None:
                left += stretch.halves()[::-1]
            elif taken.reference.is_guarded:
                found, done = _guarded(taken, records, stretch.end)
                outcomes += found
                if done < stretch.end:
                    return outcomes + taken.rest(done)
            else:
                for record in records:
                    if record.outcome is not None:
                        outcomes.append(record.outcome)
                    else:
                        outcomes += taken.line(record.start, record.end)
        return outcomes

    def count(self, taken: Taken) -> Tally:
        """Give only how many failures and successes are in a block."""
        counting = Counting(taken, self._blocks)
        if taken.is_holding():
            counting.add(taken.rest(0))
            return counting.tally
        left = self._taken_apart(taken)[::-1]
        while left:
            stretch = left.pop()
            done = stretch.end
            if taken.is_holding():
                done = stretch.start
            elif not stretch.is_plain:
                counting.add(taken.line(stretch.start, stretch.end - 1))
            elif (rest := counting.count_all(stretch)) is not None:
                counted = counting.count_each(rest)
                if counted is None:
                    left += rest.halves()[::-1]
                    continue
                done = counted
            if done < stretch.end:
                counting.add(taken.rest(done))
                break
        return counting.tally

    def _taken_apart(self, taken: Taken) -> list[Stretch]:
        """Give the lines of a block that may matter."""
        data = taken.block.data
        if taken.lines is not None:
            return list(self._stretches.of_lines(data, taken.lines))
        asked = taken.reference.asked_first(data) if self.rung is Rung.FULL else ()
        if asked != self._asked:
            self._asked, self._prefilter = asked, Literals(asked)
        spans = self._prefilter.lines(data) if asked else None
        if spans is None:
            return list(self._stretches.of_block(data))
        return list(self._stretches.of_lines(data, spans))


def _guarded(taken: Taken, records: Sequence[Record], end: int) -> tuple[list[Outcome], int]:
    """Give what is believed of some records, and up to where they have been looked at.

    That is before their end where something is held back from there on.
    """
    guard, waiting = taken.source.guard, taken.source.hearsay.threads
    outcomes: list[Outcome] = []
    run: list[Record] = []
    for record in records:
        known = record.thread in waiting or not guard.knows(record.thread)
        if record.outcome is not None and not known:
            run.append(record)
            continue
        outcomes += _passed(taken, run)
        run = []
        if taken.is_holding():
            return outcomes, record.start
        outcomes += _strange(taken, record)
        if taken.is_holding():
            return outcomes, record.end + 1
    outcomes += _passed(taken, run)
    return outcomes, end


def _strange(taken: Taken, record: Record) -> list[Outcome]:
    """Give what is believed of a line that is not surely the program's own."""
    guard = taken.source.guard
    is_first = bool(record.thread) and not guard.is_open
    is_waited_for = record.thread in taken.source.hearsay.threads
    if record.outcome is not None and is_first and not is_waited_for:
        line = taken.block.data[record.start : record.end]
        if not taken.reference.may_open(line):
            guard.welcome(record.thread)
            return [record.outcome]
    return taken.line(record.start, record.end)


def _passed(taken: Taken, run: list[Record]) -> list[Outcome]:
    """Give what is believed of a run of the program's own lines."""
    if not run:
        return []
    last = run[-1]
    opens = taken.reference.may_open(taken.block.data[last.start : last.end])
    if opens:
        run = run[:-1]
    if run:
        taken.source.guard.pass_by([record.thread for record in run])
    outcomes = [record.outcome for record in run if record.outcome is not None]
    return outcomes + taken.line(last.start, last.end) if opens else outcomes


def make_engine(
    definition: FilterDefinition,
    dates: DateReader,
    quotes: Sequence[tuple[Quote, LiteralSets]],
    rung: Rung,
    store: ProgramStore | None,
) -> Engine | str:
    """Give the engine of a filter, or the reason why it has none."""
    pcre2 = library()
    if rung is Rung.REFERENCE or pcre2 is None:
        return "there is no PCRE2"
    if best_rung() is not Rung.FULL:
        rung = Rung.PCRE2
    if definition.reading.lines > 1:
        return "its expressions span several lines"
    if not (isinstance(dates, NoDates) or tries_defaults_first(dates)):
        return "its datepattern is its own"
    heads = UNDATED if isinstance(dates, NoDates) else DATED
    if not all(sets for _, sets in quotes):
        return "a message of several lines has no literal to be told by"
    doubtful = [b'{"'] if definition.json is not None else []
    opening = []
    for quote, sets in quotes:
        if quote.late or quote.twice:
            doubtful += sorted(sets[0])
        else:
            opening.append(sets)
    try:
        program = _program(definition, heads, opening, store)
        blocks = BlockEngine(pcre2, program, definition, dates)
        return Engine(blocks, Stretches(doubtful), program.refused, rung)
    except (InexpressibleError, Pcre2Error) as error:
        return str(error)


def _program(
    definition: FilterDefinition,
    heads: Sequence[Head],
    opening: Sequence[LiteralSets],
    store: ProgramStore | None,
) -> Program:
    if store is None:
        return write_program(definition, heads, opening)
    key = key_of(definition, heads, opening)
    program = store.read(key)
    if program is None:
        program = write_program(definition, heads, opening)
        store.keep(key, program)
    return program
