# SPDX-License-Identifier: MIT
"""The numbering plan: which extensions there are, and how far from them a try is.

A try for an extension unlike any that exists is a scanner's and weighs more; one that is a digit
off may be a guest's slip and weighs less.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.util import find_spec
from typing import Final

UNLIKE: Final = 1.5
NEAR: Final = 0.8
"""By what a try weighs more, or less."""

ALIKE: Final = 0.8
"""The similarity from which on a name is near another one."""

MAX_EXTENSIONS: Final = 200_000
MAX_EXTENSION: Final = 128
"""Extensions that a plan has, and characters of one."""

MAX_FACTORS: Final = 16_384
"""Tries that are remembered with what they weigh."""

MAX_NAMES: Final = 5000
"""Names that one is compared with; of more, only what is the same is near."""

LEARNED_FROM: Final = 10
LEARNED: Final = 1.2
"""Users who have to be known before anything is learned, and what an unlike try weighs then."""

_PATTERN: Final = re.compile(r"[0-9XZN#*]+", re.ASCII)
_CLASSES: Final = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", "*": r"\*", "#": "#"}
_RANGE: Final = re.compile(r"(\d{1,15})-(\d{1,15})", re.ASCII)


@dataclass(frozen=True)
class Plan:
    """Extensions: single ones and names, ranges, and patterns in Asterisk's letters X, Z and N."""

    names: frozenset[str] = frozenset()
    ranges: tuple[tuple[int, int, int], ...] = ()
    patterns: tuple[str, ...] = ()
    _expression: re.Pattern[str] | None = field(default=None, compare=False, repr=False)
    _factors: dict[str, float] = field(default_factory=dict, init=False, compare=False, repr=False)

    @classmethod
    def parse(cls, entries: Iterable[str]) -> Plan:
        """Read entries such as ``7XX``, ``2000-2999``, ``201``, ``reception``; ValueError."""
        names: set[str] = set()
        ranges: list[tuple[int, int, int]] = []
        patterns: list[str] = []
        for entry in entries:
            found = _RANGE.fullmatch(entry)
            if found is not None:
                first, last = int(found[1]), int(found[2])
                if first > last or len(found[1]) != len(found[2]):
                    raise ValueError(f"{entry!r} is no range of numbers of one length")
                ranges.append((len(found[1]), first, last))
            elif _PATTERN.fullmatch(entry) and not entry.isdecimal():
                patterns.append(entry)
            elif re.search(r"\s", entry) or not entry:
                raise ValueError(f"{entry!r} is no extension")
            else:
                names.add(entry)
        text = "|".join("".join(_CLASSES.get(each, each) for each in one) for one in patterns)
        return cls(
            frozenset(names), tuple(ranges), tuple(patterns), re.compile(text) if text else None
        )

    def with_names(self, names: frozenset[str]) -> Plan:
        """Give a plan that has these as well, each as it is: none is a pattern or a range."""
        return replace(self, names=self.names | names)

    def has(self, extension: str) -> bool:
        """Tell whether there is such an extension."""
        if extension in self.names:
            return True
        if self._expression is not None and self._expression.fullmatch(extension):
            return True
        if not (extension.isascii() and extension.isdecimal()):
            return False
        length, number = len(extension), int(extension) if len(extension) <= 15 else -1
        return any(
            length == digits and first <= number <= last for digits, first, last in self.ranges
        )

    def factor(self, extension: str) -> float:
        """Say by what a try for an extension weighs more or less."""
        factor = self._factors.get(extension)
        if factor is None:
            if len(self._factors) >= MAX_FACTORS:
                self._factors.clear()
            factor = self._factors[extension] = _factor(self, extension)
        return factor


def _factor(plan: Plan, extension: str) -> float:
    if plan.has(extension):
        return 1.0
    near = set(_neighbours(extension))
    if not plan.names.isdisjoint(near):
        return NEAR
    if not extension.isdecimal() and _resembles(extension, plan.names):
        return NEAR
    # Of a pattern there are so many that only what begins alike is near: 7011, and not 101.
    if any(other[0] == extension[0] and plan.has(other) for other in near if other):
        return NEAR
    return UNLIKE


def compares_names() -> bool:
    """Tell whether names that are alike can be told: by the extra `plan`."""
    return find_spec("rapidfuzz") is not None


def _resembles(extension: str, names: frozenset[str]) -> bool:
    """Tell whether a name is like one that there is; never where rapidfuzz is not installed."""
    words = [name for name in names if not name.isdecimal()]
    if not words or len(words) > MAX_NAMES or not compares_names():
        return False
    from rapidfuzz import process  # noqa: PLC0415  # an extra, and only for plans with names

    return process.extractOne(extension, words, score_cutoff=100 * ALIKE) is not None


def _neighbours(extension: str) -> Iterable[str]:
    """Give the numbers that are one digit off: another digit, one too many, too few, swapped."""
    if not (extension.isascii() and extension.isdecimal()) or len(extension) > 12:
        return
    for at in range(len(extension)):
        yield extension[:at] + extension[at + 1 :]
        for digit in "0123456789":
            yield extension[:at] + digit + extension[at + 1 :]
    for at in range(len(extension) + 1):
        for digit in "0123456789":
            yield extension[:at] + digit + extension[at:]
    for at in range(len(extension) - 1):
        yield extension[:at] + extension[at + 1] + extension[at] + extension[at + 2 :]


Shape = tuple[int, str]
"""What extensions of one block have in common: their length and first digit; (0, "") of names."""


@lru_cache(maxsize=16384)
def shape_of(extension: str) -> Shape:
    """Give the shape of an extension."""
    if extension.isascii() and extension.isdecimal():
        return len(extension), extension[0]
    return 0, ""


class Shapes:
    """The shapes of extensions whose users got in: a plan that nobody had to write down."""

    def __init__(self) -> None:
        self.changes = 0
        """How often it has changed what somebody's try weighs."""
        self._counts: dict[Shape, int] = {}
        self._users = 0

    def add(self, extension: str) -> None:
        """Note one more user."""
        shape = shape_of(extension)
        known = self._counts.get(shape, 0)
        self._counts[shape] = known + 1
        self._users += 1
        if not known or self._users == LEARNED_FROM:
            self.changes += 1

    def remove(self, extension: str) -> None:
        """Note that a user is known no longer."""
        shape = shape_of(extension)
        self._users -= 1
        if self._users == LEARNED_FROM - 1:
            self.changes += 1
        if self._counts[shape] == 1:
            del self._counts[shape]
            self.changes += 1
        else:
            self._counts[shape] -= 1

    def factor(self, extension: str) -> float:
        """Say by what a try weighs more that is like no extension that is in use."""
        if self._users < LEARNED_FROM or shape_of(extension) in self._counts:
            return 1.0
        return LEARNED
