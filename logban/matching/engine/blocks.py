# SPDX-License-Identifier: MIT
"""What the engine finds in the lines that it is given: records, or only their number."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from logban.matching.captures import encoded_groups, join, joined_groups, read_encoded
from logban.matching.compiled import is_proven
from logban.matching.dates import DateReader
from logban.matching.definition import FilterDefinition
from logban.matching.engine.pcre2 import Code, Library, Pcre2Error, TooLargeError
from logban.matching.engine.program import SLOW_MARK, Program
from logban.matching.engine.stretches import Stretch
from logban.model import CanonicalAddress, Failure, Outcome, Success, canonical_address

MAX_KNOWN: Final = 65536
"""Addresses that are remembered as they stand in lines, and dates of one minute."""

_SET: Final = "="
_NUMBER: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4: Final = re.compile(rf"{_NUMBER}(?:\.{_NUMBER}){{3}}", re.ASCII)


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
    ) -> None:
        """Compile the program; Pcre2Error if that can't be done."""
        self._code = _compiled(library, program.texts)
        self._rules = definition.rules
        self._program = program
        self._dates = dates
        self._times: dict[str, float | None] = {}
        self._minute = 0.0
        self._addresses: dict[str, CanonicalAddress | None] = {}
        self._width = 5 + len(program.columns)
        self._template = _template(program)
        self._sighting = _sighting(program, "$0\n")
        self._brief = _sighting(program, "")
        self._has_successes = any(rule.success for rule in definition.rules)
        self._makers = {
            number: self._maker(number, fields.columns) for number, fields in program.fields.items()
        }

    @property
    def has_jit(self) -> bool:
        """Tell whether the expression is machine code."""
        return self._code.has_jit

    def records(self, stretch: Stretch, place: tuple[str, int], now: float) -> list[Record] | None:
        """Give what is found in a stretch, in order; None if PCRE2 gives up.

        ``place`` is the source's name and where the block begins in it.
        """
        found = self._found(stretch.text, self._template)
        if found is None:
            return None
        if now // 60.0 != self._minute or len(self._times) > MAX_KNOWN:
            # The year of a date without one depends on the clock.
            self._times.clear()
            self._minute = now // 60.0
        records = []
        next_at = 0
        for number in range(0, len(found) - 1, self._width):
            mark, line = found[number], found[number + 1]
            at = next_line(stretch.text, line.encode("ascii"), next_at)
            next_at = at + len(line) + 1
            start = stretch.origin(at)
            columns = found[number + 2 : number + self._width]
            outcome = None
            if mark != SLOW_MARK:
                outcome = self._makers[int(mark)](columns, line, (place[0], place[1] + start), now)
            records.append(Record(start, start + len(line), columns[0], outcome))
        return records

    def sightings(self, text: bytes) -> list[str] | None:
        """Give the line, the thread and the address of each record, one behind the other.

        An address stands behind a ``+`` if it is that of a success; it is "" where the reference
        has to look.  None if PCRE2 gives up.
        """
        return self._found(text, self._sighting)

    def tally(self, text: bytes) -> tuple[list[str], list[str], int] | None:
        """Give the threads and the addresses of all records, and the number of successes.

        None if PCRE2 gives up, or the reference has to look at some line.
        """
        try:
            raw = self._code.records(text, self._brief)
        except Pcre2Error:
            return None
        found = raw.decode("ascii").split("\n")
        addresses = found[1::2]
        if not self._addresses.keys() >= set(addresses) and not self._are_known(addresses):
            return None
        successes = raw.count(b"\n+") if self._has_successes else 0
        return found[:-1:2], addresses, successes

    def is_known(self, address: str) -> bool:
        """Tell whether an address, as it stands in sightings, is one."""
        return address in self._addresses or self._are_known([address])

    def _are_known(self, addresses: Iterable[str]) -> bool:
        for each in set(addresses):
            if each in self._addresses:
                continue
            if not each or self._address(each.removeprefix("+")) is None:
                return False
            self._addresses[each] = self._addresses[each.removeprefix("+")]
        return True

    def _found(self, text: bytes, template: bytes) -> list[str] | None:
        try:
            return self._code.records(text, template).decode("ascii").split("\n")
        except Pcre2Error:
            return None

    def _maker(
        self, number: int, columns: Sequence[tuple[str, tuple[int, ...]]]
    ) -> Callable[[Sequence[str], str, tuple[str, int], float], Outcome | None]:
        """Make what turns the captures of a rule into an outcome; None if the reference must."""
        rule, first = self._rules[number], self._program.columns.start
        own = [(name, tuple(each - first + 3 for each in numbers)) for name, numbers in columns]
        names = [name for name, _ in own]
        # The captures of the prefix stand in one column each, behind the others.
        prefixed = [
            (name, 3 + len(self._program.columns) + number)
            for number, (name, _) in enumerate(self._program.prefix_fields.columns)
        ]
        encoded = encoded_groups(names)
        joined = joined_groups((*names, *(name for name, _ in prefixed)))

        def make(
            found: Sequence[str], line: str, place: tuple[str, int], now: float
        ) -> Outcome | None:
            address = self._address(found[1])
            if address is None:
                return None
            fields = {}
            for name, places in own:
                for each in places:
                    if found[each]:
                        fields[name] = found[each][1:]
            for name, column in prefixed:
                if found[column]:
                    fields.setdefault(name, found[column][1:])
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
            # What is written in the one right way is not parsed to be written in it.
            is_canonical = _IPV4.fullmatch(text) is not None
            address = CanonicalAddress(text) if is_canonical else canonical_address(text)
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


def _sighting(program: Program, begin: str) -> bytes:
    """Write what is to be given of a match that is only counted."""
    threads = "".join(f"${{{number}}}" for number in program.thread)
    addresses = "".join(f"${{{number}}}" for number in program.address)
    return f"{begin}{threads}\n${{{program.success}:++:}}{addresses}\n".encode("ascii")


def next_line(data: bytes, line: bytes, start: int) -> int:
    """Give where the next line of that text begins."""
    at = data.find(line + b"\n", start)
    while at > start and data[at - 1] != 0x0A:
        at = data.find(line + b"\n", at + 1)
    return at
