# SPDX-License-Identifier: MIT
"""The rules written one after the other, for lines that begin in the same way.

As the first rule in order wins, a slow record stands for "this rule, or one behind it".
"""

from __future__ import annotations

import re
from collections.abc import Sequence as Items
from dataclasses import replace
from typing import Final, NamedTuple

from logban.matching.compiled import HOST_GROUPS, NO_FIELDS
from logban.matching.definition import Rule
from logban.matching.engine.entries import (
    Entry,
    Pace,
    holding,
    may_follow,
    reordered,
    run_from,
    telling_text,
    told_by_texts,
)
from logban.matching.engine.factoring import flat, literal, without_free_end
from logban.matching.engine.groups import groups_in, is_host, kept_groups, references_in
from logban.matching.engine.heads import begins_at
from logban.matching.engine.merging import merged
from logban.matching.engine.parts import Part, Refusals
from logban.matching.engine.rewrite import UNSET, After, Writer
from logban.matching.engine.syntax import NOTHING, InexpressibleError, Node, walk
from logban.matching.engine.written import SLOW_MARK, Fields
from logban.matching.gates import LiteralSets
from logban.matching.literals import required_literals

_MAX_SETS: Final = 3

Begin = tuple[str, frozenset[int]]
"""What stands in front of the text that rules see, and the characters that this may end with."""


class Columns(NamedTuple):
    """How captures are counted: behind ``base``, those before an address, its own, all others."""

    base: int
    before: int
    span: int
    last: int

    @property
    def behind(self) -> int:
        """Give the number of an address's last capture."""
        return self.base + self.before + self.span


class Written(NamedTuple):
    """The rules as one expression, what they capture, and whether they are more than gates."""

    text: str
    fields: dict[int, Fields]
    has_rules: bool


class _SoFar(NamedTuple):
    """What holds for rules that are written: whether ``others`` may be for the same lines.

    Of the text that was ``asked`` for, a line that comes this far holds it.
    """

    others: bool
    asked: str


_NONE: Final = _SoFar(others=False, asked="")


