# SPDX-License-Identifier: MIT
"""What the engine finds in the lines that it is given: records, or only their number."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from logban.addresses import CanonicalAddress, canonical_address
from logban.matching.captures import encoded_groups, join, joined_groups, read_encoded
from logban.matching.compiled import is_proven
from logban.matching.dates import DateReader
from logban.matching.definition import FilterDefinition, Proof, Rule
from logban.matching.engine.doubts import MARKER
from logban.matching.engine.pcre2 import Library, Pcre2Error, compiled
from logban.matching.engine.stretches import Stretch
from logban.matching.engine.templates import sighting, template
from logban.matching.engine.written import SLOW_MARK, Program
from logban.model import Failure, Outcome, Success

MAX_KNOWN: Final = 65536
"""Addresses that are remembered as they stand in lines, and dates of one minute."""

_MARKER: Final = MARKER.decode()
_FIRST: Final = 4
_NUMBER: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_DOTTED: Final = rf"{_NUMBER}(?:\.{_NUMBER}){{3}}"
_IPV4: Final = re.compile(_DOTTED, re.ASCII)
_ALL_IPV4: Final = re.compile(rf"\+?{_DOTTED}(?:\n\+?{_DOTTED})*+", re.ASCII)


# A named tuple made of all its parts: by its own name it takes a call of Python's more.
_new: Final = tuple.__new__


class Record(NamedTuple):
    """What the engine found of a line: where it begins and ends, its thread, and what it says.

    ``outcome`` is None where the reference has to look.
    """

    start: int
    end: int
    thread: str
    outcome: Outcome | None


class Sightings(NamedTuple):
    """What is seen of records: a point in the line of each, its thread, its address.

    An address stands behind a ``+`` if it is that of a success; it is "" where the reference has to
    look.
    """

    points: list[int]
    threads: list[str]
    addresses: list[str]


# From what was found of a line, the line, its place and the clock to what it says.
_Maker = Callable[[Sequence[str], str, int, float], Outcome | None]


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
        self._code = compiled(library, program.texts)
        self._dates = dates
        self._times: dict[str, float | None] = {}
        self._minute = 0.0
        self._addresses: dict[str, CanonicalAddress | None] = {}
        self._template = template(program)
        self._width = self._template.count(MARKER)
        self._sighting = sighting(program)
        self._makers: dict[str, _Maker] = {
            str(number): self._maker(definition.rules[number], number, program)
            for number in program.fields
        }
        self._source = ""

    @property
    def has_jit(self) -> bool:
        """Tell whether the expression is machine code."""
        return self._code.has_jit

    def records(self, stretch: Stretch, place: tuple[str, int], now: float) -> list[Record] | None:
        """Give what is found in a stretch, in order; None if PCRE2 gives up.

        ``place`` is the source's name and where the block begins in it.
        """
        try:
            raw = self._code.inserted(stretch.text, self._template)
        except Pcre2Error:
            return None
        if now // 60.0 != self._minute or len(self._times) > MAX_KNOWN:
            # The year of a date without one depends on the clock.
            self._times.clear()
            self._minute = now // 60.0
        self._source, offset = place
        text, makers, origin = stretch.text.decode("ascii"), self._makers, stretch.origin
        # Again and again a piece of the text and the columns of what was found behind it.
        parts, width = raw.decode("ascii").split(_MARKER), self._width
        records = []
        done = 0
        for number in range(0, len(parts) - 1, width):
            piece = parts[number]
            begin = done + piece.rfind("\n") + 1
            done += len(piece)
            line = text[begin : done + parts[number + width].find("\n")]
            columns = parts[number + 1 : number + width]
            start, rule = origin(begin), columns[0]
            outcome = None
            if rule != SLOW_MARK:
                outcome = makers[rule](columns, line, offset + start, now)
            records.append(_new(Record, (start, start + len(line), columns[1], outcome)))
        return records

    def sightings(self, text: bytes) -> Sightings | None:
        """Give what is seen of each record; None if PCRE2 gives up."""
        try:
            raw = self._code.inserted(text, self._sighting)
        except Pcre2Error:
            return None
        parts = raw.decode("ascii").split(_MARKER)
        return Sightings(list(accumulate(map(len, parts[:-1:3]))), parts[1::3], parts[2::3])

    def odd_among(self, addresses: Iterable[str]) -> set[str]:
        """Give those of the addresses, as they stand in sightings, that are none."""
        new = set(addresses).difference(self._addresses)
        if not new or _ALL_IPV4.fullmatch("\n".join(new)) is None:
            return {each for each in new if not self._is_address(each)}
        if len(self._addresses) + len(new) > MAX_KNOWN:
            self._addresses.clear()
        self._addresses.update((each, CanonicalAddress(each.removeprefix("+"))) for each in new)
        return set()

    def _is_address(self, sighted: str) -> bool:
        address = self._address(sighted.removeprefix("+")) if sighted else None
        if address is not None:
            self._addresses[sighted] = address
        return address is not None

    def _maker(self, rule: Rule, number: int, program: Program) -> _Maker:
        """Make what turns the captures of a rule into an outcome; None if the reference must."""
        own = [
            (name, _FIRST + program.columns.index(column), int(column in program.may_be_empty))
            for name, columns in program.fields[number].columns
            for column in columns
        ]
        # The captures of the prefix stand in one column each, behind the others.
        prefixed = [
            (name, _FIRST + len(program.columns) + place)
            for place, (name, _) in enumerate(program.prefix_fields.columns)
        ]
        encoded = encoded_groups([name for name, _, _ in own])
        joined = joined_groups((*(name for name, _, _ in own), *(name for name, _ in prefixed)))
        name, kind, proof = rule.name, rule.kind, rule.proof
        proven = is_proven(proof, {})
        by_transport, is_success = proof is Proof.TRANSPORT, rule.success
        addresses, times = self._addresses, self._times

        def make(found: Sequence[str], line: str, offset: int, now: float) -> Outcome | None:
            address = addresses.get(found[2]) or self._address(found[2])
            if address is None:
                return None
            fields = {key: found[at][sign:] for key, at, sign in own if found[at]}
            for key, column in prefixed:
                if found[column]:
                    fields.setdefault(key, found[column][1:])
            if encoded:
                read_encoded(fields, encoded)
            if joined:
                join(fields, joined)
            time = times.get(found[3]) or self._time(found[3], now)
            if is_success:
                return Success(address, time, name, fields, line, self._source, offset)
            surely = is_proven(proof, fields) if by_transport else proven
            return Failure(address, time, name, fields, line, self._source, offset, kind, surely)

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
