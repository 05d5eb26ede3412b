# SPDX-License-Identifier: MIT
"""Real logs with the true source of every line, and what a shipped filter makes of them."""

from __future__ import annotations

import gzip
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from functools import cache
from pathlib import Path

import pytest
import regex

from logban.config import load_filter
from logban.matching.compiler import compile_expression
from logban.matching.definition import FilterDefinition
from logban.matching.matcher import Matcher
from logban.model import Block, Failure, Position, Success

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "tests" / "corpus"
NOW = 1795180000.0
"""A moment after the corpus was made, in the same year."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What a line of the corpus is evidence of; ``attempt`` names what else belongs to it.

    ``optional`` lines are broken ones: to report their true address is right, and so is nothing.
    """

    line: int
    ip: str
    kind: str
    shape: str
    attempt: str
    user: str
    optional: bool
    hostile: bool


@dataclass(frozen=True, slots=True)
class Log:
    """A log of the corpus: its bytes, and the truth by line, from 1, lines ending at LF."""

    name: str
    data: bytes
    truth: dict[int, Truth]

    def line(self, number: int) -> bytes:
        """Give a line."""
        return self.data.split(b"\n")[number - 1]


@dataclass(slots=True)
class Outcome:
    """What a filter made of a log: the lines that it got right, got wrong and did not see."""

    log: Log
    found: dict[int, Failure]
    wrong: list[str] = field(default_factory=list)
    missed: dict[int, Truth] = field(default_factory=dict)
    attempts: set[str] = field(default_factory=set)
    caught: set[str] = field(default_factory=set)
    ambiguous: int = 0
    doubtful: int = 0

    @property
    def missed_attempts(self) -> dict[str, list[str]]:
        """Give the lines of each attempt that no right line caught."""
        lost: dict[str, list[str]] = {}
        for number, truth in self.missed.items():
            if truth.attempt not in self.caught:
                line = self.log.line(number).decode(errors="backslashreplace")
                lost.setdefault(truth.attempt, []).append(f"{self.log.name}:{number}: {line[:400]}")
        return lost

    def row(self) -> str:
        """Give a row of the table."""
        shapes = ", ".join(
            f"{shape} {number}"
            for shape, number in Counter(each.shape for each in self.missed.values()).items()
        )
        return (
            f"{self.log.name:44} {len(self.log.truth):5} {len(self.found):5} {len(self.wrong):5} "
            f"{len(self.missed):6} {len(self.caught):5}/{len(self.attempts):<5} "
            f"{self.ambiguous:9} {self.doubtful:8}  {shapes}"
        )


TABLE_HEAD = (
    f"{'log':44} {'truth':>5} {'found':>5} {'wrong':>5} {'missed':>6} {'attempts':>11} "
    f"{'ambiguous':>9} {'doubtful':>8}  missed lines by shape"
)


def read_log(name: str) -> Log:
    """Read a log of the corpus, compressed or not, and its truth."""
    plain = CORPUS / f"{name}.log"
    data = plain.read_bytes() if plain.exists() else gzip.decompress(_packed(name).read_bytes())
    if not data.endswith(b"\n"):
        data += b"\n"
    truth = {}
    with (CORPUS / f"{name}.truth.jsonl").open() as lines:
        for text in lines:
            each = json.loads(text)
            attempt = each["attempt"]
            number = each["line"]
            truth[number] = Truth(
                number,
                each["ip"],
                each["kind"],
                each["shape"],
                # In the mixed runs nobody numbered the attempts: each line has to be caught.
                f"line {number}" if attempt is None else str(attempt),
                each.get("user") or "",
                bool(each.get("optional")),
                bool(each.get("hostile")),
            )
    return Log(name, data, truth)


def _packed(name: str) -> Path:
    return CORPUS / f"{name}.log.gz"


@cache
def definition(name: str) -> FilterDefinition:
    """Read a shipped filter."""
    reading = load_filter(name, ROOT)
    assert reading.definition is not None, reading.problems
    return reading.definition


def make_matcher(name: str, timeout: float = 5.0) -> Matcher:
    """Make a matcher of a shipped filter; the timeout leaves room for a busy machine."""
    return Matcher(definition(name), zone=UTC, timeout=timeout)


def blocks_of(data: bytes, source: str = "log", cuts: Sequence[int] = ()) -> Iterator[Block]:
    """Give the lines of some data in blocks, cut behind those lines whose numbers are given."""
    start = 0
    ends = [0]
    while (end := data.find(b"\n", ends[-1])) >= 0:
        ends.append(end + 1)
    for cut in [*(ends[number] for number in cuts), len(data)]:
        if cut > start:
            nowhere = Position(source, 0, 0, 0, b"", 0)
            yield Block(source, data[start:cut], start, live=False, position=nowhere)
            start = cut


def failures_of(matcher: Matcher, data: bytes, cuts: Sequence[int] = ()) -> list[Failure]:
    """Give all failures of some data, those held back to its end included."""
    found = [each for block in blocks_of(data, cuts=cuts) for each in matcher.match(block, NOW)]
    found.extend(matcher.flush())
    failures = (each for each in found if isinstance(each, Failure))
    return sorted(failures, key=lambda failure: failure.offset)


