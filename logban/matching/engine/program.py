# SPDX-License-Identifier: MIT
r"""A whole filter as one PCRE2 expression, that finds in a block the lines that matter.

For each line of the block the expression goes the way of the reference: past the date, through
``prefregex`` (once and for all: an atomic group), then through the rules in their order.  What it
gives of a line is a *record*: the mark of the rule, and the captures.

A rule is one of three:

- FAST: its captures are taken as they are;
- SLOW: what it matches is judged by the reference, line by line: rules whose lines are weighed with
  others (hearsay, sessions), or name nobody;
- GATED: it can't be written for PCRE2; a line that holds its literals goes to the reference.

As the first rule in order wins, a slow record stands for "this rule, or one behind it".
"""

from __future__ import annotations

import re
from collections.abc import Sequence as Items
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from logban.matching.compiled import HOST_GROUPS, NO_FIELDS
from logban.matching.compiler import ExpressionError, Reading, expand
from logban.matching.definition import FilterDefinition, Rule
from logban.matching.engine.canonical import is_canonical, told_apart
from logban.matching.engine.content import SLOW_GROUP, open_ended
from logban.matching.engine.dated import Head
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
from logban.matching.engine.factoring import (
    flat,
    literal,
    without_free_end,
)
from logban.matching.engine.groups import (
    groups_in,
    is_host,
    kept_groups,
    references_in,
    taken_at_once,
    times_taken,
)
from logban.matching.engine.heads import begins_at
from logban.matching.engine.merging import merged
from logban.matching.engine.rewrite import COMMON_FROM, UNSET, After, Writer
from logban.matching.engine.syntax import (
    EMPTY,
    LF,
    NOTHING,
    Group,
    InexpressibleError,
    Look,
    Node,
    last_of,
    parse,
    walk,
    without,
)
from logban.matching.engine.written import SLOW_MARK, Fields, Opening, Program
from logban.matching.gates import LiteralSets
from logban.matching.literals import required_literals

_WEIGHED: Final = frozenset({"ambiguous", "nofail", "mlfgained", "mlfid"})
_DATE_ENDS: Final = frozenset(map(ord, "0123456789Z"))
_MAX_SETS: Final = 3


@dataclass(slots=True)
class _Part:
    """A rule on its way into the expression."""

    rule: Rule
    pace: Pace = Pace.FAST
    node: Node = EMPTY
    before: int = 0
    span: int = 0
    is_canonical: bool = False


class _SoFar(NamedTuple):
    """What holds for rules that are written: whether ``others`` may be for the same lines.

    Of the text that was ``asked`` for, a line that comes this far holds it.
    """

    others: bool
    asked: str


_NONE: Final = _SoFar(others=False, asked="")


def write_program(
    definition: FilterDefinition, heads: Items[Head], openings: Items[Opening]
) -> Program:
    """Write a filter as one expression; InexpressibleError if it is none for the engine at all."""
    return _Composer(definition, heads, openings).program()


