# SPDX-License-Identifier: MIT
"""The reading of a whole configuration directory.

``logban.conf``, then ``jails.d``: every ``.conf`` in the order of their names, then every
``.local``, so that a ``.local`` wins over any ``.conf``.  A jail that can't be followed is left
out with the reasons, and the others run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from logban.config.files.ini import Section
from logban.config.files.layers import Tree, read_tree
from logban.config.files.text import BUILT_IN
from logban.config.files.trust import Trust
from logban.config.filters.library import FilterLibrary
from logban.config.jails.keys import Mistakes, find_mistakes
from logban.config.jails.places import in_others_places, part_by_hand
from logban.config.jails.reading import JailReading, built_in, read_jail
from logban.config.problem import Problem, Severity, distinct, error, warning
from logban.config.server.reading import read_server
from logban.config.settings import MANUAL, Configuration, JailSettings
from logban.errors import ConfigurationError
from logban.model import Origin


def load(directory: Path) -> Configuration:
    """Read the configuration; ConfigurationError only if there is no such directory."""
    if not directory.is_dir():
        raise ConfigurationError(
            f"there is no configuration directory {directory}; create it or give another one"
        )
    outcome = _Outcome()
    trust = Trust(directory)
    server, problems = read_server(directory, trust)
    outcome.add(problems)
    library = FilterLibrary(directory, trust)
    paths, problems = _jail_files(directory)
    outcome.add(problems)
    tree = read_tree(paths, library.shown, trust)
    mistakes = find_mistakes(tree)
    outcome.add(mistakes.nowhere)
    outcome.add(problem for problem in mistakes.everywhere if problem.severity is Severity.WARNING)
    _read_jails(tree, library, mistakes, outcome)
    if server.ami is None:
        outcome.add(_unasked(outcome.jails.values()))
    return Configuration(
        directory,
        outcome.jails,
        outcome.failed,
        tuple(outcome.disabled),
        distinct(outcome.errors),
        distinct(outcome.warnings),
        server,
    )


@dataclass(slots=True)
class _Outcome:
    """What has been read so far."""

    jails: dict[str, JailSettings] = field(default_factory=dict)
    failed: dict[str, tuple[Problem, ...]] = field(default_factory=dict)
    disabled: list[str] = field(default_factory=list)
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def add(self, problems: Iterable[Problem]) -> None:
        """Note problems that stop no jail."""
        for problem in problems:
            is_error = problem.severity is Severity.ERROR
            (self.errors if is_error else self.warnings).append(problem)


def _jail_files(directory: Path) -> tuple[list[Path], tuple[Problem, ...]]:
    folder = directory / "jails.d"
    try:
        names = sorted(folder.iterdir()) if folder.exists() else []
    except OSError as failure:
        origin = Origin("jails.d", 0)
        return [], (error(origin, f"the directory cannot be read: {failure.strerror}"),)
    return [each for suffix in (".conf", ".local") for each in names if each.suffix == suffix], ()


def _read_jails(tree: Tree, library: FilterLibrary, mistakes: Mistakes, outcome: _Outcome) -> None:
    variables = built_in(library.directory)
    for section in tree.sections.values():
        if section.name == MANUAL:
            continue
        reading = read_jail(section, tree, library, variables)
        problems = _of_jail(section.name, mistakes, reading)
        errors = tuple(each for each in problems if each.severity is Severity.ERROR)
        if not reading.enabled and not _has_error(reading.problems):
            outcome.disabled.append(section.name)
            continue
        outcome.warnings.extend(each for each in problems if each.severity is Severity.WARNING)
        if errors:
            outcome.failed[section.name] = errors
        else:
            outcome.jails[section.name] = reading.settings
    outcome.jails[MANUAL] = _manual(tree, library, mistakes, outcome)
    _part_places(outcome)


def _part_places(outcome: _Outcome) -> None:
    """Fail each jail that would keep its bans where another keeps its own."""
    manual = outcome.jails.pop(MANUAL)
    for name, problems in in_others_places(outcome.jails).items():
        outcome.failed[name] = problems
        del outcome.jails[name]
    outcome.jails[MANUAL], problems = part_by_hand(manual, outcome.jails)
    outcome.add(problems)


def _unasked(jails: Iterable[JailSettings]) -> Iterator[Problem]:
    """Tell of the jails that go by extensions for which nobody can be asked."""
    for jail in jails:
        if jail.scrutiny is not None and jail.scrutiny.asks_for_extensions:
            message = f"the jail {jail.name!r} goes by the extensions of Asterisk"
            hint = "logban.conf has to say where they are asked for: ami = /etc/logban/ami.conf"
            yield replace(warning(jail.origin, message, hint), jail=jail.name)


def _manual(
    tree: Tree, library: FilterLibrary, mistakes: Mistakes, outcome: _Outcome
) -> JailSettings:
    """Read the jail for bans by hand; where [manual] or [DEFAULT] is wrong, do without them."""
    variables = built_in(library.directory)
    reading = read_jail(tree.section(MANUAL), tree, library, variables)
    problems = _of_jail(MANUAL, mistakes, reading)
    outcome.add(problems)
    if _has_error(problems):
        reading = read_jail(Section(MANUAL, tree.defaults.origin), tree, library, variables)
    if _has_error(reading.problems):
        reading = read_jail(Section(MANUAL, BUILT_IN), Tree.empty(BUILT_IN), library, variables)
    return reading.settings


def _of_jail(name: str, mistakes: Mistakes, reading: JailReading) -> tuple[Problem, ...]:
    everything = (*mistakes.jails.get(name, ()), *mistakes.everywhere, *reading.problems)
    named = (replace(problem, jail=name) for problem in dict.fromkeys(everything))
    return tuple(sorted(named, key=lambda problem: problem.origin))


def _has_error(problems: Iterable[Problem]) -> bool:
    return any(problem.severity is Severity.ERROR for problem in problems)
