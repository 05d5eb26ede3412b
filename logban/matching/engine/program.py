# SPDX-License-Identifier: MIT
r"""A whole filter as one PCRE2 expression, that finds in a block the lines that matter.

For each line of the block the expression goes the way of the reference: past the date, through
``prefregex`` (once and for all: an atomic group), then through the rules in their order.  What it
gives of a line is a *record*: the mark of the rule, and the captures.
"""

from __future__ import annotations

import re
from collections.abc import Sequence as Items
from typing import Final

from logban.matching.compiler import Reading
from logban.matching.definition import FilterDefinition
from logban.matching.engine.content import SLOW_GROUP, open_ended
from logban.matching.engine.dated import Head
from logban.matching.engine.entries import Entry, Pace
from logban.matching.engine.factoring import flat
from logban.matching.engine.groups import kept_groups, references_in, times_taken
from logban.matching.engine.heads import begins_at
from logban.matching.engine.parts import Part, Refusals, parsed, part_of
from logban.matching.engine.rewrite import COMMON_FROM, UNSET, Writer
from logban.matching.engine.rules import Begin, Columns, RulesWriter, holding_one_of
from logban.matching.engine.syntax import (
    LF,
    Group,
    InexpressibleError,
    Look,
    Node,
    last_of,
    walk,
    without,
)
from logban.matching.engine.written import SLOW_MARK, Fields, Opening, Program

_DATE_ENDS: Final = frozenset(map(ord, "0123456789Z"))


def write_program(
    definition: FilterDefinition, heads: Items[Head], openings: Items[Opening], *, fields: bool
) -> Program:
    """Write a filter as one expression; InexpressibleError if it is none for the engine at all.

    Without ``fields`` it captures no more than threads and addresses, which is all that counting
    asks for.
    """
    return _Composer(definition, heads, openings, fields=fields).program()