def successes_of(matcher: Matcher, data: bytes) -> list[Success]:
    """Give all successes of some data, those held back to its end included."""
    found = [each for block in blocks_of(data) for each in matcher.match(block, NOW)]
    found.extend(matcher.flush())
    return [each for each in found if isinstance(each, Success)]


def judge_log(log: Log, filter_name: str) -> Outcome:
    """Run a filter over a log and compare what it says with the truth."""
    matcher = make_matcher(filter_name)
    failures = failures_of(matcher, log.data)
    found = {}
    counted, number = 0, 1
    for failure in failures:
        number += log.data.count(b"\n", counted, failure.offset)
        counted = failure.offset
        assert number not in found, f"line {number} was reported twice"
        found[number] = failure
    outcome = Outcome(
        log, found, ambiguous=matcher.counters.ambiguous, doubtful=matcher.counters.doubtful
    )
    for at, failure in found.items():
        truth = log.truth.get(at)
        if truth is None or truth.ip != failure.address:
            really = truth.ip if truth else "nobody"
            outcome.wrong.append(f"{at}: {failure.address}, not {really}: {failure.line[:300]}")
        else:
            outcome.caught.add(truth.attempt)
    for at, truth in log.truth.items():
        if not truth.optional:
            outcome.attempts.add(truth.attempt)
            if at not in found:
                outcome.missed[at] = truth
    outcome.caught &= outcome.attempts
    return outcome


_outcomes: dict[str, Outcome] = {}


def outcome_of(name: str, filter_name: str) -> Outcome:
    """Run a filter over a log, once."""
    if name not in _outcomes:
        _outcomes[name] = judge_log(read_log(name), filter_name)
    return _outcomes[name]


def corpus_names(prefix: str) -> list[str]:
    """Give the names of the logs of a program."""
    return sorted(
        path.name.removesuffix(".truth.jsonl") for path in CORPUS.glob(f"{prefix}*.truth.jsonl")
    )


@pytest.fixture(scope="session", params=corpus_names("asterisk"))
def asterisk_outcome(request: pytest.FixtureRequest) -> Outcome:
    """Give what the filter ``asterisk`` makes of each of Asterisk's logs."""
    return outcome_of(request.param, "asterisk")


@pytest.fixture(scope="session", params=corpus_names("kamailio"))
def kamailio_outcome(request: pytest.FixtureRequest) -> Outcome:
    """Give what the filter ``kamailio`` makes of each of Kamailio's logs."""
    return outcome_of(request.param, "kamailio")


@pytest.fixture(scope="session")
def all_outcomes() -> Callable[[str], list[Outcome]]:
    """Give what a filter makes of all logs of its program."""

    def outcomes(name: str) -> list[Outcome]:
        return [outcome_of(each, name) for each in corpus_names(name)]

    return outcomes


@pytest.fixture(scope="session")
def corpus_log() -> Callable[[str], Log]:
    """Give a log of the corpus by its name."""
    return read_log


@pytest.fixture(scope="session")
def definition_of() -> Callable[[str], FilterDefinition]:
    """Give a shipped filter, by its name."""
    return definition


@pytest.fixture(scope="session")
def matcher_of() -> Callable[[str], Matcher]:
    """Make a matcher of a shipped filter, by its name."""
    return make_matcher


@pytest.fixture(scope="session")
def failures_in() -> Callable[..., list[Failure]]:
    """Give all failures that a matcher finds in some data, cut behind the lines given."""
    return failures_of


@pytest.fixture(scope="session")
def successes_in() -> Callable[..., list[Success]]:
    """Give the successes that a matcher finds in some data."""
    return successes_of


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of the corpus."""
    if _outcomes:
        terminalreporter.section("the corpus and the shipped filters")
        terminalreporter.write_line(TABLE_HEAD)
        for outcome in sorted(_outcomes.values(), key=lambda each: each.log.name):
            terminalreporter.write_line(outcome.row())


HOSTILE_SIZE = 64 * 1024
"""Characters of a text that is to be searched soon."""

ALLOWED_WALKS = 4.0
"""Walks over such a text that a search may take; one that is not linear takes thousands."""


@pytest.fixture(scope="session")
def walks_taken() -> Callable[[regex.Pattern[str], str], float]:
    """Measure a search by that of an expression that takes a text letter by letter and fails.

    Both are measured in turn, by the time that the thread itself has: a slow machine, or one that
    is busy with something else, is slow with both.
    """
    walk, letters = compile_expression("^(?:[b-z]|a)*[!?]"), "a" * HOSTILE_SIZE

    def seconds(pattern: regex.Pattern[str], text: str) -> float:
        started = time.thread_time()
        pattern.search(text, timeout=60.0)
        return time.thread_time() - started

    def measure(pattern: regex.Pattern[str], text: str) -> float:
        walks, searches = [], []
        for _ in range(5):
            searches.append(seconds(pattern, text))
            if searches[-1] < 0.001:
                return 0.0  # no walk is as fast
            walks.append(seconds(walk, letters))
            if min(searches) < min(walks):
                break
        return min(searches) / min(walks)

    return measure
