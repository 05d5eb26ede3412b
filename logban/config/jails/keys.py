# SPDX-License-Identifier: MIT
"""Lines and keys of the jail files that mean nothing, and the jails that they concern."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from logban.actions import catalogue
from logban.config.files.ini import Section
from logban.config.files.layers import Layer, Tree
from logban.config.files.references import References, references
from logban.config.files.strays import judge_stray, looks_like_expression, swallowed
from logban.config.files.text import Value
from logban.config.jails import judging_table
from logban.config.jails import table as jail_table
from logban.config.problem import Problem, closest, error

_KEYS: Final = tuple(setting.name for setting in jail_table.JAIL_SETTINGS)
_VARIABLES: Final = tuple(variable.name for variable in jail_table.VARIABLES)
_NAME: Final = re.compile(r"[\w.\-]{1,64}")


@dataclass(slots=True)
class Mistakes:
    """Problems of the jail files by the jail that they concern.

    ``everywhere`` are those of [DEFAULT], which is a part of every jail; ``nowhere`` those of
    files that have no jail.
    """

    jails: dict[str, list[Problem]] = field(default_factory=dict)
    everywhere: list[Problem] = field(default_factory=list)
    nowhere: list[Problem] = field(default_factory=list)

    def add(self, section: str, problem: Problem) -> None:
        """Note a problem of a section."""
        if section == "DEFAULT":
            self.everywhere.append(problem)
        else:
            self.jails.setdefault(section, []).append(problem)


def find_mistakes(tree: Tree) -> Mistakes:
    """Look through what the files say, whether or not a jail is on."""
    mistakes = Mistakes()
    actions = catalogue.names()
    for layer, remark in tree.remarks():
        _attribute(mistakes, tree, layer, remark.section, remark.problem)
    for layer, stray in tree.strays():
        problem = judge_stray(stray, actions, _KEYS)
        _attribute(mistakes, tree, layer, stray.section, problem)
    referred = references((tree.defaults, *tree.sections.values()), tags=False)
    for section in (tree.defaults, *tree.sections.values()):
        for problem in _of_section(section, referred):
            mistakes.add(section.name, problem)
    return mistakes


def _attribute(
    mistakes: Mistakes, tree: Tree, layer: Layer, section: str, problem: Problem
) -> None:
    """Note a problem with its section; one of a whole file with every jail that is in there."""
    if section not in ("", "INCLUDES"):
        mistakes.add(section, problem)
        return
    together = (each.file for each in tree.layers if each.root == layer.root)
    affected = {name: None for file in together for name in file.sections if name != "INCLUDES"}
    for name in affected:
        mistakes.add(name, problem)
    if not affected:
        mistakes.nowhere.append(problem)


def _of_section(section: Section, referred: References) -> Iterator[Problem]:
    is_default = section.name == "DEFAULT"
    if not is_default:
        yield from _of_name(section)
    for key, value in section.values.items():
        yield from swallowed(value, _KEYS)
        if key.startswith(judging_table.WEIGHT_PREFIX):
            continue  # what its name means depends on the filter
        if key not in (*_KEYS, *_VARIABLES) and key[:1] != "_" and not referred.include(key):
            yield from _unknown_key(key, value, optional=is_default)


def _unknown_key(key: str, value: Value, *, optional: bool) -> Iterator[Problem]:
    """Tell of a key that nothing knows; [DEFAULT] may have any that is not near to a known one."""
    near = closest(key, _KEYS)
    hint = f"did you mean {near!r}?"
    if not near:
        hint = f"a variable is used as %({key})s, and nothing does"
        if any(looks_like_expression(line.text) for line in value.lines):
            hint = "if this is another line of a list above, indent it"
    if near or not optional:
        yield error(value.origin, f"unknown key {key!r}", hint)


def _of_name(section: Section) -> Iterator[Problem]:
    name = section.name
    if name.upper() in ("DEFAULT", "INCLUDES"):
        yield error(section.origin, f"[{name}] is no jail", f"write [{name.upper()}]")
    elif not _NAME.fullmatch(name):
        message = f"{name!r} is no name for a jail"
        yield error(section.origin, message, "use letters, digits, '.', '_' and '-'")
