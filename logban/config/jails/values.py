# SPDX-License-Identifier: MIT
"""Looking the values of one jail up, and collecting what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

from logban.config.files.ini import Section
from logban.config.files.interpolation import InterpolationError, interpolate
from logban.config.files.scopes import SectionScope
from logban.config.files.text import Text, TextLine, joined
from logban.config.files.trust import Trust
from logban.config.problem import Problem, error
from logban.config.setting import Setting
from logban.model import Origin

T = TypeVar("T")

_SHOWN: Final = 80


@dataclass(slots=True)
class JailValues:
    """The values of a jail: its section's, then those of [DEFAULT]."""

    section: Section
    scope: SectionScope
    problems: list[Problem] = field(default_factory=list)
    trust: Trust | None = None

    def get(self, setting: Setting[T]) -> T:
        """Give a setting's value, its default where nobody sets it or what is set is wrong."""
        value = self.scope.find(setting.name)
        if value is None:
            return setting.default
        lines = self.lines(setting.name)
        if lines is None:
            return setting.default
        return self.parsed(setting, joined(lines), value.origin, setting.default)

    def lines(self, key: str) -> Text | None:
        """Give a key's text; None if nobody sets it or it can't be resolved, which is told."""
        value = self.scope.find(key)
        if value is None:
            return None
        try:
            lines = interpolate(value, self.scope)
        except InterpolationError as failure:
            problem = failure.problem
            self.problems.append(replace(problem, origin=self.at(problem.origin)))
            return None
        return tuple(TextLine(line.text.strip(), line.origin) for line in lines)

    def parsed(self, setting: Setting[T], text: str, origin: Origin, otherwise: T) -> T:
        """Read a text; ``otherwise`` where it is wrong, which is told."""
        try:
            return setting.parse(text)
        except ValueError as failure:
            shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
            message = f"{setting.name}: {shown!r}: {failure}"
            hint = f"allowed: {setting.allowed}" if setting.allowed else ""
            self.problems.append(error(self.at(origin), message, hint))
            return otherwise

    def check_file(self, path: Path, origin: Origin, *, is_list: bool = False) -> bool:
        """Tell of a file that others could have written; give whether it is to be followed.

        ``is_list`` says that somebody else may keep it.
        """
        if self.trust is None:
            return True
        objected = self.trust.objection_to_list if is_list else self.trust.objection_to_data
        said = objected(path)
        if said:
            self.problems.append(error(self.at(origin), f"{path} is not followed: {said}"))
        return not said

    def at(self, origin: Origin) -> Origin:
        """Give a place that an admin can open: the jail's where the text is built in."""
        return origin if origin.line else self.section.origin
