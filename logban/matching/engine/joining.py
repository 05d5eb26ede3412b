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
from dataclasses import dataclass
from typing import Protocol

from logban.matching.dates import DateReader, NoDates, tries_defaults_first
from logban.matching.definition import FilterDefinition, Quote
from logban.matching.engine.blocks import BlockEngine, Piece, Record
from logban.matching.engine.heads import DATED, UNDATED
from logban.matching.engine.ladder import Rung
from logban.matching.engine.pcre2 import Pcre2Error, library
from logban.matching.engine.program import write_program
from logban.matching.engine.syntax import InexpressibleError
from logban.matching.gates import LiteralSets
from logban.matching.remembered import Remembered
from logban.model import Block, Outcome


class Reference(Protocol):
    """The reference matcher, as far as the engine needs it."""

    is_guarded: bool

    def match_from(self, block: Block, source: Remembered, begin: int, now: float) -> list[Outcome]:
        """Give what is in a block from a line's beginning on."""
        ...

    def match_line(
        self, block: Block, source: Remembered, start: int, end: int, now: float
    ) -> list[Outcome]:
        """Give what a line of a block says, or makes believable."""
        ...

    def may_open(self, line: bytes) -> bool:
        """Tell whether a line may begin a message of several lines."""
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """A block on its way through the engine, and what is known of its source."""

    reference: Reference
    block: Block
    source: Remembered
    now: float

    def is_holding(self) -> bool:
        """Tell whether something is held back, so that every line matters."""
        return self.source.guard.is_holding

    def line(self, start: int, end: int) -> list[Outcome]:
        """Have the reference take a line."""
        return self.reference.match_line(self.block, self.source, start, end, self.now)

    def rest(self, start: int) -> list[Outcome]:
        """Have the reference take the rest of the block."""
        return self.reference.match_from(self.block, self.source, start, self.now)


class Engine:
    """A filter's engine, or why there is none."""

    def __init__(self, blocks: BlockEngine, refused: Mapping[str, str]) -> None:
        self.refused = refused
        self._blocks = blocks

    def match(self, taken: Taken) -> list[Outcome]:
        """Give what is in a block, as the reference would."""
        data = taken.block.data
        outcomes: list[Outcome] = []
        left = list(self._blocks.pieces(data))[::-1]
        while left:
            piece = left.pop()
            if taken.is_holding():
                return outcomes + taken.rest(piece.start)
            if not piece.is_plain:
                outcomes += taken.line(piece.start, piece.end - 1)
                continue
            place = (taken.block.source, taken.block.offset)
            records = self._blocks.records(data, piece, place, taken.now)
            if records is None:
                left += _halves(data, piece)[::-1]
            elif taken.reference.is_guarded:
                found, done = _guarded(taken, records, piece.end)
                outcomes += found
                if done < piece.end:
                    return outcomes + taken.rest(done)
            else:
                for record in records:
                    if record.outcome is not None:
                        outcomes.append(record.outcome)
                    else:
                        outcomes += taken.line(record.start, record.end)
        return outcomes


def _halves(data: bytes, piece: Piece) -> list[Piece]:
    """Cut a piece in two that PCRE2 gave up on; a single line is the reference's."""
    middle = data.rfind(b"\n", piece.start, (piece.start + piece.end) // 2) + 1
    if middle <= piece.start:
        middle = data.find(b"\n", piece.start) + 1
    if middle >= piece.end:
        return [piece._replace(is_plain=False)]
    return [piece._replace(end=middle), piece._replace(start=middle)]


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
) -> Engine | str:
    """Give the engine of a filter, or the reason why it has none."""
    pcre2 = library() if rung is not Rung.REFERENCE else None
    if pcre2 is None:
        return "there is no PCRE2"
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
        program = write_program(definition, heads, opening)
        return Engine(BlockEngine(pcre2, program, definition, dates, doubtful), program.refused)
    except (InexpressibleError, Pcre2Error) as error:
        return str(error)