class RulesWriter:
    """Writes rules, with what they have in common once."""

    def __init__(
        self,
        rules: Items[Rule],
        ignored: Items[Node],
        writer: Writer,
        refusals: Refusals,
        *,
        fields: bool,
    ) -> None:
        """Write all rules of a filter that has such ``ignored`` expressions.

        Without ``fields`` they capture no more than addresses, and don't say which rule it was.
        """
        self.may_be_empty: set[int] = set()
        self._rules = rules
        self._ignored = ignored
        self._writer = writer
        self._refusals = refusals
        self._with_fields = fields
        self._last = 0

    def write(self, parts: Items[Part], begin: Begin, columns: Columns) -> Written:
        """Write the rules; each of them counts its captures from the same number."""
        ways = []
        for node in self._ignored:
            self._writer.captures = columns.behind  # as those of a slow rule
            text = self._writer.write((begins_at(node, *begin),), references_in(node))
            unset = UNSET * (columns.before + columns.span)
            ways.append(f"(?={unset}{text})(*MARK:{SLOW_MARK})")
        self._writer.captures = columns.base
        self._last = columns.last
        entries = [
            entry
            for number, part in enumerate(parts)
            if (entry := self._entry(number, part, begin, columns)) is not None
        ]
        self._writer.numbers = {}
        fields: dict[int, Fields] = {}
        ways += self._ways(told_by_texts(reordered(self._merged(entries))), fields)
        self._writer.captures = columns.last + 1
        # No line matches the last way, that gives what comes behind all rules its number.
        text = f"(?|{'|'.join(ways)}|(?!){UNSET * (columns.last + 1 - columns.base)})"
        return Written(text, fields, any(entry.pace is not Pace.GATED for entry in entries))

    def ways(self, entries: Items[Entry]) -> list[str]:
        """Write what is no rule and captures nothing: lines that are the reference's."""
        return self._ways(reordered(entries), {})

    def _entry(self, number: int, part: Part, begin: Begin, columns: Columns) -> Entry | None:
        """Prepare a rule for being written; None if no line that begins so can match it."""
        gate = holding_one_of(required_literals(part.rule.expression.text))
        if part.pace is Pace.GATED:
            return Entry((number,), part.pace, (), {}, {}, gate)
        try:
            node = begins_at(part.node, *begin)
            if node == NOTHING:
                return None
            kept = kept_groups(node, set(HOST_GROUPS), fields=self._with_fields)
            hosts = [group for group, name in kept.items() if name in HOST_GROUPS]
            pads: dict[int, tuple[int, int]] = {}
            if part.pace is Pace.SLOW:
                # Behind the address's columns: what is in these would pass for a failure.
                kept = {group: kept[group] for group in references_in(node)}
                first = next((each.number for each in groups_in((node,)) if each.number in kept), 0)
                pads[first] = (columns.before + columns.span, 0)
            else:
                _check_span(node, part.span)
                pads[hosts[0]] = (columns.before - part.before, 0)
                leading, _ = pads.get(hosts[-1], (0, 0))
                pads[hosts[-1]] = (leading, columns.span - part.span)
            items = without_free_end(flat(node), kept)
            entry = Entry((number,), part.pace, items, kept, pads, gate)
            Writer().write(items, kept, pads)
        except InexpressibleError as error:
            self._refusals.note(part.rule, str(error))
            return Entry((number,), Pace.GATED, (), {}, {}, gate)
        return entry

    def _ways(
        self,
        entries: Items[Entry],
        fields: dict[int, Fields],
        done: int = 0,
        so_far: _SoFar = _NONE,
    ) -> list[str]:
        """Write rules from their items number ``done`` on, what neighbours share once."""
        writer = self._writer
        captures, numbers = writer.captures, writer.numbers
        ways = []
        at = 0
        while at < len(entries):
            run, common = run_from(entries, at, done)
            writer.captures = captures
            writer.numbers = {group: list(those) for group, those in numbers.items()}
            first, several = entries[at], entries[at : at + run]
            others = so_far.others or may_follow(several, done, entries[at + run :])
            # Where nothing else is tried for a line, it need not be known soon that this fails.
            telling = telling_text(several, done, so_far.asked) if others else ""
            if run == 1:
                ways.append(self._way(first, done, telling, fields))
            else:
                begin = first.items[done : done + common]
                text = writer.write(begin, first.kept, first.pads, After.MORE)
                if telling:
                    text += holding(telling)
                further = _SoFar(others, telling or so_far.asked)
                rest = self._ways(several, fields, done + common, further)
                ways.append(f"{text}(?|{'|'.join(rest)})")
            at += run
        return ways

    def _way(self, entry: Entry, done: int, telling: str, fields: dict[int, Fields]) -> str:
        if entry.pace is Pace.GATED:
            return f"{entry.gate}(*MARK:{SLOW_MARK})"
        rest = entry.items[done:]
        # Behind the text that the rest begins with, which most lines don't have.
        begin = len(literal(rest)) if telling else 0
        text = self._writer.write(rest[:begin], entry.kept, entry.pads, After.MORE)
        if telling:
            text += holding(telling)
        text += self._writer.write(rest[begin:], entry.kept, entry.pads)
        if entry.pace is Pace.SLOW:
            return f"{text}(*MARK:{SLOW_MARK})"
        named: dict[str, list[int]] = {}
        for group in groups_in(entry.items):
            name = entry.kept.get(group.number)
            if name and name not in NO_FIELDS:
                numbers = self._writer.numbers.get(group.number, ())
                named.setdefault(name, []).extend(numbers)
                if not group.body.extent.least:
                    self.may_be_empty.update(numbers)
        found = Fields(tuple((name, tuple(ns)) for name, ns in named.items()))
        fields.update(dict.fromkeys(entry.numbers, found))
        if self._rules[entry.numbers[0]].success:
            text += f"{UNSET * (self._last - self._writer.captures)}()"
        is_told = len(entry.numbers) > 1 or not self._with_fields
        return text if is_told else f"{text}(*MARK:{entry.numbers[0]})"

    def _merged(self, entries: Items[Entry]) -> list[Entry]:
        """Make one of rules that differ in one place only."""
        rules = self._rules

        def are_alike(one: int, other: int) -> bool:
            mine, yours = entries[one], entries[other]
            return (
                mine.pace is yours.pace is Pace.FAST
                and (mine.kept, mine.pads) == (yours.kept, yours.pads)
                and rules[mine.numbers[0]].success == rules[yours.numbers[0]].success
            )

        marks = ["".join(map(str, entry.numbers)) for entry in entries]
        found = merged([entry.items for entry in entries], marks, are_alike)
        return [
            replace(
                entries[each.places[0]],
                numbers=tuple(number for place in each.places for number in entries[place].numbers),
                items=each.items,
            )
            for each in found
        ]


def _check_span(node: Node, span: int) -> None:
    if sum(map(is_host, walk(node))) != span:
        raise InexpressibleError("has its address in several places behind a date")


def holding_one_of(sets: LiteralSets) -> str:
    """Write that the rest of the line holds a literal of each of some sets."""
    return "".join(
        rf"(?=[^\n]*?(?:{'|'.join(re.escape(each.decode()) for each in sorted(choice))}))"
        for choice in sets[:_MAX_SETS]
    )
