# SPDX-License-Identifier: MIT
"""What is wrong with a configuration, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from logban.model import Origin


class Severity(StrEnum):
    """Whether what was written can be followed."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right: where it stands, what is wrong, what to write instead.

    ``jail`` is the jail that it was found in; "" where it belongs to none or to all.
    """

    severity: Severity
    origin: Origin
    message: str
    hint: str = ""
    jail: str = ""

    def __str__(self) -> str:
        """Write it on one line: ``jails.d/x.conf:12: message; hint``."""
        return f"{self.origin}: {self.message}" + (f"; {self.hint}" if self.hint else "")

    def to_json(self) -> dict[str, object]:
        """Give the form that scripts see."""
        return {
            "severity": self.severity.value,
            "file": self.origin.path,
            "line": self.origin.line,
            "message": self.message,
            "hint": self.hint,
            "jail": self.jail,
        }


def error(origin: Origin, message: str, hint: str = "") -> Problem:
    """Say that something cannot be followed."""
    return Problem(Severity.ERROR, origin, message, hint)


def warning(origin: Origin, message: str, hint: str = "") -> Problem:
    """Say that something can be followed and is likely not what was meant."""
    return Problem(Severity.WARNING, origin, message, hint)


def distinct(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Leave out what was said of the same place before, be it for another jail."""
    found: dict[tuple[Severity, Origin, str], Problem] = {}
    for problem in problems:
        found.setdefault((problem.severity, problem.origin, problem.message), problem)
    return tuple(found.values())


def closest(word: str, known: Iterable[str]) -> str:
    """Give the known name that was most likely meant; "" if none is near."""
    import difflib  # noqa: PLC0415  # only for who mistyped

    return next(iter(difflib.get_close_matches(word, sorted(set(known)), n=1, cutoff=0.75)), "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Ask for the known name that was most likely meant; "" if none is near."""
    near = closest(word, known)
    return f"did you mean {near!r}?" if near else ""