class _Composer:
    """Puts the expression together."""

    def __init__(
        self,
        definition: FilterDefinition,
        heads: Items[Head],
        openings: Items[Opening],
        *,
        fields: bool,
    ) -> None:
        self._with_fields = fields
        self._definition = definition
        self._reading = definition.reading
        self._heads = heads
        self._openings = openings
        self._writer = Writer()
        self._refusals = Refusals()
        self._prefix: Node | None = None
        self._prefix_kept: dict[int, str] = {}
        self._goes_on = False
        self._fields: dict[int, Fields] = {}
        self._has_rules = False
        self._has_successes = any(rule.success for rule in definition.rules)

    def program(self) -> Program:
        """Write all of it."""
        self._take_prefix()
        ignored = [parsed(each.text, self._reading) for each in self._definition.ignore]
        writing = self._writer, self._refusals
        rules = RulesWriter(self._definition.rules, ignored, *writing, fields=self._with_fields)
        parts = [
            part_of(rule, self._reading, self._prefix, self._refusals, fields=self._with_fields)
            for rule in self._definition.rules
        ]
        dates: list[int] = []
        numbers: dict[str, list[int]] = {}
        heads = self._begun(dates, numbers)
        slow = ""
        if self._is_one() and any(head.date for head in self._heads):
            self._writer.captures += 1
            slow = "|()"
            numbers.setdefault(SLOW_GROUP, []).append(self._writer.captures)
        columns = _columns_for(parts, self._writer.captures)
        if self._is_one():
            text = self._with_rules(rules, parts, columns, self._begin())
            for number in numbers.pop(SLOW_GROUP, ()):
                text = f"(?({number})(*MARK:{SLOW_MARK})|{text})"
            begin = "(?|" if self._are_numbered_alike() else "(?:"
            text = f"(?>{begin}{'|'.join(heads)}){slow}){text}"
        else:
            ways = [
                begin + self._with_rules(rules, parts, columns, (head.before, _strange_at(head)))
                for head, begin in zip(self._heads, heads, strict=True)
            ]
            if any(head.date for head in self._heads):
                ways.append(f"(*MARK:{SLOW_MARK})")
            text = f"(?|{'|'.join(ways)})"
        if not self._has_rules:
            # Each line that matters would be cut out, only to be given to the reference.
            name, why = next(iter(self._refusals.reasons.items()), ("no rule", "can match a line"))
            raise InexpressibleError(f"none of its rules can be written for it: {name} {why}")
        if self._openings:
            if not self._goes_on:
                raise InexpressibleError("has messages of several lines, and no <F-CONTENT>")
            text += f"|{self._opening(rules)}"
        unusual = 0
        if all(part.is_canonical for part in parts if part.pace is Pace.FAST):
            unusual = columns.last + 2
            text = self._with_unusual(text, columns)
        # What ends where its line begins is followed by another try there, and found twice.
        taken = "" if all(head.date for head in self._heads) else r"[^\n]?+"
        return Program(
            tuple(
                self._writer.shortened(rf"(*LF)(?m)^(?:{text}){taken}\K", least)
                for least in COMMON_FROM
            ),
            _once(numbers.pop("thread", ())),
            tuple(range(columns.base + columns.before + 1, columns.behind + 1)),
            _once(dates),
            columns.last + 1 if self._has_successes else 0,
            unusual,
            tuple(sorted({column for each in self._fields.values() for column in each.all()})),
            frozenset(rules.may_be_empty),
            Fields(tuple((name, _once(those)) for name, those in numbers.items())),
            self._fields,
            self._refusals.reasons,
        )

    def _with_rules(
        self, rules: RulesWriter, parts: Items[Part], columns: Columns, begin: Begin
    ) -> str:
        """Write the rules for lines that begin in some way, and note what they capture."""
        written = rules.write(parts, begin, columns)
        if any(self._fields.get(number, each) != each for number, each in written.fields.items()):
            raise InexpressibleError("captures otherwise behind another date")
        self._fields.update(written.fields)
        self._has_rules |= written.has_rules
        return written.text

    def _with_unusual(self, text: str, columns: Columns) -> str:
        """Set a group behind all others where what was found is no failure of such an address.

        The first of the columns of addresses holds canonical ones only.
        """
        usual = f"(?({columns.last + 1})|(?!))" if self._has_successes else "(?!)"
        return f"(?:{text})(?:(?({columns.base + columns.before + 1}){usual})()|)"

    def _begun(self, dates: list[int], numbers: dict[str, list[int]]) -> list[str]:
        """Write how lines may begin; those whose prefregex can't be told there are left alone."""
        heads, texts, ends = [], [], [0]
        why = InexpressibleError("has no beginning")
        for head in self._heads:
            before = self._writer.captures
            if not self._goes_on or self._are_numbered_alike():
                self._writer.captures = 0  # each has rules of its own, and they all count alike
            try:
                texts.append(self._head(head, dates, numbers))
                heads.append(head)
                ends.append(self._writer.captures)
            except InexpressibleError as error:
                self._writer.captures, why = before, error
                del dates[len(heads) :]
        if not heads:
            raise why
        self._heads = heads
        if self._are_numbered_alike():
            self._writer.captures = max(ends)
        if not self._goes_on:
            self._writer.captures = most = max(ends)
            texts = [text + UNSET * (most - end) for text, end in zip(texts, ends[1:], strict=True)]
        return texts

    def _is_one(self) -> bool:
        """Tell whether the rules are written once, and not for each way in which lines begin."""
        return self._goes_on or len(self._heads) == 1

    def _are_numbered_alike(self) -> bool:
        """Tell whether the ways in which lines begin number their captures from the same one on.

        That is so where whatever is captured there is a thread.
        """
        return not self._with_fields and {*self._prefix_kept.values()} == {"thread"}

    def _take_prefix(self) -> None:
        prefix = self._definition.prefix
        if prefix is None:
            return
        try:
            node = parsed(prefix.text, self._reading)
            self._goes_on = any(
                isinstance(each, Group) and each.name == "content" for each in walk(node)
            )
            self._prefix = open_ended(node) if self._goes_on else node
        except InexpressibleError as error:
            raise InexpressibleError(f"prefregex {error}") from error
        also = {"thread", SLOW_GROUP}
        self._prefix_kept = kept_groups(self._prefix, also, fields=self._with_fields)
        for name, times in times_taken(self._prefix).items():
            if times > 1 and name in self._prefix_kept.values():
                raise InexpressibleError(f"prefregex may capture {name} twice")

    def _begin(self) -> Begin:
        """Give what stands in front of the rules where they are written once."""
        if self._goes_on and self._prefix is not None:
            return "", last_of(self._prefix)
        return self._heads[0].before, _strange_at(self._heads[0])

    def _head(self, head: Head, dates: list[int], numbers: dict[str, list[int]]) -> str:
        """Write how a line begins: the date, then prefregex."""
        text = re.escape(head.before)
        if head.date:
            if self._with_fields:
                self._writer.captures += 1
                dates.append(self._writer.captures)
            begin = "(" if self._with_fields else "(?:"
            # A line that has its date, and not what has to follow, is nobody's.
            text += f"{begin}{head.date}){head.behind}(*PRUNE)"
        if self._prefix is not None:
            strange = _strange_at(head)
            try:
                node = begins_at(self._prefix, head.before, strange)
                if not self._goes_on:
                    node = Look(node, ahead=True, negative=False)
                self._writer.numbers = {}
                written = self._writer.write((node,), self._prefix_kept)
            except InexpressibleError as error:
                raise InexpressibleError(f"prefregex {error}") from error
            text += written
            for number, name in self._prefix_kept.items():
                for column in self._writer.numbers.get(number, ()):
                    numbers.setdefault(name, []).append(column)
        return text

    def _opening(self, rules: RulesWriter) -> str:
        """Write that a line may begin a message of several lines.

        By its literals alone, where the expression of such a beginning can't be written.
        """
        ways: list[str] = []
        entries: dict[Head, list[Entry]] = {head: [] for head in self._heads}
        for opening in self._openings:
            try:
                found = [self._beginning(opening, head) for head in self._heads]
            except InexpressibleError:
                ways.append(f"{holding_one_of(opening.literals)}(*MARK:{SLOW_MARK})")
                continue
            for head, entry in zip(self._heads, found, strict=True):
                entries[head].append(entry)
        for head, those in entries.items():
            if those:
                self._writer.numbers = {}
                begins = "|".join(rules.ways(those))
                ways.append(f"{re.escape(head.before)}(?:{head.date}){head.behind}(?|{begins})")
        return f"(?:{'|'.join(ways)})"

    def _beginning(self, opening: Opening, head: Head) -> Entry:
        """Prepare the expression of a message's beginning for being written behind a date."""
        # Other than the rules it does not see the line's end.
        tree = without(parsed(opening.begin, Reading()), LF)
        node = begins_at(tree, head.before, _strange_at(head))
        entry = Entry((), Pace.SLOW, flat(node), {}, {}, "")
        if references_in(node):
            raise InexpressibleError("refers to a group")
        Writer().write(entry.items, (), {})
        return entry


def _columns_for(parts: Items[Part], base: int) -> Columns:
    """Make room for the captures of any rule behind those of the line's beginning."""
    fast = [part for part in parts if part.pace is Pace.FAST]
    before = max((part.before for part in fast), default=0)
    span = max((part.span for part in fast), default=0)
    # No rule has more groups than that, and behind them all is the mark of a success.
    groups = (sum(isinstance(each, Group) for each in walk(part.node)) for part in parts)
    return Columns(base, before, span, base + before + span + max(groups, default=0))


def _once(numbers: Items[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(numbers))


def _strange_at(head: Head) -> frozenset[int]:
    """Give what may stand before the text that goes on behind a date: its end, or ``before``."""
    return _DATE_ENDS | frozenset(map(ord, head.before)) if head.date else frozenset()
