# SPDX-License-Identifier: MIT
"""The engine and the reference together: which lines each answers for, and in what order.

What the engine finds in a filter that knows no messages of several lines stands as it is.  Where
there is a guard (see ``quotes``), it is asked of some of the lines (see ``believing``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

from logban.matching.dates import DateReader, NoDates, tries_defaults_first
from logban.matching.definition import FilterDefinition, Quote
from logban.matching.engine.beginnings import Beginnings
from logban.matching.engine.believing import Believing
from logban.matching.engine.blocks import BlockEngine
from logban.matching.engine.counting import Counting, Habit, Tally
from logban.matching.engine.dated import DATED, UNDATED, Head
from logban.matching.engine.doubts import Doubts
from logban.matching.engine.ladder import Rung, best_rung
from logban.matching.engine.pcre2 import Library, Pcre2Error, library
from logban.matching.engine.prefilter import Literals
from logban.matching.engine.saved import ProgramStore, key_of
from logban.matching.engine.stretches import Stretch, Stretches
from logban.matching.engine.taken import Taken
from logban.matching.engine.tallying import Tallier
from logban.matching.engine.written import Opening, Program
from logban.matching.gates import LiteralSets
from logban.model import Outcome


class Engine:
    """A filter's engine at work."""

    def __init__(
        self,
        blocks: BlockEngine,
        stretches: Stretches,
        beginnings: Beginnings,
        refused: Mapping[str, str],
        rung: Rung,
        make_tallier: Callable[[], Tallier],
    ) -> None:
        """``make_tallier`` is asked once, when a log is counted of which most lines matter."""
        self._tallier = cache(make_tallier)
        self.refused = refused
        self.rung = rung
        self._blocks = blocks
        self._stretches = stretches
        self._beginnings = beginnings
        self._habit = Habit()
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
            done = stretch.end
            if not stretch.is_plain:
                outcomes += taken.line(stretch.start, stretch.end - 1)
            else:
                place = (taken.block.source, taken.block.offset)
                records = self._blocks.records(stretch, place, taken.now)
                if records is None:
                    left += stretch.halves()[::-1]
                elif taken.reference.is_guarded:
                    believing = Believing(taken, self._beginnings)
                    done = believing.hear(records, stretch)
                    outcomes += believing.outcomes
                else:
                    for record in records:
                        if record.outcome is not None:
                            outcomes.append(record.outcome)
                        else:
                            outcomes += taken.line(record.start, record.end)
            if taken.is_holding():
                return outcomes + taken.rest(done)
        return outcomes

    def count(self, taken: Taken) -> Tally:
        """Give only how many failures and successes are in a block."""
        counting = Counting(taken, self._blocks, self._tallier, self._beginnings, self._habit)
        if taken.is_holding():
            counting.add(taken.rest(0))
            return counting.tally
        left = self._taken_apart(taken)[::-1]
        while left:
            stretch = left.pop()
            done: int | None = stretch.end
            if stretch.is_plain:
                done = counting.count(stretch)
            else:
                counting.add(taken.line(stretch.start, stretch.end - 1))
            if done is None:
                left += stretch.halves()[::-1]
            elif taken.is_holding():
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
        if not asked or self._prefilter.are_dense(data):
            return list(self._stretches.of_block(data))
        return list(self._stretches.of_lines(data, self._prefilter.lines(data)))


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
    unfit = _unfit(definition, dates, quotes)
    if unfit:
        return unfit
    heads = UNDATED if isinstance(dates, NoDates) else DATED
    openings: list[Opening] = []
    doubtful: list[Opening] = []
    for quote, sets in quotes:
        opening = Opening(quote.begin.text, sets)
        (doubtful if quote.late or quote.twice else openings).append(opening)
    if definition.json is not None:
        doubtful.append(Opening("", (frozenset({b'{"'}),)))
    counted = partial(_program, definition, heads, openings, doubtful, store, fields=False)
    program = _program(definition, heads, openings, doubtful, store)
    texts = [text for each in doubtful for text in sorted(each.literals[0])]
    try:
        if isinstance(program, Program):
            blocks = BlockEngine(pcre2, program, definition, dates)
            stretches = Stretches(Doubts(pcre2, texts, program.doubts))
            beginnings = Beginnings(sets for _, sets in quotes)
            tallier = partial(_tallier, pcre2, program, counted)
            return Engine(blocks, stretches, beginnings, program.refused, rung, tallier)
    except Pcre2Error as error:
        return str(error)
    return program


def _tallier(library: Library, program: Program, counted: Callable[[], Program | str]) -> Tallier:
    """Give what counts by a program of its own, or by the one for everything if that can't be."""
    own = counted()
    if isinstance(own, Program):
        try:
            return Tallier(library, own)
        except Pcre2Error:
            pass
    return Tallier(library, program)


def _unfit(
    definition: FilterDefinition, dates: DateReader, quotes: Sequence[tuple[Quote, LiteralSets]]
) -> str:
    """Say why a filter can have no engine, whatever its expressions are; "" if it can."""
    if definition.reading.lines > 1:
        return "its expressions span several lines"
    if not (isinstance(dates, NoDates) or tries_defaults_first(dates)):
        return "its datepattern is its own"
    if not all(sets for _, sets in quotes):
        return "a message of several lines has no literal to be told by"
    return ""


def _program(
    definition: FilterDefinition,
    heads: Sequence[Head],
    openings: Sequence[Opening],
    doubtful: Sequence[Opening],
    store: ProgramStore | None,
    *,
    fields: bool = True,
) -> Program | str:
    """Give a program that was kept, or a new one; or the reason why there is none.

    Without ``fields`` it is for counting only.
    """
    key = ""
    if store is not None:
        key = key_of(definition, heads, openings, doubtful, fields=fields)
    kept = store.read(key) if store is not None else None
    if kept is not None:
        return kept
    from logban.matching.engine.writing import write  # noqa: PLC0415  # rarely needed, see there

    program = write(definition, heads, openings, doubtful, fields=fields)
    if store is not None and isinstance(program, Program):
        store.keep(key, program)
    return program
