# SPDX-License-Identifier: MIT
"""Every rung of the ladder gives what the reference gives: the same outcomes in the same order.

The lines are those of the corpus and of Debian's fail2ban, as they are and spoilt, for every filter
that is shipped and all of Debian's.  A difference is a hole: somebody is banned, or is not, whom
the reference would treat otherwise.

``LOGBAN_DIFFERENTIAL_LINES`` sets how many lines are tried, ``LOGBAN_DIFFERENTIAL_SEED`` the seed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from logban.config import load_filter
from logban.matching.definition import FilterDefinition
from logban.matching.engine.joining import Engine
from logban.matching.engine.ladder import Rung
from logban.matching.engine.saved import ProgramStore
from logban.matching.matcher import Matcher
from logban.model import Block, Failure, Outcome

from .conftest import (
    DEBIAN_FILTERS,
    ROOT,
    Spoiler,
    blocks,
    corpus_lines,
    debian_lines,
)

LINES = int(os.environ.get("LOGBAN_DIFFERENTIAL_LINES", "200000"))
SEED = int(os.environ.get("LOGBAN_DIFFERENTIAL_SEED", "1"))
NOW = 1795180000.0

SHIPPED = sorted(path.stem for path in (ROOT / "filters.d").glob("*.conf"))
DEBIAN = sorted(path.stem for path in DEBIAN_FILTERS.glob("*.conf"))


def outcomes_of(matcher: Matcher, several: list[Block]) -> list[Outcome]:
    """Give all that a matcher finds, what it had held back to the end included."""
    found = [outcome for block in several for outcome in matcher.match(block, NOW)]
    return found + matcher.flush()


def check(
    definition: FilterDefinition, lines: list[bytes], folder: Path, number: int, whole: float = 0.3
) -> None:
    """Hold an engine against the reference; ``whole`` is the share of lines left as they are.

    The engine's program is written once, and kept in a folder for the others.
    """
    spoiler = Spoiler(lines, SEED, whole)
    programs = ProgramStore(folder)
    several = list(blocks([spoiler.line() for _ in range(number)], spoiler))
    reference = Matcher(definition, zone=UTC, timeout=10.0, rung=Rung.REFERENCE)
    expected, named = outcomes_of(reference, several), reference.take_named()
    for rung in (Rung.PCRE2, Rung.FULL):
        matcher = Matcher(definition, zone=UTC, timeout=10.0, rung=rung, programs=programs)
        assert matcher.engine
        found = outcomes_of(matcher, several)
        for mine, yours in zip(found, expected, strict=False):
            assert mine == yours
            assert list(mine.fields) == list(yours.fields)
        assert len(found) == len(expected)
        assert matcher.counters == reference.counters
        assert matcher.take_named() == named
        counting = Matcher(definition, zone=UTC, timeout=10.0, rung=rung, programs=programs)
        assert counting.engine
        failures = sum(counting.count(block, NOW) for block in several)
        failures += sum(isinstance(each, Failure) for each in counting.flush())
        assert failures == reference.counters.failures
        assert replace(counting.counters, lines=reference.counters.lines) == reference.counters


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_filters(name: str, tmp_path: Path) -> None:
    definition = load_filter(name, ROOT).definition
    assert definition is not None
    engine = Matcher(definition, programs=ProgramStore(tmp_path)).engine
    assert isinstance(engine, Engine), engine
    lines = corpus_lines(name.partition("-")[0]) or debian_lines(name)
    if name == "asterisk":
        lines += [b"2026-11-20T10:00:00.123456789Z stdout F " + line for line in lines[::3]]
        lines += [b"2026-11-20T10:00:00.123456789Z " + line for line in lines[1::5]]
    check(definition, lines, tmp_path, LINES // 2 // len(SHIPPED))


def test_a_flood_with_some_spoilt_lines(tmp_path: Path) -> None:
    # Only where most lines are the program's own is all of a block taken at once.
    command = [sys.executable, str(ROOT / "bench" / "genlog.py"), "--lines", str(LINES // 20)]
    made = subprocess.run([*command, "--attack", "0.8"], check=True, capture_output=True).stdout
    definition = load_filter("asterisk", ROOT).definition
    assert definition is not None
    check(definition, made.split(b"\n")[:-1], tmp_path, LINES // 10, whole=0.998)


@pytest.mark.parametrize("name", DEBIAN)
def test_filters_of_debian(name: str, tmp_path: Path) -> None:
    definition = load_filter(str(DEBIAN_FILTERS / f"{name}.conf"), Path("/nonexistent")).definition
    lines = debian_lines(re.sub(r"\W.*", "", name)) or debian_lines(name)
    if definition is None or not lines:
        return  # a file that is only included by others
    check(definition, lines, tmp_path, LINES // 2 // len(DEBIAN))
