# SPDX-License-Identifier: MIT
"""A filter: from its files, a jail's parameters and overrides to a FilterDefinition."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from logban.config.files.ini import Section
from logban.config.files.interpolation import InterpolationError
from logban.config.files.layers import Tree
from logban.config.files.parameters import Selection, SelectionError, parse_selections
from logban.config.files.strays import judge_stray, looks_like_expression
from logban.config.files.text import Text, TextLine, joined, written
from logban.config.filters import table as filter_table
from logban.config.filters.keys import OWN_SECTION, check_keys, check_parameters
from logban.config.filters.library import COMMAND_LINE, FilterLibrary, FilterSource
from logban.config.filters.lint import lint
from logban.config.filters.text import FilterText
from logban.config.problem import Problem, Severity, error, warning
from logban.config.setting import Setting
from logban.matching.compiler import (
    ADDRESS_GROUPS,
    IDENTITY_GROUPS,
    SINGLE_LINES,
    ExpressionError,
    Reading,
    check_groups,
)
from logban.matching.definition import (
    Expression,
    FilterDefinition,
    JsonText,
    Quote,
    Rule,
)
from logban.matching.json_text import check_json_text
from logban.matching.known import KnownExpressions

T = TypeVar("T")
_NAME: Final = re.compile(r"[\w.\-]+")
_ADDRESSED_GROUPS: Final = (*ADDRESS_GROUPS, "mlfid")
_KEYS: Final = tuple(setting.name for setting in filter_table.FILTER_SETTINGS)


@dataclass(frozen=True, slots=True)
class FilterReading:
    """What came of reading a filter; ``definition`` is None if one of the problems is an error."""

    definition: FilterDefinition | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a jail says in place of its filter, by key, interpolated."""

    texts: Mapping[str, Text] = field(default_factory=dict)
    keep_rules: bool = False


def load_filter(
    wanted: str,
    directory: Path,
    given: Mapping[str, str] | None = None,
    known: KnownExpressions | None = None,
) -> FilterReading:
    """Read a filter by its name in ``directory`` or its path, ``[key=value]`` behind either.

    What is ``given`` takes the place of what the filter says.  A text that is neither a name nor a
    path, and looks like a regular expression, is the failregex of a filter without a file.
    Expressions that are ``known`` need not be compiled to be checked.
    """
    texts = {key: _typed(text) for key, text in (given or {}).items()}
    name, bracket, rest = wanted.partition("[")
    name = name.strip()
    library = FilterLibrary(directory)
    source = library.find(name, Path())
    if source is None and looks_like_expression(wanted):
        return _without_file({**texts, "failregex": _typed(wanted)}, known)
    if source is None:
        return FilterReading(None, (library.missing_for_admin(name),))
    origin = source.tree.origin
    try:
        (selection,) = parse_selections((TextLine(f"filter{bracket}{rest}", origin),))
    except SelectionError as failure:
        return FilterReading(None, (failure.problem,))
    except ValueError:
        return FilterReading(None, (error(origin, f"{wanted!r} is more than one filter"),))
    selection = replace(selection, name=source.name)
    text = FilterText.of(source.tree, source.name, selection)
    return build_filter(source, selection, text, Overrides(texts), known)


def _typed(text: str) -> Text:
    """Give a text that was typed, which stands in no file."""
    return tuple(TextLine(line, COMMAND_LINE) for line in text.split("\n"))


def _without_file(texts: Mapping[str, Text], known: KnownExpressions | None) -> FilterReading:
    """Put a filter together that stands in no file."""
    source = FilterSource("failregex", Tree.empty(COMMAND_LINE))
    selection = Selection(source.name, COMMAND_LINE, {})
    text = FilterText.of(source.tree, source.name, selection)
    return build_filter(source, selection, text, Overrides(texts), known)


def build_filter(
    source: FilterSource,
    selection: Selection,
    text: FilterText,
    overrides: Overrides,
    known: KnownExpressions | None = None,
) -> FilterReading:
    """Put a filter together; every mistake in it is a problem of the reading."""
    builder = _Builder(source, text, overrides, known or KnownExpressions())
    builder.problems.extend(_reading_problems(source))
    builder.problems.extend(check_keys(source.tree, lenient=not source.own))
    builder.problems.extend(check_parameters(source.tree, selection))
    definition = builder.build()
    if any(problem.severity is Severity.ERROR for problem in builder.problems):
        return FilterReading(None, tuple(builder.problems))
    return FilterReading(definition, (*builder.problems, *lint(definition)))


