# SPDX-License-Identifier: MIT
"""Names with parameters, as jails write them: ``name[key=value, other="a, b"][third='c']``."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from logban.config.files.text import Text, written
from logban.config.problem import Problem, error
from logban.model import Origin

_BLANKS: Final = re.compile(r"\s*")
_NAME: Final = re.compile(r"[^\s\[\]]+")
_KEY: Final = re.compile(r"([\w.\-]+)\s*=[ \t]*")
# A quoted value has no escape for its own quote, as in fail2ban.
_VALUE: Final = re.compile(r""""([^"]*)"|'([^']*)'|(?!["'])([^,\]]*)""")


@dataclass(frozen=True, slots=True)
class Selection:
    """One name and its parameters; of a parameter that is given twice the later one holds."""

    name: str
    origin: Origin
    parameters: Mapping[str, str]


class SelectionError(Exception):
    """The brackets, quotes or commas are wrong; ``problem`` tells where."""

    def __init__(self, origin: Origin, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.problem: Problem = error(origin, message, hint)


def parse_selections(lines: Text) -> tuple[Selection, ...]:
    """Read names that stand on lines of their own or with blanks between them."""
    return _Scanner(written(lines)).selections()


class _Scanner:
    """Reads from left to right, over the ends of lines."""

    def __init__(self, lines: Text) -> None:
        self._lines = lines
        self._text = "\n".join(line.text for line in lines)
        self._starts = list(accumulate((len(line.text) + 1 for line in lines), initial=0))
        self._at = 0

    def selections(self) -> tuple[Selection, ...]:
        found: list[Selection] = []
        self._skip_blanks()
        while self._at < len(self._text):
            origin = self._origin(self._at)
            name = _NAME.match(self._text, self._at)
            if name is None:
                raise self._wrong(self._at, "a name is expected before the brackets")
            self._at = name.end()
            parameters: dict[str, str] = {}
            self._skip_blanks()
            while self._text.startswith("[", self._at):
                self._group(parameters)
                self._skip_blanks()
            found.append(Selection(name[0], origin, parameters))
        return tuple(found)

    def _group(self, parameters: dict[str, str]) -> None:
        """Read one group of brackets, which begins here."""
        opened = self._at
        self._at += 1
        while True:
            self._skip_blanks()
            if self._at == len(self._text):
                raise self._wrong(opened, "this '[' is never closed")
            if self._text[self._at] == "]":
                self._at += 1
                return
            key = _KEY.match(self._text, self._at)
            if key is None:
                raise self._wrong(self._at, "'parameter=value' is expected")
            value = _VALUE.match(self._text, key.end())
            if value is None:
                raise self._wrong(key.end(), "this quote is never closed")
            parameters[key[1]] = (value[1] or value[2] or value[3] or "").strip()
            self._at = value.end()
            self._skip_blanks()
            if self._text.startswith(",", self._at):
                self._at += 1
            elif self._at < len(self._text) and self._text[self._at] != "]":
                raise self._wrong(self._at, "',' or ']' is expected")

    def _skip_blanks(self) -> None:
        blanks = _BLANKS.match(self._text, self._at)
        self._at = blanks.end() if blanks else self._at

    def _origin(self, place: int) -> Origin:
        return self._lines[bisect_right(self._starts, place) - 1].origin

    def _wrong(self, place: int, what: str) -> SelectionError:
        origin = self._origin(min(place, len(self._text) - 1))
        rest = self._text[place : place + 30].split("\n")[0]
        hint = """write name[key=value, key="value, with commas"]"""
        return SelectionError(origin, f"{what}, at {rest!r}" if rest else what, hint)
