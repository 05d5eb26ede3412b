# SPDX-License-Identifier: MIT
"""A jail: from its section and [DEFAULT] to JailSettings."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

from logban import __version__
from logban.actions import catalogue
from logban.actions.declaration import ActionSpec, ParameterError, UnknownAction
from logban.config import parsers
from logban.config.files.ini import Section
from logban.config.files.layers import Tree
from logban.config.files.parameters import Selection, SelectionError, parse_selections
from logban.config.files.scopes import SectionScope
from logban.config.files.text import Value, written
from logban.config.filters import table as filter_table
from logban.config.filters.library import FilterLibrary, FilterSource
from logban.config.filters.reading import Overrides, build_filter
from logban.config.filters.text import FilterText
from logban.config.jails import growth_table, judging_table
from logban.config.jails import table as jail_table
from logban.config.jails.action_files import FOLDER, find_action
from logban.config.jails.scrutiny import read_scrutiny
from logban.config.jails.values import JailValues
from logban.config.problem import Problem, did_you_mean, error, warning
from logban.config.setting import Setting
from logban.config.settings import MANUAL, JailSettings, LogPath, UseDns
from logban.matching.definition import FilterDefinition
from logban.model import RECIDIVE, Origin
from logban.policy.bantime import Growth

T = TypeVar("T")

MOST_EVIDENCE: Final = 100
"""Lines of evidence that a ban can have."""

_DEFAULT_FILTER: Final = '%(__name__)s[mode="%(mode)s"]'
_OVERRIDES: Final = ("failregex", "ignoreregex", "prefregex", "datepattern", "maxlines", "usedns")
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class JailReading:
    """What came of reading a jail; the settings count only if no problem is an error."""

    settings: JailSettings
    problems: tuple[Problem, ...]
    enabled: bool = True


def built_in(directory: Path) -> Mapping[str, Value]:
    """Give the variables that every jail has, below [DEFAULT]."""
    path = str(directory).replace("%", "%%")
    texts = {variable.name: variable.default for variable in jail_table.VARIABLES}
    texts |= dict.fromkeys(("logban_version", "fail2ban_version"), __version__)
    texts |= dict.fromkeys(("logban_confpath", "fail2ban_confpath"), path)
    texts[jail_table.FILTER.name] = _DEFAULT_FILTER
    texts[jail_table.ACTION.name] = jail_table.ACTION.default
    return {key: Value.built_in(key, text) for key, text in texts.items()}


def read_jail(
    section: Section, tree: Tree, library: FilterLibrary, variables: Mapping[str, Value]
) -> JailReading:
    """Read the jail of that section; ``manual`` is on and has neither filter nor log files."""
    scope = SectionScope(section, tree.defaults, tree.sections, section.name, built_in=variables)
    reader = _Reader(section, scope, directory=library.directory, trust=library.trust)
    if section.name != MANUAL and not reader.get(jail_table.ENABLED):
        off = JailSettings(section.name, section.origin)
        return JailReading(off, tuple(reader.problems), enabled=False)
    definition = None
    log_paths: tuple[LogPath, ...] = ()
    if section.name == MANUAL:
        reader.refuse(jail_table.FILTER, jail_table.LOGPATH, *filter_table.FILTER_SETTINGS)
    else:
        definition = reader.filter(library)
        log_paths = () if reader.is_recidive else reader.log_paths()
        if not log_paths and reader.has_filter and not reader.is_recidive:
            message = f"the jail {section.name!r} reads no log file"
            reader.problems.append(error(section.origin, message, "set logpath"))
    maxretry = reader.get(jail_table.MAXRETRY)
    matches = reader.get(jail_table.MAXMATCHES)
    settings = JailSettings(
        section.name,
        section.origin,
        definition,
        log_paths,
        reader.get(jail_table.BACKEND),
        reader.get(jail_table.LOGENCODING),
        maxretry,
        reader.get(jail_table.FINDTIME),
        reader.get(jail_table.BANTIME),
        reader.ignore(),
        reader.get(jail_table.IGNORESELF),
        reader.get(jail_table.IPV6_PREFIX),
        min(maxretry if matches is None else matches, MOST_EVIDENCE),
        reader.all_actions(),
        reader.get(jail_table.LOGTIMEZONE),
        growth=reader.growth(),
        recidive=reader.is_recidive,
        use_dns=reader.get(filter_table.USEDNS),
        ignore_command=reader.ignore_command(),
        ignore_keep=reader.get(jail_table.IGNORECACHE),
        exempt_maxretry=reader.get(jail_table.EXEMPT_MAXRETRY),
        scrutiny=read_scrutiny(reader, definition),
        max_bans_per_minute=reader.get(jail_table.MAX_BANS_PER_MINUTE),
        max_registered_users=reader.get(jail_table.MAX_REGISTERED_USERS),
    )
    reader.tell_of_ignored()
    return JailReading(settings, tuple(reader.problems))


@dataclass(slots=True)
class _Reader(JailValues):
    """Makes a jail's settings of its values."""

    has_filter: bool = True
    is_recidive: bool = False
    directory: Path = field(default_factory=Path)

    def log_paths(self) -> tuple[LogPath, ...]:
        """Give the log files, one a line."""
        found = (
            self.parsed(jail_table.LOGPATH, line.text, line.origin, None)
            for line in written(self.lines("logpath") or ())
        )
        return tuple(dict.fromkeys(path for path in found if path is not None))

    def ignore(self) -> tuple[str, ...]:
        """Give the exempt addresses, networks and names."""
        found: dict[str, None] = {}
        for line in written(self.lines("ignoreip") or ()):
            for word in filter(None, re.split(r"[\s,]+", line.text)):
                entry = self.parsed(jail_table.IGNOREIP, word, line.origin, "")
                path = parsers.path_of_list(entry)
                if path is not None and not self.check_file(path, line.origin, is_list=True):
                    continue
                found[entry] = None
        found.pop("", None)
        return tuple(found)

    def refuse(self, *settings: Setting[T] | Setting[str] | Setting[int] | Setting[UseDns]) -> None:
        """Tell of settings that this jail's own section cannot have."""
        for setting in settings:
            value = self.section.values.get(setting.name)
            if value is not None:
                message = f"the jail {self.section.name!r} holds bans by hand: no {setting.name}"
                self.problems.append(error(value.origin, message, "take the line out"))

    def tell_of_ignored(self) -> None:
        """Warn of what is written and not followed."""
        if self.is_recidive and "logpath" in self.section.values:
            self._warn("logpath", "the jail counts the bans of the other jails, and reads no file")

    def ignore_command(self) -> tuple[str, ...]:
        """Give the words of the program that is asked whether somebody is exempt."""
        words = self.get(jail_table.IGNORECOMMAND)
        value = self.scope.find(jail_table.IGNORECOMMAND.name)
        if words and value is not None and not os.access(words[0], os.X_OK):
            message = f"ignorecommand: {words[0]} can't be run"
            hint = "as long as it is not there, nobody is exempt by it"
            self.problems.append(warning(self.at(value.origin), message, hint))
        if words and value is not None:
            self.check_program(words, self.at(value.origin))
        return words

    def check_program(self, words: Sequence[str], origin: Origin) -> None:
        """Tell of a program that others could put something else in for."""
        objection = "" if self.trust is None else self.trust.objection_to_command(words)
        if objection:
            self.problems.append(error(origin, objection))

    def growth(self) -> Growth | None:
        """Give how bans grow; None if they don't."""
        growth = Growth(
            self.get(growth_table.FACTOR),
            self.get(growth_table.MULTIPLIERS),
            self.get(growth_table.FORMULA),
            self.get(growth_table.MAXTIME),
            self.get(growth_table.RNDTIME),
            self.get(growth_table.OVERALLJAILS),
            self.get(growth_table.MEMORY),
        )
        if not self.get(growth_table.INCREMENT):
            return None
        bantime = self.get(jail_table.BANTIME)
        longest = self.scope.find(growth_table.MAXTIME.name)
        if longest is not None and bantime is not None and growth.max_time < bantime:
            message = f"{growth_table.MAXTIME.name} is shorter than bantime, so no ban grows"
            origin = self.at(longest.origin)
            self.problems.append(warning(origin, message, "make it longer, or bantime shorter"))
        return growth

    def _warn(self, key: str, why: str) -> None:
        value = self.scope.find(key)
        if value is not None:
            message = f"{key} is not followed"
            self.problems.append(warning(self.at(value.origin), message, why))

    def filter(self, library: FilterLibrary) -> FilterDefinition | None:
        """Give the jail's filter with the jail's parameters and overrides; None if it has none."""
        selections = self._selections("filter")
        own = self.section.values.get("filter")
        if selections is None:
            return None
        if not selections:
            self.has_filter = False
            self.problems.append(
                warning(
                    own.origin if own else self.section.origin,
                    f"the jail {self.section.name!r} has no filter",
                    "it bans by hand only",
                )
            )
            return None
        if len(selections) > 1:
            message = "a jail has one filter, and this is a second one"
            self.problems.append(error(self.at(selections[1].origin), message))
            return None
        selection = replace(selections[0], origin=self.at(selections[0].origin))
        if selection.name == RECIDIVE:
            self.is_recidive = True
            return None
        source = library.find(selection.name, library.directory / "filters.d")
        if source is None and own is None and "failregex" in self.section.values:
            source = FilterSource(self.section.name, Tree.empty(self.section.origin))
        if source is None:
            self.problems.append(library.missing(selection.name, selection.origin))
            return None
        return self._built(source, selection)

    def _built(self, source: FilterSource, selection: Selection) -> FilterDefinition | None:
        text = FilterText.of(source.tree, source.name, selection)
        self.scope = replace(self.scope, known=text.known())
        texts = {
            key: self.lines(key) or () for key in _OVERRIDES if self.scope.find(key) is not None
        }
        raw = self.scope.find("failregex")
        extends = raw is not None and any("%(known/failregex)s" in each.text for each in raw.lines)
        reading = build_filter(source, selection, text, Overrides(texts, keep_rules=extends))
        self.problems.extend(reading.problems)
        return reading.definition

    def all_actions(self) -> tuple[ActionSpec, ...]:
        """Give the actions for everybody, and those for one kind of subject alone."""
        actions = list(self.actions())
        for setting in judging_table.UNIT_ACTIONS:
            if self.scope.find(setting.name) is not None:
                unit = setting.name.removesuffix(".action")
                actions += (replace(spec, only=unit) for spec in self.actions(setting.name))
        return tuple(actions)

    def actions(self, key: str = jail_table.ACTION.name) -> tuple[ActionSpec, ...]:
        """Give the actions of a key, in the order in which they are written."""
        found = []
        selections = self._selections(key)
        if selections == () and key == jail_table.ACTION.name:
            value = self.scope.find("action")
            message = f"the jail {self.section.name!r} has no action"
            hint = "its bans are kept and nothing enforces them"
            origin = value.origin if value else self.section.origin
            self.problems.append(warning(self.at(origin), message, hint))
        for selection in selections or ():
            origin = self.at(selection.origin)
            try:
                spec = self._spec(selection)
            except UnknownAction as failure:
                kinds = ", ".join(kind.name for kind in catalogue.TYPES)
                hint = did_you_mean(failure.name, failure.known) or f"there are {kinds}"
                self.problems.append(error(origin, str(failure), hint))
            except ParameterError as failure:
                hint = did_you_mean(failure.parameter, failure.known)
                self.problems.append(error(origin, str(failure), hint))
            else:
                found.append(replace(spec, origin=origin))
                for words in catalogue.programs_of(spec):
                    self.check_program(words, origin)
                for path in catalogue.files_of(spec):
                    self.check_file(path, origin)
                self.problems.extend(warning(origin, note) for note in spec.notes)
        return tuple(found)

    def _spec(self, selection: Selection) -> ActionSpec:
        """Read an action: one of logban's by its name, else one of actions.d."""
        try:
            return catalogue.parse(self.section.name, selection.name, selection.parameters)
        except UnknownAction:
            found = find_action(selection.name, self.directory / FOLDER, self.trust)
            if found is None:
                raise
            return found.spec(self.section.name, selection)

    def _selections(self, key: str) -> tuple[Selection, ...] | None:
        """Read names with parameters; None if that can't be."""
        lines = self.lines(key)
        if lines is None:
            return None
        try:
            return parse_selections(lines)
        except SelectionError as failure:
            problem = failure.problem
            message = f"{key}: {problem.message}"
            self.problems.append(replace(problem, message=message, origin=self.at(problem.origin)))
            return None