def _reading_problems(source: FilterSource) -> Iterator[Problem]:
    for _, remark in source.tree.remarks():
        yield remark.problem
    for _, stray in source.tree.strays():
        yield judge_stray(stray, (), _KEYS)


class _Builder:
    """Collects the parts of a definition and what is wrong with them."""

    def __init__(
        self,
        source: FilterSource,
        text: FilterText,
        overrides: Overrides,
        known: KnownExpressions,
    ) -> None:
        self.problems: list[Problem] = []
        self._source = source
        self._text = text
        self._overrides = overrides
        self._known = known
        self._reading = SINGLE_LINES

    def build(self) -> FilterDefinition:
        """Read every part."""
        self._reading = self._how_to_read()
        prefix = self._prefix()
        rules = tuple(self._rules(prefix))
        definition = FilterDefinition(
            self._source.name,
            self._source.tree.origin,
            rules,
            self._expressions("ignoreregex"),
            prefix,
            self._date_patterns(),
            attempt=tuple(joined(self._lines("attempt")).replace(",", " ").split()),
            quotes=tuple(self._quotes()),
            json=self._json(),
            reading=self._reading,
        )
        if self._reading.lines > 1 and (definition.quotes or definition.json):
            message = "maxlines does not go with [quote NAME] and [json]"
            self.problems.append(error(definition.origin, message))
        if all(rule.success for rule in rules):
            message = f"the filter {definition.name!r} has no failregex"
            self.problems.append(error(definition.origin, message))
        return definition

    def _lines(self, key: str) -> Text:
        """Give the lines of a key: the jail's if it has any, else the filter's."""
        return self._tried(partial(self._text.final, key, self._overrides.texts.get(key)))

    def _tried(self, read: Callable[[], Text | None]) -> Text:
        try:
            return written(read() or ())
        except InterpolationError as failure:
            self.problems.append(failure.problem)
            return ()

    def _expressions(self, key: str) -> tuple[Expression, ...]:
        found = tuple(Expression(line.text, line.origin) for line in self._lines(key))
        for expression in found:
            self._check(expression, key)
        return found

    def _prefix(self) -> Expression | None:
        found = self._expressions("prefregex")
        if len(found) > 1:
            message = "prefregex is one regular expression, and this is a second one"
            self.problems.append(error(found[1].origin, message))
        return found[0] if found else None

    def _rules(self, prefix: Expression | None) -> Iterator[Rule]:
        for number, line in enumerate(self._lines("failregex"), 1):
            rule = Rule(f"failregex-{number}", Expression(line.text, line.origin))
            if self._is_rule(rule.expression, prefix):
                yield rule
        if "failregex" in self._overrides.texts and not self._overrides.keep_rules:
            return
        for section, name in self._own_sections("rule"):
            kind = self._setting(section, filter_table.KIND)
            proof = self._setting(section, filter_table.PROOF)
            hearsay = self._setting(section, filter_table.HEARSAY)
            witness = self._setting(section, filter_table.WITNESS)
            weight = self._weight(section, witness=witness)
            for key in ("failregex", "successregex"):
                for line in self._own_lines(section, key):
                    expression = Expression(line.text, line.origin)
                    if self._is_rule(expression, prefix, key):
                        success = key == "successregex"
                        yield Rule(name, expression, kind, proof, hearsay, witness, success, weight)

    def _weight(self, section: Section, *, witness: bool) -> float | None:
        """Give what a failure by a rule weighs; a rule of none needs no weight."""
        value = section.values.get(filter_table.RULE_WEIGHT.name)
        if value is not None and (witness or "failregex" not in section.values):
            message = f"weight: [{section.name}] tells of no failure"
            self.problems.append(warning(value.origin, message, "take the line out"))
        return self._setting(section, filter_table.RULE_WEIGHT)

    def _quotes(self) -> Iterator[Quote]:
        for section, name in self._own_sections("quote"):
            begin = self._own_expression(section, "begin")
            if begin is None:
                message = f"[{section.name}] does not say how such a message begins"
                self.problems.append(error(section.origin, message, "set begin"))
            else:
                yield Quote(
                    name,
                    begin,
                    self._own_expression(section, "end"),
                    self._setting(section, filter_table.QUOTE_SIZE),
                    self._setting(section, filter_table.QUOTE_CUT),
                    self._setting(section, filter_table.QUOTE_LATE),
                    self._setting(section, filter_table.QUOTE_TWICE),
                    self._setting(section, filter_table.QUOTE_NEIGHBOURS),
                )

    def _json(self) -> JsonText | None:
        section = self._source.tree.sections.get("json")
        if section is None:
            return None
        lines = self._own_lines(section, "text")
        text = joined(lines)
        try:
            check_json_text(text)
        except ExpressionError as failure:
            origin = lines[0].origin if lines else section.origin
            self.problems.append(error(origin, f"text: {text!r} {failure}"))
            return None
        return JsonText(text, self._own_expression(section, "begin"))

    def _own_sections(self, what: str) -> Iterator[tuple[Section, str]]:
        """Give the sections ``[what NAME]``, each with its name, which is one word."""
        for section in self._source.tree.sections.values():
            own = OWN_SECTION.fullmatch(section.name)
            if own is None or own["what"].lower() != what:
                continue
            name = own["name"] or ""
            if not _NAME.fullmatch(name):
                message = f"a {what}'s name is one word, and {name!r} is not"
                self.problems.append(error(section.origin, message))
            yield section, name

    def _own_lines(self, section: Section, key: str) -> Text:
        return self._tried(partial(self._text.of_section, section.name, key))

    def _own_expression(self, section: Section, key: str) -> Expression | None:
        """Give a key that is one regular expression; None if it is not set."""
        lines = self._own_lines(section, key)
        if not lines:
            return None
        if len(lines) > 1:
            message = f"{key} is one regular expression, and this is a second one"
            self.problems.append(error(lines[1].origin, message))
        expression = Expression(lines[0].text, lines[0].origin)
        self._check(expression, key)
        return expression

    def _is_rule(
        self, expression: Expression, prefix: Expression | None, key: str = "failregex"
    ) -> bool:
        """Check a rule's expression, which need not name an address if another one does."""
        before = self._groups(prefix.text) if prefix else frozenset()
        unnamed = before.isdisjoint(IDENTITY_GROUPS)
        self._check(expression, key, needs_address=unnamed)
        groups = before | self._groups(expression.text)
        if not groups.isdisjoint(IDENTITY_GROUPS) and groups.isdisjoint(_ADDRESSED_GROUPS):
            message = "the expression names whoever failed by no address"
            hint = "such failures are shown by `filter test` only: put <HOST> where the line has it"
            self.problems.append(warning(expression.origin, message, hint))
        return True

    def _groups(self, text: str) -> frozenset[str]:
        try:
            return frozenset(self._known.groups(text, self._reading))
        except ExpressionError:
            return frozenset()  # told of where it is checked

    def _setting(self, section: Section, setting: Setting[T]) -> T:
        value = section.values.get(setting.name)
        if value is None:
            return setting.default
        text = joined(self._tried(partial(self._text.interpolated, value, section.name)))
        try:
            return setting.parse(text)
        except ValueError as failure:
            hint = f"allowed: {setting.allowed}" if setting.allowed else ""
            message = f"{setting.name}: {text!r}: {failure}"
            self.problems.append(error(value.origin, message, hint))
            return setting.default

    def _check(self, expression: Expression, key: str, *, needs_address: bool = False) -> None:
        try:
            groups = self._known.groups(expression.text, self._reading)
            check_groups(groups, needs_address=needs_address)
        except ExpressionError as failure:
            self.problems.append(error(expression.origin, f"{key}: {failure}"))

    def _date_patterns(self) -> tuple[Expression, ...]:
        found = tuple(Expression(line.text, line.origin) for line in self._lines("datepattern"))
        for expression in found:
            try:
                self._known.check_date_pattern(expression.text)
            except ExpressionError as failure:
                said = str(failure).removeprefix("datepattern").lstrip(": ")
                self.problems.append(error(expression.origin, f"datepattern: {said}"))
        return found

    def _how_to_read(self) -> Reading:
        """Say how the expressions are to be read, by ``maxlines`` and ``usedns``."""
        lines = self._value(self._lines("maxlines"), "maxlines", filter_table.MAXLINES)
        use_dns = self._value(self._lines("usedns"), "usedns", filter_table.USEDNS)
        return Reading(names=use_dns.looks_up, lines=lines)

    def _value(self, lines: Text, key: str, setting: Setting[T]) -> T:
        if not lines:
            return setting.default
        try:
            return setting.parse(joined(lines))
        except ValueError as failure:
            message = f"{key}: {joined(lines)!r}: {failure}"
            self.problems.append(error(lines[0].origin, message, f"allowed: {setting.allowed}"))
            return setting.default
