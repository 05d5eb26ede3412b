# SPDX-License-Identifier: MIT
"""What the commands that read old logs share: the time taken for now, progress, a filter."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import click

from logban.client.invocation import Invocation
from logban.client.output import say
from logban.errors import ConfigurationError
from logban.matching.definition import FilterDefinition
from logban.matching.engine.saved import ProgramStore
from logban.matching.kept import KeptFolder
from logban.matching.known import KnownExpressions

SHOW_AFTER: Final = 1.0
"""Seconds of silence before progress is shown, and between two showings a tenth of that."""


def now_option(_context: click.Context, _parameter: click.Parameter, text: str | None) -> float:
    """Read ``--now``: ISO 8601, in $TZ without a zone, or seconds since 1970; else the clock."""
    if text is None:
        return time.time()
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise click.BadParameter(f"{text!r} is no time; write 2026-11-20T10:00:00Z") from error


class Progress:
    """Shows on a terminal how far the reading of a file has come, if it takes a while."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._read = 0
        self._size = 0
        self._next = 0.0
        self._shown = False

    def __enter__(self) -> Self:
        """Begin; nothing is shown yet."""
        if sys.stderr.isatty():
            self._next = time.monotonic() + SHOW_AFTER
            if self._path != "-" and os.path.isfile(self._path):  # noqa: PTH113  # no Path needed
                self._size = os.path.getsize(self._path)  # noqa: PTH202
        return self

    def add(self, read: int) -> None:
        """Note that so many bytes more have been read."""
        self._read += read
        if self._next and time.monotonic() >= self._next:
            self._next = time.monotonic() + SHOW_AFTER / 10
            self._shown = True
            done = f"{self._read / 1e6:.0f} MB"
            if self._size and not self._path.endswith(".gz"):
                done += f" of {self._size / 1e6:.0f} MB, {100 * self._read // self._size} %"
            click.echo(f"\r{click.format_filename(self._path)}: {done} ", nl=False, err=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wipe what was shown."""
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)


def read_filter(
    wanted: str,
    invocation: Invocation,
    given: Mapping[str, str] | None = None,
    known: KnownExpressions | None = None,
) -> FilterDefinition:
    """Read the filter that an admin named; ConfigurationError with its mistakes if broken.

    What is ``given`` takes the place of what the filter says, and what is ``known`` of expressions
    saves compiling them.
    """
    from logban.config.filters.reading import load_filter  # noqa: PLC0415  # not for online commands
    from logban.config.problem import Severity  # noqa: PLC0415

    reading = load_filter(wanted, invocation.config, given, known)
    if reading.definition is None:
        errors = [str(each) for each in reading.problems if each.severity is Severity.ERROR]
        raise ConfigurationError("\n".join(errors))
    for problem in reading.problems:
        say("warning: ", str(problem), err=True)
    return reading.definition


def program_store() -> ProgramStore:
    """Give the folder where this user's programs for the block engine are kept."""
    return ProgramStore(_cache())


def known_expressions() -> KnownExpressions:
    """Give what this user's earlier runs have found out about expressions."""
    return KnownExpressions(KeptFolder(_cache()))


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "logban"
