# SPDX-License-Identifier: MIT
"""The reference matcher: it defines which lines are failures, and whose.

A line is a failure if, in this order,

1. for some rule it holds the literals that the rule requires (see ``literals``),
2. the filter's ``prefregex``, if there is one, is found in the line without its date, and
3. the rule's failregex is found in that text, or in the part that ``prefregex`` marks as
   ``<F-CONTENT>``; the first rule in the filter's order wins;
4. no ``ignoreregex`` is found in the text that the failregex saw;
5. neither captured anything as ``<F-NOFAIL>`` or ``<F-MLFGAINED>``;
6. what the rule captured as the address is one.

Step 1 is what makes it fast: blocks are searched for the literals, and only lines that hold them
are decoded and looked at (see ``gates``).  A faster engine may take the place of the gates and of
the searches behind them, never of this definition.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

import regex

from logban.matching.compiler import ADDRESS_GROUPS, compile_expression
from logban.matching.dates import date_reader
from logban.matching.definition import FilterDefinition
from logban.matching.gates import Gates
from logban.matching.literals import required_literals
from logban.model import Block, CanonicalAddress, Failure, canonical_address

DEFAULT_TIMEOUT: Final = 0.1
"""Seconds that one search may take; a line that needs more is skipped and counted."""

_NO_FIELDS: Final = frozenset({*ADDRESS_GROUPS, "content"})
# In fail2ban's dialect <F-NOFAIL> and <F-MLFGAINED> mark lines that say that nobody failed.
_NO_FAILURE: Final = frozenset({"nofail", "mlfgained"})


@dataclass(slots=True)
class MatchCounters:
    """What became of the lines that a matcher has seen.

    ``timeouts`` are lines skipped because an expression took too long, ``ignored`` those that an
    ignoreregex took back, ``unaddressed`` those whose captured address is none.
    """

    lines: int = 0
    failures: int = 0
    ignored: int = 0
    timeouts: int = 0
    unaddressed: int = 0
    last_timeout: str = ""


@dataclass(frozen=True, slots=True)
class _CompiledRule:
    name: str
    pattern: regex.Pattern[str]
    fields: tuple[str, ...]
    address_groups: tuple[str, ...]


class Matcher:
    """Finds the failures in blocks of lines, by the rules of one filter."""

    def __init__(
        self,
        definition: FilterDefinition,
        *,
        zone: tzinfo | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        encoding: str = "utf-8",
        dated: bool = True,
    ) -> None:
        """Compile a filter; ExpressionError if it can't be (reading the configuration checks it).

        ``zone`` is that of dates which name none (None: the C library's).  ``encoding`` has to
        agree with ASCII on its characters.  ``dated=False`` looks for no dates.
        """
        self.counters = MatchCounters()
        self._timeout = timeout
        self._encoding = encoding
        patterns = tuple(expression.text for expression in definition.date_patterns)
        self._dates = date_reader(patterns if dated else ("{NONE}",), zone, timeout)
        self._prefix = compile_expression(definition.prefix.text) if definition.prefix else None
        self._prefix_fields = _fields(self._prefix) if self._prefix else ()
        self._ignore = [compile_expression(expression.text) for expression in definition.ignore]
        self._rules = [
            _compiled(rule.name, compile_expression(rule.expression.text), self._prefix)
            for rule in definition.rules
        ]
        of_prefix = required_literals(definition.prefix.text) if definition.prefix else ()
        self._gates = Gates(
            [required_literals(rule.expression.text) or of_prefix for rule in definition.rules]
        )
        self.ungated_rules = [self._rules[number].name for number in self._gates.ungated]

    def match(self, block: Block, now: float) -> list[Failure]:
        """Give the failures in a block, in its order; ``now`` lends the year to dates without."""
        data = block.data
        self.counters.lines += data.count(b"\n")
        failures = []
        for start, end, rules in self._gates.candidates(data):
            try:
                failure = self._judge_line(data[start:end], rules, block, start, now)
            except TimeoutError:
                self.counters.timeouts += 1
                self.counters.last_timeout = f"{block.source}, byte {block.offset + start}"
                continue
            if failure is not None:
                failures.append(failure)
        self.counters.failures += len(failures)
        return failures

    def _judge_line(
        self, raw: bytes, rules: list[int], block: Block, start: int, now: float
    ) -> Failure | None:
        """Give the failure that a line is, if it is one; TimeoutError if that takes too long."""
        line = raw.decode(self._encoding, "replace").removesuffix("\r")
        dated = self._dates.read(line, now)
        text = dated.text
        prefixed: regex.Match[str] | None = None
        if self._prefix is not None:
            prefixed = self._prefix.search(text, timeout=self._timeout)
            if prefixed is None:
                return None
            if "content" in self._prefix.groupindex:
                text = prefixed["content"] or ""
        for number in rules:
            rule = self._rules[number]
            found: regex.Match[str] | None = rule.pattern.search(text, timeout=self._timeout)
            if found is None:
                continue
            if any(ignore.search(text, timeout=self._timeout) for ignore in self._ignore):
                self.counters.ignored += 1
                return None
            fields = {name: found[name] for name in rule.fields if found[name] is not None}
            if prefixed is not None:
                for name in self._prefix_fields:
                    if prefixed[name] is not None:
                        fields.setdefault(name, prefixed[name])
            if any(fields.get(name) for name in _NO_FAILURE):
                return None
            address = _address(rule, found, prefixed)
            if address is None:
                self.counters.unaddressed += 1
                return None
            offset = block.offset + start
            return Failure(address, dated.time, rule.name, fields, line, block.source, offset)
        return None


def _fields(pattern: regex.Pattern[str]) -> tuple[str, ...]:
    return tuple(name for name in pattern.groupindex if name not in _NO_FIELDS)


def _compiled(
    name: str, pattern: regex.Pattern[str], prefix: regex.Pattern[str] | None
) -> _CompiledRule:
    """Note which groups a rule has; its address may stand in the prefix instead."""
    has = pattern.groupindex
    if not any(group in has for group in ADDRESS_GROUPS) and prefix is not None:
        has = prefix.groupindex
    groups = tuple(group for group in ADDRESS_GROUPS if group in has)
    return _CompiledRule(name, pattern, _fields(pattern), groups)


def _address(
    rule: _CompiledRule, found: regex.Match[str], prefixed: regex.Match[str] | None
) -> CanonicalAddress | None:
    """Give the address that a rule captured, or None if what it captured is no address."""
    for group in rule.address_groups:
        holder = found if group in rule.pattern.groupindex else prefixed
        text = holder[group] if holder is not None else None
        if text:
            try:
                return canonical_address(text.strip("[]"))
            except ValueError:
                return None
    return None
