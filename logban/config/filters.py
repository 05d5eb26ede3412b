# SPDX-License-Identifier: MIT
"""A filter: from its files, a jail's parameters and overrides to a FilterDefinition."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from logban.config import table
from logban.config.filter_keys import RULE_SECTION, check_keys, check_parameters
from logban.config.filter_text import FilterText
from logban.config.interpolation import InterpolationError
from logban.config.layers import Tree, listed, read_tree, with_locals
from logban.config.lint import lint
from logban.config.parameters import Selection, SelectionError, parse_selections
from logban.config.problem import Problem, Severity, did_you_mean, error, warning
from logban.config.strays import judge_stray
from logban.config.text import Text, TextLine, Value, joined, written
from logban.matching.compiler import ExpressionError, check_expression
from logban.matching.datepattern import compile_date_pattern
from logban.matching.definition import Expression, FilterDefinition, Rule
from logban.model import Origin

_RULE_NAME: Final = re.compile(r"[\w.\-]+")
_KEYS: Final = tuple(setting.name for setting in table.FILTER_SETTINGS)


@dataclass(frozen=True, slots=True)
class FilterReading:
    """What came of reading a filter; ``definition`` is None if one of the problems is an error."""

    definition: FilterDefinition | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class FilterSource:
    """A filter's files; ``own`` if they are in filters.d, as opposed to somebody else's tree."""

    name: str
    tree: Tree
    own: bool = True


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a jail says in place of its filter, by key, interpolated."""

    texts: Mapping[str, Text] = field(default_factory=dict)
    keep_rules: bool = False


class FilterLibrary:
    """The filters that a configuration directory has; each file is read once."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._read: dict[Path, Tree] = {}

    def names(self) -> tuple[str, ...]:
        """Give the names of the filters in filters.d."""
        files = listed(self.directory / "filters.d")
        return tuple({each.stem: None for each in files if each.suffix in (".conf", ".local")})

    def find(self, name: str, base: Path) -> FilterSource | None:
        """Give the filter of that name, or at that path from ``base``; None if there is none."""
        if "/" in name or name.endswith((".conf", ".local")):
            path = base / name
            files = with_locals(path) or with_locals(path.parent / f"{path.name}.conf")
        else:
            files = with_locals(self.directory / "filters.d" / f"{name}.conf")
        if not files:
            return None
        path = files[0]
        if path not in self._read:
            self._read[path] = read_tree(files, self.shown)
        return FilterSource(path.stem, self._read[path], path.is_relative_to(self.directory))

    def shown(self, path: Path) -> str:
        """Give the name that messages call a file by."""
        inside = path.is_relative_to(self.directory)
        return str(path.relative_to(self.directory) if inside else path)

    def missing(self, name: str, origin: Origin) -> Problem:
        """Say that there is no such filter."""
        hint = "no such file"
        if "/" not in name:
            hint = did_you_mean(name, self.names()) or f"there is no filters.d/{name}.conf"
        return error(origin, f"there is no filter {name!r}", hint)


def load_filter(wanted: str, directory: Path) -> FilterReading:
    """Read a filter by its name in ``directory`` or its path, ``[key=value]`` behind either."""
    name, bracket, rest = wanted.partition("[")
    name = name.strip()
    library = FilterLibrary(directory)
    source = library.find(name, Path())
    origin = source.tree.origin if source else Origin(name, 1)
    if source is None:
        return FilterReading(None, (library.missing(name, origin),))
    try:
        (selection,) = parse_selections((TextLine(f"filter{bracket}{rest}", origin),))
    except SelectionError as failure:
        return FilterReading(None, (failure.problem,))
    except ValueError:
        return FilterReading(None, (error(origin, f"{wanted!r} is more than one filter"),))
    selection = replace(selection, name=source.name)
    text = FilterText.of(source.tree, source.name, selection)
    return build_filter(source, selection, text, Overrides())


def build_filter(
    source: FilterSource, selection: Selection, text: FilterText, overrides: Overrides
) -> FilterReading:
    """Put a filter together; every mistake in it is a problem of the reading."""
    builder = _Builder(source, text, overrides)
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

    def __init__(self, source: FilterSource, text: FilterText, overrides: Overrides) -> None:
        self.problems: list[Problem] = []
        self._source = source
        self._text = text
        self._overrides = overrides

    def build(self) -> FilterDefinition:
        """Read every part."""
        prefix = self._prefix()
        rules = tuple(self._rules(prefix))
        self._check_max_lines()
        definition = FilterDefinition(
            self._source.name,
            self._source.tree.origin,
            rules,
            self._expressions("ignoreregex"),
            prefix,
            self._date_patterns(),
            attempt=tuple(joined(self._lines("attempt")).replace(",", " ").split()),
        )
        if not rules:
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
        for section in self._source.tree.sections.values():
            named = RULE_SECTION.fullmatch(section.name)
            if named is None:
                continue
            name = named["name"] or ""
            if not _RULE_NAME.fullmatch(name):
                message = f"a rule's name is one word, and {name!r} is not"
                self.problems.append(error(section.origin, message))
            kind = self._kind(section.values.get("kind"), section.name)
            for line in self._tried(partial(self._text.of_rule, section.name)):
                expression = Expression(line.text, line.origin)
                if self._is_rule(expression, prefix):
                    yield Rule(name, expression, kind)

    def _is_rule(self, expression: Expression, prefix: Expression | None) -> bool:
        """Check a failregex; say whether it is one that can be followed line by line.

        With fail2ban's <F-MLFID> a line without an address gets it from another line of the same
        connection.  Such an expression is left out, and those that name the address stay.
        """
        before = prefix.text if prefix else ""
        needs_address = not _names_address(before)
        if needs_address and "<F-MLFID>" in before + expression.text:
            if _names_address(expression.text):
                return True
            self._check(expression, "failregex")
            message = "the expression names no address and is left out"
            hint = "what other lines of the same connection say is not looked at"
            self.problems.append(warning(expression.origin, message, hint))
            return False
        self._check(expression, "failregex", needs_address=needs_address)
        return True

    def _kind(self, value: Value | None, section: str) -> str:
        if value is None:
            return ""
        text = joined(self._tried(partial(self._text.interpolated, value, section)))
        try:
            return table.KIND.parse(text)
        except ValueError as failure:
            self.problems.append(error(value.origin, f"kind: {text!r}: {failure}"))
            return ""

    def _check(self, expression: Expression, key: str, *, needs_address: bool = False) -> None:
        try:
            check_expression(expression.text, needs_address=needs_address)
        except ExpressionError as failure:
            self.problems.append(error(expression.origin, f"{key}: {failure}"))

    def _date_patterns(self) -> tuple[Expression, ...]:
        found = tuple(Expression(line.text, line.origin) for line in self._lines("datepattern"))
        for expression in found:
            if expression.text == "{NONE}":
                continue
            try:
                compile_date_pattern(expression.text)
            except ExpressionError as failure:
                said = str(failure).removeprefix("datepattern").lstrip(": ")
                self.problems.append(error(expression.origin, f"datepattern: {said}"))
        return found

    def _check_max_lines(self) -> None:
        lines = self._lines("maxlines")
        if lines:
            try:
                table.MAXLINES.parse(joined(lines))
            except ValueError as failure:
                message = f"maxlines: {joined(lines)!r}: {failure}"
                hint = f"allowed: {table.MAXLINES.allowed}"
                self.problems.append(error(lines[0].origin, message, hint))


def _names_address(text: str) -> bool:
    try:
        check_expression(text, needs_address=True)
    except ExpressionError:
        return False
    return True
