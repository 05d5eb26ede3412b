# SPDX-License-Identifier: MIT
"""Blocks by the engine: which of their lines it takes, and what it gives of these.

The engine answers for a line only where its answer is the reference's.  It leaves to the reference
lines that are no ASCII, that end with CR LF, that are very long, that may be JSON, or that may
begin a message whose own first line can't be believed at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from logban.matching.captures import encoded_groups, join, joined_groups, read_encoded
from logban.matching.compiled import is_proven
from logban.matching.dates import DateReader
from logban.matching.definition import FilterDefinition
from logban.matching.engine.pcre2 import Code, Library, Pcre2Error, TooLargeError
from logban.matching.engine.program import SLOW_MARK, Program
from logban.matching.engine.rewrite import LONG
from logban.model import CanonicalAddress, Failure, Outcome, Success, canonical_address

MAX_KNOWN: Final = 65536
"""Addresses that are remembered as they stand in lines, and dates of one minute."""

_SET: Final = "="
_HALF: Final = LONG // 2


class Piece(NamedTuple):
    """A part of a block: lines for the engine, or one line for the reference."""

    start: int
    end: int
    is_plain: bool


class Record(NamedTuple):
    """What the engine found of a line: where it begins and ends, its thread, and what it says.

    ``outcome`` is None where the reference has to look.
    """

    start: int
    end: int
    thread: str
    outcome: Outcome | None


class BlockEngine:
    """A filter's program at work."""

    def __init__(
        self,
        library: Library,
        program: Program,
        definition: FilterDefinition,
        dates: DateReader,
        doubtful: Sequence[bytes],
    ) -> None:
        """Compile the program; Pcre2Error if that can't be done.

        A line that holds one of the ``doubtful`` texts is the reference's.
        """
        self._code = _compiled(library, program.texts)
        self._rules = definition.rules
        self._program = program
        self._dates = dates
        self._doubtful = tuple(doubtful)
        texts = [re.escape(each) for each in doubtful]
        self._doubt = re.compile(b"|".join([rb"[\x80-\xff]|\r\n", *texts]))
        self._times: dict[str, float | None] = {}
        self._minute = 0.0
        self._addresses: dict[str, CanonicalAddress | None] = {}
        self._width = 5 + len(program.columns)
        self._template = _template(program)
        self._makers = {
            number: self._maker(number, fields.columns) for number, fields in program.fields.items()
        }

    @property
    def has_jit(self) -> bool:
        """Tell whether the expression is machine code."""
        return self._code.has_jit

    def pieces(self, data: bytes) -> Iterator[Piece]:
        """Give the parts of a block, in order."""
        done = 0
        for start, end in self._left_alone(data):
            if start > done:
                yield Piece(done, start, is_plain=True)
            yield Piece(start, end, is_plain=False)
            done = end
        if done < len(data):
            yield Piece(done, len(data), is_plain=True)

    def _left_alone(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Give start and end, LF included, of the lines that are not for the engine."""
        is_doubtful = self._is_doubtful(data)

        def doubt(begin: int) -> int:
            found = self._doubt.search(data, begin) if is_doubtful else None
            return found.start() if found is not None else len(data)

        doubted, long, done = doubt(0), _long_line(data, 0), 0
        while min(doubted, long) < len(data):
            at = min(doubted, long)
            start, end = data.rfind(b"\n", done, at) + 1 or done, data.find(b"\n", at) + 1
            if not end:
                return
            if start <= doubted < end or end - start > LONG:
                yield start, end
            done = end
            if doubted < end:
                doubted = doubt(end)
            if long < end:
                long = _long_line(data, end)

    def _is_doubtful(self, data: bytes) -> bool:
        return not data.isascii() or b"\r\n" in data or any(text in data for text in self._doubtful)

    def records(
        self, data: bytes, piece: Piece, place: tuple[str, int], now: float
    ) -> list[Record] | None:
        """Give what is found in a piece, in order; None if PCRE2 gives up.

        ``place`` is the source's name and where the block begins in it.
        """
        whole = piece.start == 0 and piece.end == len(data)
        text = data if whole else data[piece.start : piece.end]
        try:
            found = self._code.records(text, self._template).decode("ascii").split("\n")
        except Pcre2Error:
            return None
        if now // 60.0 != self._minute or len(self._times) > MAX_KNOWN:
            # The year of a date without one depends on the clock.
            self._times.clear()
            self._minute = now // 60.0
        records = []
        at = piece.start
        for number in range(0, len(found) - 1, self._width):
            mark, line = found[number], found[number + 1]
            at = _next_line(data, line.encode("ascii"), at)
            columns = found[number + 2 : number + self._width]
            outcome = None
            if mark != SLOW_MARK:
                outcome = self._makers[int(mark)](columns, line, (place[0], place[1] + at), now)
            records.append(Record(at, at + len(line), columns[0], outcome))
            at += len(line) + 1
        return records

    def _maker(
        self, number: int, columns: Sequence[tuple[str, tuple[int, ...]]]
    ) -> Callable[[Sequence[str], str, tuple[str, int], float], Outcome | None]:
        """Make what turns the captures of a rule into an outcome; None if the reference must."""
        rule, first = self._rules[number], self._program.columns.start
        own = [(name, tuple(each - first + 3 for each in numbers)) for name, numbers in columns]
        names = [name for name, _ in own]
        # The captures of the prefix stand in one column each, behind the others.
        prefixed = [
            (name, (3 + len(self._program.columns) + number,))
            for number, (name, _) in enumerate(self._program.prefix_fields.columns)
        ]
        every = (*own, *(each for each in prefixed if each[0] not in names))
        encoded = encoded_groups(names)
        joined = joined_groups((*names, *(name for name, _ in prefixed)))

        def make(
            found: Sequence[str], line: str, place: tuple[str, int], now: float
        ) -> Outcome | None:
            address = self._address(found[1])
            if address is None:
                return None
            fields = {}
            for name, places in every:
                for each in places:
                    if found[each]:
                        fields[name] = found[each][1:]
                        break
            if encoded:
                read_encoded(fields, encoded)
            if joined:
                join(fields, joined)
            time = self._time(found[2], now)
            if rule.success:
                return Success(address, time, rule.name, fields, line, *place)
            proven = is_proven(rule.proof, fields)
            return Failure(address, time, rule.name, fields, line, *place, rule.kind, proven)

        return make

    def _address(self, text: str) -> CanonicalAddress | None:
        try:
            return self._addresses[text]
        except KeyError:
            if len(self._addresses) >= MAX_KNOWN:
                self._addresses.clear()
        try:
            address = canonical_address(text)
        except ValueError:
            return None
        self._addresses[text] = address
        return address

    def _time(self, date: str, now: float) -> float | None:
        try:
            return self._times[date]
        except KeyError:
            time = self._dates.read(f"[{date}] ", now).time if date else None
            self._times[date] = time
            return time


def _compiled(library: Library, texts: Sequence[str]) -> Code:
    """Compile the first of several forms that is not too large."""
    for text in texts[:-1]:
        try:
            return Code(library, text)
        except TooLargeError:
            continue
    return Code(library, texts[-1])


def _template(program: Program) -> bytes:
    """Write what is to be given of a match: a line for each of its parts, its line's text first.

    What may be missing has a sign in front if it is there.
    """

    def all_of(numbers: Sequence[int]) -> str:
        return "".join(f"${{{number}}}" for number in numbers)

    def optional(numbers: Sequence[int]) -> str:
        return "".join(f"${{{number}:+{_SET}${{{number}}}:}}" for number in numbers)

    parts = ["$*MARK", "$0", all_of(program.thread), all_of(program.address), all_of(program.date)]
    parts += [optional([number]) for number in program.columns]
    parts += [optional(numbers) for _, numbers in program.prefix_fields.columns]
    return "".join(f"{part}\n" for part in parts).encode("ascii")


def _next_line(data: bytes, line: bytes, start: int) -> int:
    """Give where the next line of that text begins."""
    at = data.find(line + b"\n", start)
    while at > start and data[at - 1] != 0x0A:
        at = data.find(line + b"\n", at + 1)
    return at


def _long_line(data: bytes, start: int) -> int:
    """Give a place in the next line that may be longer than lines are; the data's end if none is.

    Such a line fills a whole stretch of half its length somewhere, wherever stretches begin.
    """
    for begin in range(start, len(data), _HALF):
        end = data.find(b"\n", begin, begin + _HALF)
        if end < 0 and begin + _HALF <= len(data):
            return begin
    return len(data)
