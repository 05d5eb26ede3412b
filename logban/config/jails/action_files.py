# SPDX-License-Identifier: MIT
"""Actions in fail2ban's form, in files of ``actions.d``: their commands become scripts.

As in fail2ban, what a jail hands over wins over [Init], that over [Definition]; sections like
[Init?family=inet6] hold for bans of that family.  The tags of a ban are left for ``shell``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from logban.actions import catalogue
from logban.actions.command.shell import HOSTILE, Script, translate
from logban.actions.declaration import ActionSpec, ParameterError
from logban.config.files.interpolation import InterpolationError, substitute_tags
from logban.config.files.layers import Tree, layered, read_tree
from logban.config.files.parameters import Selection
from logban.config.files.text import Text, joined
from logban.config.files.trust import Trust
from logban.config.filters.text import FilterText
from logban.config.parsers import boolean
from logban.config.problem import Severity
from logban.durations import parse_duration

FOLDER: Final = "actions.d"
_EVENTS: Final = {
    "actionban": "ban",
    "actionunban": "unban",
    "actionprolong": "extend",
    "actionstart": "start",
    "actionstop": "stop",
}
_FAMILY: Final = "?family=inet6"
# Never a property of the action, whatever a jail hands over.
_OF_THE_BAN: Final = frozenset({*HOSTILE, "timeout", "bantime"})


@dataclass(frozen=True, slots=True)
class ActionFile:
    """The files of an action."""

    name: str
    tree: Tree

    def spec(self, jail: str, selection: Selection) -> ActionSpec:
        """Read the action as a jail asks for it; ParameterError if it can't be run safely."""
        given = {"name": jail, "actname": self.name, **selection.parameters}
        text = FilterText.of(self.tree, self.name, Selection(self.name, selection.origin, given))
        reader = _Reader(self.name, text)
        for problem in _problems(self.tree):
            raise ParameterError(f"action {self.name!r}: {problem}")
        scripts = {event: reader.script(key, event) for key, event in _EVENTS.items()}
        if scripts["ban"] is None and scripts["unban"] is None:
            raise ParameterError(f"action {self.name!r} runs nothing for a ban")
        kind, _ = catalogue.find("command")
        values: dict[str, object] = {each.name: each.default for each in kind.parameters}
        values |= scripts
        values["restored"] = not reader.flag("norestored", default=False)
        # Most of them are there for that, and few say by which programs.
        values["firewall"] = reader.flag("firewall", default=True)
        values["timeout"] = reader.timeout(values["timeout"])
        return ActionSpec(jail, selection.name, kind.name, values)


def find_action(name: str, folder: Path, trust: Trust | None = None) -> ActionFile | None:
    """Give the action of that name in a folder; None if there is none.

    What ``trust`` objects to is told where the action is asked for.
    """
    if "/" in name:
        return None
    files = layered(folder / f"{name}.conf")
    return ActionFile(name, read_tree(files, str, trust)) if files else None


def _problems(tree: Tree) -> Iterator[str]:
    for _, remark in tree.remarks():
        if remark.problem.severity is Severity.ERROR:
            yield str(remark.problem)


class _Reader:
    """Resolves what an action's files say."""

    def __init__(self, name: str, text: FilterText) -> None:
        self._name = name
        self._text = text

    def script(self, key: str, event: str) -> Script | None:
        """Give the script of an event; None if nothing is run."""
        plain = self._resolved(key, "")
        if not plain.strip():
            return None
        other = self._resolved(key, _FAMILY)
        try:
            inet, inet6 = translate(plain), translate(other)
        except ValueError as failure:
            raise ParameterError(f"action {self._name!r}, {key}: {failure}") from failure
        differ = inet != inet6
        on_demand = event == "start" and self.flag("actionstart_on_demand", default=differ)
        return Script(event, plain, inet, inet6, on_demand)

    def flag(self, key: str, *, default: bool) -> bool:
        """Give yes or no."""
        text = self._resolved(key, "").strip()
        try:
            return boolean(text) if text else default
        except ValueError:
            return False  # as in fail2ban

    def timeout(self, default: object) -> object:
        """Give how long a run may take."""
        text = self._resolved("timeout", "").strip()
        try:
            return parse_duration(text) if text else default
        except ValueError as failure:
            raise ParameterError(f"action {self._name!r}, timeout: {failure}") from failure

    def _resolved(self, key: str, family: str) -> str:
        def find(name: str) -> Text | None:
            if name.lower() in _OF_THE_BAN:
                return None
            found = self._text.tag(f"{name}{family}") if family else None
            return self._text.tag(name) if found is None else found

        try:
            lines = find(key) if key != "timeout" else self._text.tag(key)
            return "" if lines is None else joined(substitute_tags(key, lines, find))
        except InterpolationError as failure:
            raise ParameterError(str(failure.problem)) from failure
