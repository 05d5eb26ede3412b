# SPDX-License-Identifier: MIT
"""Where filters are found: by a name in filters.d, or by a path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from logban.config.files.layers import Tree, layered, listed, read_tree, with_locals
from logban.config.files.trust import Trust
from logban.config.imported import is_imported
from logban.config.problem import Problem, did_you_mean, error
from logban.model import Origin

COMMAND_LINE: Final = Origin("command line", 0)


@dataclass(frozen=True, slots=True)
class FilterSource:
    """A filter's files; ``own`` if they are written for logban, as opposed to fail2ban's."""

    name: str
    tree: Tree
    own: bool = True


class FilterLibrary:
    """The filters that a configuration directory has; each file is read once, if ``trust`` lets."""

    def __init__(self, directory: Path, trust: Trust | None = None) -> None:
        self.directory = directory
        self.trust = trust
        self._read: dict[Path, Tree] = {}

    def names(self) -> tuple[str, ...]:
        """Give the names of the filters in filters.d."""
        files = listed(self.directory / "filters.d")
        return tuple({each.stem: None for each in files if each.suffix in (".conf", ".local")})

    def find(self, name: str, base: Path) -> FilterSource | None:
        """Give the filter of that name, or at that path from ``base``; None if there is none."""
        if is_path(name):
            path = base / name
            files = layered(path) if path.suffix == ".conf" else with_locals(path)
            if not files:
                path = path.parent / f"{path.name}.conf"
                files = layered(path)
        else:
            path = self.directory / "filters.d" / f"{name}.conf"
            files = layered(path)
        if not files:
            return None
        if path not in self._read:
            self._read[path] = read_tree(files, self.shown, self.trust)
        own = path.is_relative_to(self.directory) and not is_imported(files[0])
        return FilterSource(path.stem, self._read[path], own)

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

    def missing_for_admin(self, name: str) -> Problem:
        """Say to one who typed it that there is no such filter, and where it was looked for."""
        if is_path(name):
            hint = f"there is no file {Path(name).absolute()}"
        else:
            looked_for = self.directory.absolute() / "filters.d" / f"{name}.conf"
            hint = did_you_mean(name, self.names()) or (
                f"there is no {looked_for}; --config names another directory"
            )
        return error(COMMAND_LINE, f"there is no filter {name!r}", hint)


def is_path(name: str) -> bool:
    """Tell whether a filter is named by its file, and not by its name in filters.d."""
    return "/" in name or name.endswith((".conf", ".local"))
