# SPDX-License-Identifier: MIT
"""What has been found out about expressions, so that they need not be compiled to be known.

To compile the expressions of a large filter takes several tenths of a second, and the engine has
little use for them: one is compiled when a line comes that it is to be searched in.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

import regex

from logban import __version__
from logban.matching import compiler, datepattern, literals
from logban.matching.compiler import SINGLE_LINES, Reading, Searched, compile_expression
from logban.matching.datepattern import compile_date_pattern
from logban.matching.gates import LiteralSets
from logban.matching.kept import KeptFolder
from logban.matching.literals import required_literals

MAX_KNOWN: Final = 4096
"""Expressions that are kept, and as many of which the literals are; the oldest are forgotten."""

_FILE: Final = "expressions"


class Needed(Protocol):
    """Tells the literals of which an expression requires some; see ``required_literals``."""

    def __call__(self, text: str, *, json: bool = False, whole: bool = False) -> LiteralSets:
        """Give the sets, the most telling first."""
        ...


class LazyPattern:
    """An expression that is known to be one, and compiled when it is first searched for."""

    def __init__(self, text: str, reading: Reading, groups: Collection[str]) -> None:
        self.groupindex = groups
        self._text = text
        self._reading = reading
        self._pattern: regex.Pattern[str] | None = None

    def search(self, string: str, *, timeout: float | None = None) -> regex.Match[str] | None:
        """Give the first match; TimeoutError if that takes too long."""
        return self._compiled().search(string, timeout=timeout)

    def match(self, string: str, *, timeout: float | None = None) -> regex.Match[str] | None:
        """Give the match at the beginning; TimeoutError if that takes too long."""
        return self._compiled().match(string, timeout=timeout)

    def _compiled(self) -> regex.Pattern[str]:
        if self._pattern is None:
            self._pattern = compile_expression(self._text, self._reading)
        return self._pattern


class KnownExpressions:
    """Knows the groups and the literals of expressions, those of earlier runs from a file."""

    def __init__(self, folder: KeptFolder | None = None) -> None:
        """Take over what a folder has of another run of the same programs."""
        self._folder = folder
        self._groups: dict[str, tuple[str, ...]] = {}
        self._literals: dict[str, LiteralSets] = {}
        self._dates: dict[str, None] = {}
        self._is_new = False
        if folder is not None:
            try:
                self._take_over(folder.read(_FILE))
            except (KeyError, TypeError, ValueError, AttributeError):
                self._groups, self._literals, self._dates = {}, {}, {}

    def groups(self, text: str, reading: Reading = SINGLE_LINES) -> tuple[str, ...]:
        """Give the names of an expression's groups; ExpressionError if it does not compile."""
        key = _key(text, reading.names, reading.lines)
        found = self._groups.get(key)
        if found is None:
            found = self._groups[key] = tuple(compile_expression(text, reading).groupindex)
            self._is_new = True
        return found

    def pattern(self, text: str, reading: Reading = SINGLE_LINES) -> Searched:
        """Give an expression to search for; ExpressionError if it does not compile."""
        return LazyPattern(text, reading, self.groups(text, reading))

    def literals(self, text: str, *, json: bool = False, whole: bool = False) -> LiteralSets:
        """Give what ``required_literals`` does."""
        key = _key(text, json, whole)
        found = self._literals.get(key)
        if found is None:
            found = self._literals[key] = required_literals(text, json=json, whole=whole)
            self._is_new = True
        return found

    def check_date_pattern(self, text: str) -> None:
        """Raise ExpressionError if a date pattern is none."""
        key = _key(text)
        if key not in self._dates:
            compile_date_pattern(text)
            self._dates[key] = None
            self._is_new = True

    def keep(self) -> None:
        """Keep what is new, if there is a folder for it."""
        if self._folder is None or not self._is_new:
            return
        self._is_new = False
        sets = {
            key: [sorted(each.decode("ascii") for each in choice) for choice in found]
            for key, found in list(self._literals.items())[-MAX_KNOWN:]
        }
        content = {
            "by": _made_by(),
            "groups": dict(list(self._groups.items())[-MAX_KNOWN:]),
            "literals": sets,
            "dates": list(self._dates)[-MAX_KNOWN:],
        }
        self._folder.keep(_FILE, content)

    def _take_over(self, kept: object) -> None:
        if not isinstance(kept, Mapping) or kept["by"] != _made_by():
            return
        self._groups = {str(key): tuple(map(str, names)) for key, names in kept["groups"].items()}
        self._literals = {
            str(key): tuple(frozenset(each.encode("ascii") for each in choice) for choice in sets)
            for key, sets in kept["literals"].items()
        }
        self._dates = dict.fromkeys(map(str, kept["dates"]))


def _key(*about: object) -> str:
    return sha256(repr(about).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _made_by() -> list[object]:
    """Give what the answers depend on besides the expressions."""
    code = [Path(str(module.__file__)).stat() for module in (compiler, datepattern, literals)]
    dates = [number for each in code for number in (each.st_mtime_ns, each.st_size)]
    return [__version__, sys.version, regex.__version__, *dates]
