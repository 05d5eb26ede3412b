# SPDX-License-Identifier: MIT
"""Files of fail2ban's that are taken over as they are: filters and actions with their includes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from logban.config.files.layers import Tree
from logban.migration.files import Plan, read
from logban.migration.report import Note

_HEADER: Final = re.compile(rb"\s*\[([^\[\]]+)\]")
_BOM: Final = b"\xef\xbb\xbf"
OTHERWISE: Final = "-fail2ban"
"""Behind a name that is taken already."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What was taken over: the name that it has here, and what is to be said of it."""

    name: str
    notes: tuple[Note, ...] = ()


class Copier:
    """Takes files of one folder of fail2ban's over into one of ours."""

    def __init__(self, source: Path, folder: str, plan: Plan) -> None:
        """``source`` is a folder like filter.d, ``folder`` ours: filters.d."""
        self._source = source
        self._folder = folder
        self._plan = plan

    def copy(self, name: str, tree: Tree) -> Copied:
        """Take over what ``name`` is made of; under other names where these are taken."""
        inside, outside = self._parts(tree)
        notes = [
            Note(f"{path} is included from elsewhere", "it is not copied: put it where it is found")
            for path in outside
        ]
        names = {part: part for part in inside}
        bodies = {part: self._body(part) for part in inside}
        # An include that has to have another name changes the text of those that name it.
        for _ in inside:
            texts = {part: _renamed(bodies[part], names) for part in inside}
            taken = [part for part in inside if not self._is_free(part, names, texts)]
            if not taken:
                break
            for stem in {_stem(part) for part in taken}:
                for part in inside:
                    if _stem(part) == stem:
                        names[part] = _otherwise(part, stem)
        for part in inside:
            self._plan.add(
                f"{self._folder}/{names[part]}",
                _renamed(bodies[part], names),
                str(self._source / part),
            )
        here = names.get(f"{name}.conf") or names.get(f"{name}.local") or f"{name}.conf"
        return Copied(here.rpartition(".")[0], tuple(notes))

    def _parts(self, tree: Tree) -> tuple[list[str], list[str]]:
        inside: dict[str, None] = {}
        outside: dict[str, None] = {}
        for layer in tree.layers:
            # Not resolved: a link in there is copied as what it leads to, under its own name.
            path = Path(os.path.normpath(layer.file.path))
            try:
                inside[str(path.relative_to(os.path.normpath(self._source)))] = None
            except ValueError:
                outside[str(path)] = None
        return list(inside), list(outside)

    def _body(self, part: str) -> bytes:
        return (read(self._source / part) or b"").removeprefix(_BOM)

    def _is_free(self, part: str, names: dict[str, str], texts: dict[str, bytes]) -> bool:
        remark = str(self._source / part)
        return self._plan.is_free(f"{self._folder}/{names[part]}", texts[part], remark)


def _stem(part: str) -> str:
    """Give the name of the filter that a file belongs to: x of x.conf, x.local, x.d/y.conf."""
    first = part.partition("/")[0]
    return first.rpartition(".")[0] or first


def _otherwise(part: str, stem: str) -> str:
    return f"{stem}{OTHERWISE}{part.removeprefix(stem)}"


def _renamed(body: bytes, names: dict[str, str]) -> bytes:
    """Give a file's text with the names of what it includes changed, and nothing else."""
    others = {old: new for old, new in names.items() if old != new}
    if not others:
        return body
    section = b""
    lines = []
    for line in body.split(b"\n"):
        header = _HEADER.match(line)
        section = header[1] if header else section
        lines.append(_exchanged(line, others.items()) if section == b"INCLUDES" else line)
    return b"\n".join(lines)


def _exchanged(line: bytes, others: Iterable[tuple[str, str]]) -> bytes:
    for old, new in others:
        pattern = rb"(?<![\w./-])" + re.escape(old.encode()) + rb"(?![\w./-])"
        line = re.sub(pattern, new.encode().replace(b"\\", b"\\\\"), line)
    return line
