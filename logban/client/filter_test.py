# SPDX-License-Identifier: MIT
"""logban-client filter test: what a filter finds in log files."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol

import click

from logban.client.invocation import Invocation, common_options
from logban.client.offline import Progress, now_option, read_filter
from logban.client.output import Cell, count, say, table
from logban.control.protocol import SCHEMA
from logban.matching.matcher import Matcher
from logban.model import Subject
from logban.offline import Matched, Missed, try_filter

SHOWN: Final = 10
"""Rows of each list that a person is shown."""


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
@common_options
@click.pass_context
def test(
    context: click.Context,
    name: str,
    files: Sequence[str],
    now: float,
    no_dates: bool,
    only_count: bool,
) -> None:
    """Show what FILTER finds in each FILE.

    FILTER is a name in filters.d or a path to a .conf, logban's or fail2ban's, either with
    parameters in brackets.  A FILE may be compressed with gzip; `-` is standard input.  Lines
    without a zone are in $TZ, lines without a year in that of --now.

    Exits with 0 if something matched, 1 if nothing did, 78 if the filter is broken.
    """
    invocation = Invocation.of(context)
    matcher = Matcher(read_filter(name, invocation), dated=not no_dates)
    report: Report
    if only_count:
        report = CountReport(several=len(files) > 1)
    elif invocation.json:
        report = JsonReport()
    else:
        report = PersonReport(matcher)
    for path in files:
        with Progress(path) as progress:
            for each in try_filter(matcher, path, now, progress.add, missed=report.wants_missed):
                report.take(each)
        report.end_of(path)
    report.close()
    context.exit(0 if matcher.counters.failures else 1)


class Report(Protocol):
    """What is made of the findings."""

    wants_missed: bool

    def take(self, found: Matched | Missed) -> None:
        """Take the next finding."""
        ...

    def end_of(self, path: str) -> None:
        """Note that a file has been read."""
        ...

    def close(self) -> None:
        """Note that all have been read."""
        ...


class CountReport:
    """The number of matches, as ``grep -c`` gives it."""

    wants_missed = False

    def __init__(self, *, several: bool) -> None:
        self._several = several
        self._number = 0

    def take(self, found: Matched | Missed) -> None:  # noqa: ARG002  # counting is all
        """Count a match."""
        self._number += 1

    def end_of(self, path: str) -> None:
        """Print a file's number."""
        prefix = f"{click.format_filename(path)}:" if self._several else ""
        click.echo(f"{prefix}{self._number}")
        self._number = 0

    def close(self) -> None:
        """Add nothing."""


class JsonReport:
    """One JSON object a match."""

    wants_missed = False

    def __init__(self) -> None:
        self._head = {"schema": SCHEMA}

    def take(self, found: Matched | Missed) -> None:
        """Print a match."""
        assert isinstance(found, Matched)  # noqa: S101  # nothing else was asked for
        failure = found.failure
        about = {
            "file": failure.source,
            "line": found.number,
            "time": failure.time,
            "ip": failure.address,
            "subject": Subject.of_address(failure.address).to_json(),
            "rule": failure.rule,
            "fields": dict(failure.fields),
        }
        click.echo(json.dumps({**self._head, **about}))
        self._head = {}

    def end_of(self, path: str) -> None:
        """Add nothing."""

    def close(self) -> None:
        """Add nothing."""


class PersonReport:
    """A summary for a person: by rule, by address, what was missed, how long it took."""

    wants_missed = True

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._started = time.perf_counter()
        self._rules: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()
        self._missed = 0
        self._samples: list[str] = []

    def take(self, found: Matched | Missed) -> None:
        """Count a finding."""
        if isinstance(found, Matched):
            self._rules[found.failure.rule] += 1
            self._addresses[str(Subject.of_address(found.failure.address))] += 1
            return
        self._missed += 1
        if len(self._samples) < SHOWN:
            self._samples.append(f"{found.source}:{found.number}: {found.line}")

    def end_of(self, path: str) -> None:
        """Add nothing."""

    def close(self) -> None:
        """Print the summary."""
        took = time.perf_counter() - self._started
        counters = self._matcher.counters
        say(
            Cell(count(counters.failures, "failure"), "red" if counters.failures else "green"),
            f" in {count(counters.lines, 'line')}, read in {took:.2f} s",
        )
        for number, what in (
            (counters.successes, "of somebody who got in"),
            (counters.ignored, "taken back by ignoreregex"),
            (counters.unaddressed, "without a valid address"),
            (counters.ambiguous, "that could name two addresses, and name nobody"),
            (counters.doubtful, "that a peer may have made up, and name nobody"),
            (counters.timeouts, f"skipped, an expression took too long ({counters.last_timeout})"),
        ):
            if number:
                say(f"{count(number, 'line')} {what}")
        self._print_most("RULE", self._rules)
        self._print_most("ADDRESS", self._addresses)
        named = self._matcher.take_named()
        self._print_most("NOT BANNED: NO ADDRESS", Counter(each.host for each in named))
        if self._missed:
            say()
            say(
                Cell(
                    f"{count(self._missed, 'line')} that look like an attack matched no rule",
                    bold=True,
                )
            )
            for sample in self._samples:
                say("  ", sample)
            if self._missed > len(self._samples):
                say(f"  ... and {self._missed - len(self._samples)} more")

    def _print_most(self, title: str, numbers: Counter[str]) -> None:
        if not numbers:
            return
        say()
        table(
            (title, "FAILURES"),
            [(what, str(number)) for what, number in numbers.most_common(SHOWN)],
        )
        if len(numbers) > SHOWN:
            say(f"... and {len(numbers) - SHOWN} more")
