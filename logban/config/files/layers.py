# SPDX-License-Identifier: MIT
"""Files laid over one another: ``x.conf``, what it includes, then ``x.local``; later ones win.

``[INCLUDES] before = ...`` names files that are read before the one that names them, ``after``
those behind it; both relative to the file, one per line.  Behind each ``y.conf`` comes the
``y.local`` beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from logban.config.files.ini import IniFile, Remark, Section, Stray, read_file
from logban.config.files.interpolation import InterpolationError, interpolate
from logban.config.files.scopes import SectionScope
from logban.config.files.text import BUILT_IN, Text, written
from logban.config.files.trust import Trust
from logban.config.problem import did_you_mean, error, warning
from logban.model import Origin

MAX_FILES: Final = 1000
"""More files than this in one tree come from includes that multiply."""

_CONDITIONAL: Final = re.compile(r"(\w+)(\?.+)")


@dataclass(frozen=True, slots=True)
class Layer:
    """A file of a tree; ``root`` is the file, named by itself or by ``root``'s includes."""

    root: str
    file: IniFile


@dataclass(frozen=True, slots=True)
class Tree:
    """What the files say together; ``sections`` leaves [DEFAULT] and [INCLUDES] out."""

    defaults: Section
    sections: Mapping[str, Section]
    layers: tuple[Layer, ...]

    @classmethod
    def empty(cls, origin: Origin) -> Tree:
        """Give the tree of no file, for what is written at ``origin``."""
        return cls(Section("DEFAULT", origin), {}, ())

    def remarks(self) -> Iterator[tuple[Layer, Remark]]:
        """Give what the reading of the files brought up, each with the file."""
        return ((layer, remark) for layer in self.layers for remark in layer.file.remarks)

    def strays(self) -> Iterator[tuple[Layer, Stray]]:
        """Give the lines that could not be read, each with the file."""
        return ((layer, stray) for layer in self.layers for stray in layer.file.strays)

    def section(self, name: str) -> Section:
        """Give a section, empty if no file has it."""
        return self.sections.get(name) or Section(name, self.origin)

    @property
    def origin(self) -> Origin:
        """Tell where the tree begins."""
        return Origin(self.layers[0].root, 1) if self.layers else self.defaults.origin


def read_tree(
    paths: Sequence[Path], shown: Callable[[Path], str], trust: Trust | None = None
) -> Tree:
    """Read files and all that they include, in this order; ``shown`` gives their names.

    Nothing is raised: what can't be read, or not trusted, is a remark of the tree.
    """
    collector = _Collector(shown, trust)
    for path in paths:
        collector.add_root(path)
    return _merged(collector.layers)


def with_locals(path: Path) -> tuple[Path, ...]:
    """Give a file and the ``.local`` beside it, as far as they exist."""
    beside = path.parent / f"{path.stem}.local"
    return tuple(each for each in dict.fromkeys((path, beside)) if _exists(each))


def layered(path: Path) -> tuple[Path, ...]:
    """Give the files that make up ``x.conf``, as far as they exist, in fail2ban's order.

    That is ``x.conf``, ``x.d/*.conf``, ``x.local``, ``x.d/*.local``: every ``.local`` wins over
    every ``.conf``.
    """
    further = listed(path.with_suffix(".d"))
    return tuple(
        each
        for suffix in (".conf", ".local")
        for each in (path.with_suffix(suffix), *(one for one in further if one.suffix == suffix))
        if _exists(each)
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name too long, a directory that may not be searched
        return False


@dataclass(slots=True)
class _Collector:
    """Puts files into the order in which they are to be merged."""

    shown: Callable[[Path], str]
    trust: Trust | None
    layers: list[Layer] = field(default_factory=list)
    opened: int = 0

    def add_root(self, path: Path) -> None:
        """Read a file that the tree consists of."""
        self._add(path, self.shown(path), ())

    def _add(self, path: Path, root: str, chain: tuple[Path, ...]) -> None:
        self.opened += 1
        file = read_file(path, self.shown(path), self.trust)
        chain = (*chain, path)
        remarks = [*_unknown_includes(file), *self._include(file, "before", root, chain)]
        place = len(self.layers)
        remarks.extend(self._include(file, "after", root, chain))
        file = replace(file, remarks=(*file.remarks, *remarks))
        self.layers.insert(place, Layer(root, file))

    def _include(
        self, file: IniFile, key: str, root: str, chain: tuple[Path, ...]
    ) -> Iterator[Remark]:
        """Add what ``file``, the last of ``chain``, includes under that key."""
        try:
            lines = _includes(file, key)
        except InterpolationError as failure:
            yield Remark("INCLUDES", failure.problem)
            return
        for line in lines:
            target = chain[-1].parent / line.text
            found = with_locals(target)
            if not found and target.suffix != ".local":
                message = f"the included file {line.text!r} does not exist"
                names = [each.name for each in listed(target.parent)]
                hint = did_you_mean(target.name, names) or f"it is looked for as {target}"
                yield Remark("INCLUDES", error(line.origin, message, hint))
            for each in found:
                if self.opened >= MAX_FILES:
                    message = f"the includes come to more than {MAX_FILES} files"
                    yield Remark("INCLUDES", error(line.origin, message))
                    return
                if any(each.samefile(seen) for seen in chain):
                    message = f"{line.text!r} includes itself and is left out here"
                    yield Remark("INCLUDES", warning(line.origin, message))
                    continue
                self._add(each, root, chain)


def _includes(file: IniFile, key: str) -> Text:
    """Give the names of the files that ``file`` includes under that key, one a line."""
    section = file.sections.get("INCLUDES")
    if section is None or key not in section.values:
        return ()
    defaults = file.sections.get("DEFAULT") or Section("DEFAULT", section.origin)
    scope = SectionScope(section, defaults, file.sections, "INCLUDES")
    return written(interpolate(section.values[key], scope))


def listed(directory: Path) -> list[Path]:
    """Give what a directory holds, sorted; nothing if it can't be read."""
    try:
        return sorted(directory.iterdir())
    except (OSError, ValueError):  # a name with a NUL is a ValueError
        return []


def _unknown_includes(file: IniFile) -> Iterator[Remark]:
    section = file.sections.get("INCLUDES")
    for key, value in section.values.items() if section else ():
        if key not in ("before", "after"):
            hint = did_you_mean(key, ("before", "after")) or "[INCLUDES] has before and after"
            yield Remark("INCLUDES", error(value.origin, f"unknown key {key!r}", hint))


def _merged(layers: list[Layer]) -> Tree:
    defaults: Section | None = None
    sections: dict[str, Section] = {}
    for layer in layers:
        for name, section in layer.file.sections.items():
            if name == "DEFAULT":
                defaults = defaults or Section(name, section.origin)
                _lay_over(defaults, section, "")
            elif name != "INCLUDES":
                conditional = _CONDITIONAL.fullmatch(name)
                plain, suffix = conditional.groups() if conditional else (name, "")
                under = sections.setdefault(plain, Section(plain, section.origin))
                _lay_over(under, section, suffix)
    return Tree(defaults or Section("DEFAULT", BUILT_IN), sections, tuple(layers))


def _lay_over(under: Section, over: Section, suffix: str) -> None:
    """Let the values of ``over`` displace those of ``under``, which they remember."""
    for key, value in over.values.items():
        displaced = under.values.get(key + suffix)
        under.values[key + suffix] = replace(value, key=key + suffix, previous=displaced)
