# SPDX-License-Identifier: MIT
"""What a person reads: lines, tables, moments.

All text goes through :func:`say`, which shows control characters as escapes: what comes from
the daemon holds user names and log lines that an attacker wrote.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import click

from logban.durations import format_duration
from logban.text import visible


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of text in a colour; colours are left out where the output is no terminal."""

    text: str
    color: str = ""
    bold: bool = False


Text = str | Cell


def say(*parts: Text, err: bool = False) -> None:
    """Write one line."""
    click.echo("".join(map(_styled, parts)).rstrip(" "), err=err)


def table(header: Sequence[str], rows: Sequence[Sequence[Text]], indent: str = "") -> None:
    """Write rows under a header, left aligned; a column in which nothing stands is left out."""
    titles = [Cell(title, bold=True) for title in header]
    shown = [column for column in range(len(header)) if any(_plain(row[column]) for row in rows)]
    widths = {column: max(len(_plain(row[column])) for row in (titles, *rows)) for column in shown}
    for row in (titles, *rows):
        line: list[Text] = [indent]
        for column in shown:
            line += [row[column], " " * (widths[column] - len(_plain(row[column])) + 2)]
        say(*line)


def pairs(rows: Sequence[tuple[str, Text]], indent: str = "  ") -> None:
    """Write names and values, the values below each other; a pair without a value is left out."""
    rows = [(name, value) for name, value in rows if _plain(value)]
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        say(indent, Cell(name.ljust(width), bold=True), "  ", value)


def moment(seconds: float) -> str:
    """Write a moment in local time, as ISO 8601 with a space; as a number if no calendar has it."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.0f}"


def end(until: float | None, remaining: float | None) -> str:
    """Write an end: ``2026-11-20 15:12:00 (in 3h 12m)``, ``for ever``."""
    if until is None:
        return "for ever"
    left = "" if remaining is None else f" (in {format_duration(remaining)})"
    return moment(until) + left


def past(seconds: float, now: float) -> str:
    """Write a moment that has been: ``2026-11-20 12:00:00 (12s ago)``."""
    if seconds > now:
        return moment(seconds)
    return f"{moment(seconds)} ({format_duration(now - seconds)} ago)"


def count(number: int, noun: str) -> str:
    """Write a number of things: ``1 ban``, ``2 bans``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _plain(part: Text) -> str:
    return visible(part.text if isinstance(part, Cell) else part)


def _styled(part: Text) -> str:
    if isinstance(part, Cell) and (part.color or part.bold):
        return click.style(_plain(part), fg=part.color or None, bold=part.bold or None)
    return _plain(part)
