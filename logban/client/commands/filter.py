# SPDX-License-Identifier: MIT
"""logban-client filter test: what a filter finds in log files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from pathlib import Path
from typing import Final

import click

from logban.client.filter_report import JsonReport, PersonReport, Report, Shown
from logban.client.invocation import Invocation, common_options
from logban.client.offline import (
    Progress,
    known_expressions,
    now_option,
    program_store,
    read_filter,
)
from logban.config import parsers
from logban.judging.weights import KINDS
from logban.matching.definition import FilterDefinition
from logban.matching.known import KnownExpressions
from logban.matching.matcher import Matcher
from logban.offline.trying import Log, Matched, Named, count_matches, try_filter
from logban.zones import parse_zone

TYPED: Final = "command line"
"""What a line that was typed is called in place of a file."""


@click.group("filter")
@common_options
def command() -> None:
    """Try a filter on log files."""


@command.command("test")
@click.argument("name", metavar="FILTER")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--now", callback=now_option, metavar="ISO8601", help="The time to take for now.")
@click.option("--no-dates", is_flag=True, help="The lines bring no date: look for none.")
@click.option("--count", "only_count", is_flag=True, help="Only the number of matches.")
@click.option("-d", "--datepattern", metavar="PATTERN", help="How times are written.")
@click.option("-e", "--encoding", metavar="NAME", default="utf-8", help="The files' encoding.")
@click.option("--timezone", "--TZ", metavar="ZONE", help="The zone of times that name none.")
@click.option("-L", "--maxlines", metavar="N", help="Lines that one expression can span.")
@click.option("--ignoreregex", metavar="REGEX", help="Lines that are no failures.")
@click.option("--usedns", metavar="WORD", help="yes lets <HOST> be a name; nothing is looked up.")
@click.option("--print-all-matched", "matched", is_flag=True, help="Print every line that matched.")
@click.option("--print-all-missed", "missed", is_flag=True, help="Print every line without match.")
@click.option("--print-all-ignored", "ignored", is_flag=True, help="Print what is taken back.")
@common_options
@click.pass_context
def test(
    context: click.Context,
    /,
    name: str,
    files: Sequence[str],
    now: float,
    no_dates: bool,
    only_count: bool,
    encoding: str,
    timezone: str | None,
    matched: bool,
    missed: bool,
    ignored: bool,
    **given: str | None,
) -> None:
    """Show what FILTER finds in each FILE.

    FILTER is a name in filters.d or a path to a .conf, logban's or fail2ban's, either with
    parameters in brackets, or a regular expression.  A FILE may be compressed with gzip; `-` is
    standard input; what is no file and has blanks in it is a log line.  Lines without a zone are
    in $TZ, lines without a year in that of --now.

    Exits with 0 if something matched, 1 if nothing did, 78 if the filter is broken.
    """
    invocation = Invocation.of(context)
    known = known_expressions()
    definition = read_filter(name, invocation, _written(given), known)
    make = _Making(_zone(timezone), _encoding(encoding), not no_dates, known)
    matcher = make.matcher(definition)
    known.keep()
    if only_count:
        context.exit(0 if _print_numbers(matcher, files, now) else 1)
    shown = Shown(matched, missed, ignored)
    report: Report = (
        JsonReport(shown) if invocation.json else PersonReport(matcher, shown, _weights(definition))
    )
    unfiltered = make.matcher(replace(definition, ignore=())) if ignored or missed else None
    found = 0
    for path in files:
        with Progress(path) as progress:
            for each in try_filter(
                matcher,
                _log(path),
                now,
                progress.add,
                missed=report.wants_missed,
                unfiltered=unfiltered,
            ):
                found += isinstance(each, Matched | Named)
                report.take(each)
        report.end_of(path)
    report.close()
    context.exit(0 if found else 1)


def _weights(definition: FilterDefinition) -> dict[str, float]:
    """Give what failures weigh by rule, where the filter tells kinds or weights of any."""
    return {
        rule.name: KINDS.get(rule.kind, 1.0) if rule.weight is None else rule.weight
        for rule in definition.rules
        if rule.kind or rule.weight is not None
    }


def _print_numbers(matcher: Matcher, files: Sequence[str], now: float) -> int:
    """Print each file's number of matches, as ``grep -c`` does; give their sum."""
    found = 0
    for path in files:
        with Progress(path) as progress:
            number = count_matches(matcher, _log(path), now, progress.add)
        prefix = f"{click.format_filename(path)}:" if len(files) > 1 else ""
        click.echo(f"{prefix}{number}")
        found += number
    return found


@dataclass(frozen=True, slots=True)
class _Making:
    """How the lines are to be read."""

    zone: tzinfo | None
    encoding: str
    dated: bool
    known: KnownExpressions

    def matcher(self, definition: FilterDefinition) -> Matcher:
        """Compile a filter."""
        return Matcher(
            definition,
            zone=self.zone,
            encoding=self.encoding,
            dated=self.dated,
            programs=program_store(),
            known=self.known,
        )


def _zone(text: str | None) -> tzinfo | None:
    try:
        name = parsers.time_zone(text or "")
    except ValueError as failure:
        raise click.BadParameter(f"--timezone {text!r}: {failure}") from failure
    return parse_zone(name) if name else None


def _encoding(text: str) -> str:
    try:
        return parsers.encoding(text)
    except ValueError as failure:
        raise click.BadParameter(f"--encoding {text!r}: {failure}") from failure


def _log(path: str) -> Log:
    """Give the log that was meant: a file, or the line itself."""
    is_line = path != "-" and re.search(r"\s", path) and not _exists(path)
    return Log(TYPED, f"{path}\n".encode("utf-8", "surrogateescape")) if is_line else Log(path)


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # too long for a name, or with a NUL in it
        return False


def _written(given: Mapping[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in given.items() if value is not None}