class _Composer:
    """Puts the expression together."""

    def __init__(
        self, definition: FilterDefinition, heads: Items[Head], openings: Items[Opening]
    ) -> None:
        self._definition = definition
        self._reading = definition.reading
        self._heads = heads
        self._openings = openings
        self._writer = Writer()
        self._refused: dict[str, str] = {}
        self._prefix: Node | None = None
        self._prefix_kept: dict[int, str] = {}
        self._goes_on = False
        self._ignored: list[Node] = []
        self._may_be_empty: set[int] = set()
        self._last = 0

    def program(self) -> Program:
        """Write all of it."""
        self._take_prefix()
        self._take_ignored()
        parts = [self._part(rule) for rule in self._definition.rules]
        before = max((part.before for part in parts if part.pace is Pace.FAST), default=0)
        span = max((part.span for part in parts if part.pace is Pace.FAST), default=0)
        dates: list[int] = []
        numbers: dict[str, list[int]] = {}
        heads = self._begun(dates, numbers)
        is_dated, is_one = any(head.date for head in self._heads), self._is_one()
        slow = ""
        if is_dated and is_one:
            self._writer.captures += 1
            slow = "|()"
            numbers.setdefault(SLOW_GROUP, []).append(self._writer.captures)
        base = self._writer.captures
        # No rule has more groups than that, and behind them all is the mark of a success.
        groups = (sum(isinstance(each, Group) for each in walk(part.node)) for part in parts)
        self._last = base + before + span + max(groups, default=0)
        fields: dict[int, Fields] = {}
        has_successes = any(rule.success for rule in self._definition.rules)
        if is_one:
            strange, text_before = _strange_at(self._heads[0]), self._heads[0].before
            if self._goes_on and self._prefix is not None:
                strange, text_before = last_of(self._prefix), ""
            rules = self._rules(parts, (text_before, strange), (base, before, span), fields)
            for number in numbers.get(SLOW_GROUP, ()):
                rules = f"(?({number})(*MARK:{SLOW_MARK})|{rules})"
            text = f"(?>{'|'.join(heads)}{slow}){rules}"
        else:
            ways = []
            for head, begin in zip(self._heads, heads, strict=True):
                strange = _strange_at(head)
                found: dict[int, Fields] = {}
                rules = self._rules(parts, (head.before, strange), (base, before, span), found)
                if any(fields.get(number, each) != each for number, each in found.items()):
                    raise InexpressibleError("captures otherwise behind another date")
                fields.update(found)
                ways.append(f"{begin}{rules}")
            if is_dated:
                ways.append(f"(*MARK:{SLOW_MARK})")
            text = f"(?|{'|'.join(ways)})"
        if self._openings:
            if not self._goes_on:
                raise InexpressibleError("has messages of several lines, and no <F-CONTENT>")
            text += f"|{self._opening()}"
        unusual = 0
        if all(part.is_canonical for part in parts if part.pace is Pace.FAST):
            # The first column of addresses holds canonical ones only.
            unusual = self._last + 2
            usual = f"(?({self._last + 1})|(?!))" if has_successes else "(?!)"
            text = f"(?:{text})(?:(?({base + before + 1}){usual})()|)"
        # What ends where its line begins is followed by another try there, and found twice.
        taken = "" if all(head.date for head in self._heads) else r"[^\n]?+"
        return Program(
            tuple(
                self._writer.shortened(rf"(*LF)(?m)^(?:{text}){taken}\K", least)
                for least in COMMON_FROM
            ),
            _once(numbers.pop("thread", ())),
            tuple(range(base + before + 1, base + before + span + 1)),
            _once(dates),
            self._last + 1 if has_successes else 0,
            unusual,
            tuple(sorted({column for each in fields.values() for column in each.all()})),
            frozenset(self._may_be_empty),
            Fields(
                tuple((n, tuple(dict.fromkeys(ns))) for n, ns in numbers.items() if n != SLOW_GROUP)
            ),
            fields,
            self._refused,
        )

    def _begun(self, dates: list[int], numbers: dict[str, list[int]]) -> list[str]:
        """Write how lines may begin; those whose prefregex can't be told there are left alone."""
        heads, texts, ends = [], [], [0]
        why = InexpressibleError("has no beginning")
        for head in self._heads:
            before = self._writer.captures
            if not self._goes_on:
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
        if not self._goes_on:
            self._writer.captures = most = max(ends)
            texts = [text + UNSET * (most - end) for text, end in zip(texts, ends[1:], strict=True)]
        return texts

    def _is_one(self) -> bool:
        """Tell whether the rules are written once, and not for each way in which lines begin."""
        return self._goes_on or len(self._heads) == 1

    def _take_prefix(self) -> None:
        prefix = self._definition.prefix
        if prefix is None:
            return
        try:
            node = _parsed(prefix.text, self._reading)
            self._goes_on = any(
                isinstance(each, Group) and each.name == "content" for each in walk(node)
            )
            self._prefix = open_ended(node) if self._goes_on else node
        except InexpressibleError as error:
            raise InexpressibleError(f"prefregex {error}") from error
        self._prefix_kept = kept_groups(self._prefix, {"thread", SLOW_GROUP})
        for name, times in times_taken(self._prefix).items():
            if times > 1 and name in self._prefix_kept.values():
                raise InexpressibleError(f"prefregex may capture {name} twice")

    def _take_ignored(self) -> None:
        for expression in self._definition.ignore:
            self._ignored.append(_parsed(expression.text, self._reading))

    def _head(self, head: Head, dates: list[int], numbers: dict[str, list[int]]) -> str:
        """Write how a line begins: the date, then prefregex."""
        text = re.escape(head.before)
        if head.date:
            self._writer.captures += 1
            dates.append(self._writer.captures)
            # A line that has its date, and not what has to follow, is nobody's.
            text += f"({head.date}){head.behind}(*PRUNE)"
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

    def _opening(self) -> str:
        """Write that a line may begin a message of several lines.

        By its literals alone, where the expression of such a beginning can't be written.
        """
        ways: list[str] = []
        entries: dict[Head, list[Entry]] = {head: [] for head in self._heads}
        for opening in self._openings:
            try:
                found = [self._beginning(opening, head) for head in self._heads]
            except InexpressibleError:
                ways.append(f"{_holding(opening.literals)}(*MARK:{SLOW_MARK})")
                continue
            for head, entry in zip(self._heads, found, strict=True):
                entries[head].append(entry)
        for head, those in entries.items():
            if those:
                self._writer.numbers = {}
                begins = "|".join(self._ways(reordered(those), {}))
                ways.append(f"{re.escape(head.before)}(?:{head.date}){head.behind}(?|{begins})")
        return f"(?:{'|'.join(ways)})"

    def _beginning(self, opening: Opening, head: Head) -> Entry:
        """Prepare the expression of a message's beginning for being written behind a date."""
        # Other than the rules it does not see the line's end.
        tree = without(_parsed(opening.begin, Reading()), LF)
        node = begins_at(tree, head.before, _strange_at(head))
        entry = Entry((), Pace.SLOW, flat(node), {}, {}, "")
        if references_in(node):
            raise InexpressibleError("refers to a group")
        Writer().write(entry.items, (), {})
        return entry

    def _part(self, rule: Rule) -> _Part:
        part = _Part(rule)
        try:
            part.node = _parsed(rule.expression.text, self._reading)
        except InexpressibleError as error:
            return self._gated(part, str(error))
        kept = list(kept_groups(part.node, set(HOST_GROUPS)).items())
        hosts = [at for at, (_, name) in enumerate(kept) if name in HOST_GROUPS]
        why = self._why_slow(part, [name for _, name in kept], hosts)
        if why:
            part.pace = Pace.SLOW
            return part
        if not references_in(part.node) & {kept[at][0] for at in hosts}:
            part.node = told_apart(part.node)
            kept = list(kept_groups(part.node, set(HOST_GROUPS)).items())
            hosts = [at for at, (_, name) in enumerate(kept) if name in HOST_GROUPS]
        part.before, part.span = hosts[0], len(hosts)
        part.is_canonical = is_canonical(kept[hosts[0]][0])
        return part

    def _why_slow(self, part: _Part, kept: Items[str], hosts: Items[int]) -> str:
        """Say why the reference has to weigh what a rule matches; "" if it has not."""
        names = {each.name for each in walk(part.node) if isinstance(each, Group)}
        if self._prefix is not None:
            names |= {each.name for each in walk(self._prefix) if isinstance(each, Group)}
        if part.rule.hearsay or part.rule.witness or names & _WEIGHED:
            return "is weighed with other lines"
        if not hosts or hosts[-1] - hosts[0] + 1 != len(hosts):
            return "has no address, or other captures around it"
        times = times_taken(part.node)
        if sum(times.get(name, 0) for name in HOST_GROUPS if name in kept) > 1 and (
            taken_at_once(part.node) > 1
        ):
            return "may name two addresses"
        if any(count > 1 for name, count in times.items() if name and name in kept):
            return "may capture twice"
        return ""

    def _gated(self, part: _Part, why: str) -> _Part:
        self._refuse(part, why)
        part.pace = Pace.GATED
        return part

    def _refuse(self, part: _Part, why: str) -> None:
        """Note why lines that a rule could match are the reference's, by their literals."""
        if not required_literals(part.rule.expression.text):
            raise InexpressibleError(
                f"{part.rule.name} {why}, and has no literal to tell its lines"
            )
        self._refused.setdefault(part.rule.name, why)

    def _rules(
        self,
        parts: Items[_Part],
        begin: tuple[str, frozenset[int]],
        columns: tuple[int, int, int],
        fields: dict[int, Fields],
    ) -> str:
        """Write the rules; each of them counts its captures from the same number."""
        base, before, span = columns
        ways = []
        for node in self._ignored:
            self._writer.captures = base + before + span  # as those of a slow rule
            written = self._writer.write((begins_at(node, *begin),), references_in(node))
            ways.append(f"(?={UNSET * (before + span)}{written})(*MARK:{SLOW_MARK})")
        self._writer.captures = base
        entries = [
            entry
            for number, part in enumerate(parts)
            if (entry := self._entry(number, part, begin, (before, span))) is not None
        ]
        self._writer.numbers = {}
        ways += self._ways(told_by_texts(reordered(self._merged(entries))), fields)
        self._writer.captures = self._last + 1
        # No line matches the last way, that gives what comes behind all rules its number.
        return f"(?|{'|'.join(ways)}|(?!){UNSET * (self._last + 1 - base)})"

    def _entry(
        self, number: int, part: _Part, begin: tuple[str, frozenset[int]], columns: tuple[int, int]
    ) -> Entry | None:
        """Prepare a rule for being written; None if no line that begins so can match it."""
        gate = _holding(required_literals(part.rule.expression.text))
        if part.pace is Pace.GATED:
            return Entry((number,), part.pace, (), {}, {}, gate)
        try:
            node = begins_at(part.node, *begin)
            if node == NOTHING:
                return None
            kept = kept_groups(node, set(HOST_GROUPS))
            hosts = [group for group, name in kept.items() if name in HOST_GROUPS]
            pads: dict[int, tuple[int, int]] = {}
            if part.pace is Pace.SLOW:
                # Behind the address's columns: what is in these would pass for a failure.
                kept = {group: kept[group] for group in references_in(node)}
                first = next((each.number for each in groups_in((node,)) if each.number in kept), 0)
                pads[first] = (sum(columns), 0)
            else:
                before, span = columns
                _check_span(node, part.span)
                pads[hosts[0]] = (before - part.before, 0)
                leading, _ = pads.get(hosts[-1], (0, 0))
                pads[hosts[-1]] = (leading, span - part.span)
            entry = Entry((number,), part.pace, without_free_end(flat(node)), kept, pads, gate)
            Writer().write(entry.items, kept, pads)
        except InexpressibleError as error:
            self._refuse(part, str(error))
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
                    self._may_be_empty.update(numbers)
        found = Fields(tuple((name, tuple(ns)) for name, ns in named.items()))
        fields.update(dict.fromkeys(entry.numbers, found))
        if self._definition.rules[entry.numbers[0]].success:
            text += f"{UNSET * (self._last - self._writer.captures)}()"
        return text if len(entry.numbers) > 1 else f"{text}(*MARK:{entry.numbers[0]})"

    def _merged(self, entries: Items[Entry]) -> list[Entry]:
        """Make one of rules that differ in one place only."""
        rules = self._definition.rules

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


def _once(numbers: Items[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(numbers))


def _check_span(node: Node, span: int) -> None:
    if sum(map(is_host, walk(node))) != span:
        raise InexpressibleError("has its address in several places behind a date")


def _strange_at(head: Head) -> frozenset[int]:
    """Give what may stand before the text that goes on behind a date: its end, or ``before``."""
    return _DATE_ENDS | frozenset(map(ord, head.before)) if head.date else frozenset()


def _parsed(text: str, reading: Reading) -> Node:
    try:
        return parse(expand(text, reading))
    except ExpressionError as error:
        raise InexpressibleError(str(error)) from error


def _holding(sets: LiteralSets) -> str:
    """Write that the rest of the line holds a literal of each of some sets."""
    return "".join(
        rf"(?=[^\n]*?(?:{'|'.join(re.escape(each.decode()) for each in sorted(choice))}))"
        for choice in sets[:_MAX_SETS]
    )
