# SPDX-License-Identifier: MIT
"""Which names the values of a tree refer to, to tell a variable from a misspelt setting."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from logban.config.files.ini import Section
from logban.config.files.interpolation import REFERENCE

_TAG: Final = re.compile(r"<([^ <>]+)>")
# In <mdre-<mode>> or <lt_<logtype>/x> the beginning of a name is all that can be seen.
_COMPOSED: Final = re.compile(r"<([^ <>]*)<")


@dataclass(frozen=True, slots=True)
class References:
    """Names that are referred to, in lower case, and beginnings of names."""

    names: frozenset[str]
    beginnings: tuple[str, ...]

    def include(self, name: str) -> bool:
        """Say whether something refers to this key or section, as far as can be seen."""
        lowered = name.lower()
        return lowered in self.names or lowered.startswith(self.beginnings)


def references(sections: Iterable[Section], *, tags: bool) -> References:
    """Collect what the values refer to with ``%(name)s`` and, if ``tags``, with ``<name>``."""
    names: set[str] = set()
    beginnings: set[str] = set()
    for section in sections:
        for value in section.values.values():
            for line in value.lines:
                found = REFERENCE.findall(line.text)
                if tags:
                    found += _TAG.findall(line.text)
                    beginnings.update(_COMPOSED.findall(line.text.lower()))
                for name in found:
                    names.update(name.lower().split("/", 1))
    return References(frozenset(names), tuple(beginnings))
