# SPDX-License-Identifier: MIT
"""What `filter test` prints: a number, JSON, or a summary for people."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import click

from logban.client.output import Cell, count, say, table
from logban.control.protocol import SCHEMA
from logban.matching.matcher import Matcher
from logban.model import Subject
from logban.offline.trying import Finding, Ignored, Matched, Missed, Named, Sought

SHOWN: Final = 10
"""Rows of each list that a person is shown."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Which lines are printed, every one of them."""

    matched: bool = False
    missed: bool = False
    ignored: bool = False


class Report(Protocol):
    """What is made of the findings."""

    wants_missed: Sought

    def take(self, found: Finding) -> None:
        """Take the next finding."""
        ...

    def end_of(self, path: str) -> None:
        """Note that a file has been read."""
        ...

    def close(self) -> None:
        """Note that all have been read."""
        ...


class JsonReport:
    """One JSON object a match, and one a line that is shown beside."""

    def __init__(self, shown: Shown) -> None:
        self.wants_missed = Sought.ALL if shown.missed else Sought.NONE
        self._shown = shown
        self._head = {"schema": SCHEMA}

    def take(self, found: Finding) -> None:
        """Print a match, or a line without one."""
        if isinstance(found, Ignored) and not self._shown.ignored:
            return
        click.echo(json.dumps({**self._head, **_about(found)}))
        self._head = {}

    def end_of(self, path: str) -> None:
        """Add nothing."""

    def close(self) -> None:
        """Add nothing."""


class PersonReport:
    """A summary for a person: by rule, by address, what was missed, how long it took."""

    def __init__(self, matcher: Matcher, shown: Shown, weights: Mapping[str, float]) -> None:
        """``weights`` are those that a jail gives by itself to failures of a rule."""
        self.wants_missed = Sought.ALL if shown.missed else Sought.SUSPECT
        self._weights = weights
        self._matcher = matcher
        self._shown = shown
        self._named: Counter[str] = Counter()
        self._started = time.perf_counter()
        self._rules: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()
        self._missed = 0
        self._samples: list[str] = []

    def take(self, found: Finding) -> None:
        """Count a finding, and print it where that was asked for."""
        match found:
            case Matched(number, failure):
                self._rules[failure.rule] += 1
                self._addresses[str(Subject.of_address(failure.address))] += 1
                if self._shown.matched:
                    say(f"{failure.source}:{number}: ", Cell("matched", "red"), f" {failure.line}")
            case Named(number, named):
                self._named[named.host] += 1
                if self._shown.matched:
                    say(f"{named.source}:{number}: ", Cell("matched", "red"), f" {named.line}")
            case Ignored(number, line, source):
                if self._shown.ignored:
                    say(f"{source}:{number}: ", Cell("ignored", "green"), f" {line}")
            case Missed(number, line, source) if self._shown.missed:
                say(f"{source}:{number}: ", Cell("missed", "yellow"), f" {line}")
            case Missed(number, line, source):
                self._missed += 1
                if len(self._samples) < SHOWN:
                    self._samples.append(f"{source}:{number}: {line}")

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
        if self._weights:
            self._print_rules()
        else:
            self._print_most("RULE", self._rules)
        self._print_most("ADDRESS", self._addresses)
        self._print_most("NOT BANNED: NO ADDRESS", self._named)
        if self._missed:
            say()
            say(
                Cell(
                    f"{count(self._missed, 'line')} matched no rule and looked like an attack",
                    bold=True,
                )
            )
            for sample in self._samples:
                say("  ", sample)
            if self._missed > len(self._samples):
                say(f"  ... and {self._missed - len(self._samples)} more")

    def _print_rules(self) -> None:
        """Print the rules that matched, and what each failure weighs by them."""
        if not self._rules:
            return
        say()
        table(
            ("RULE", "FAILURES", "WEIGHING"),
            [
                (rule, str(number), f"{self._weights.get(rule, 1.0):g} each")
                for rule, number in self._rules.most_common(SHOWN)
            ],
        )
        if len(self._rules) > SHOWN:
            say(f"... and {len(self._rules) - SHOWN} more")

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


def _about(found: Finding) -> dict[str, object]:
    """Give a finding as scripts see it; a failure without an address has the host's name."""
    match found:
        case Matched(number, failure):
            return {
                "file": failure.source,
                "line": number,
                "time": failure.time,
                "ip": failure.address,
                "subject": Subject.of_address(failure.address).to_json(),
                "rule": failure.rule,
                "fields": dict(failure.fields),
            }
        case Named(number, named):
            return {
                "file": named.source,
                "line": number,
                "time": named.time,
                "ip": None,
                "host": named.host,
                "subject": None,
                "rule": named.rule,
                "fields": dict(named.fields),
            }
        case Ignored(number, line, source):
            return {"file": source, "line": number, "ignored": line}
        case Missed(number, line, source):
            return {"file": source, "line": number, "missed": line}
