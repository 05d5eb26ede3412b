# SPDX-License-Identifier: MIT
"""Counting gives as many as matching does, however many threads a log names."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC

import pytest

from logban.config import load_filter
from logban.matching.engine.joining import Engine
from logban.matching.engine.ladder import Rung
from logban.matching.matcher import Matcher
from logban.matching.threads import MAX_THREADS
from logban.model import Block, Outcome

from .conftest import ROOT

MakeBlock = Callable[..., Block]
LINES = 8_000
NOW = 1795180000.0


def matcher_for_asterisk(rung: Rung) -> Matcher:
    definition = load_filter("asterisk", ROOT).definition
    assert definition is not None
    return Matcher(definition, zone=UTC, timeout=10.0, rung=rung)


@pytest.fixture(scope="module")
def log() -> list[bytes]:
    command = [sys.executable, str(ROOT / "bench" / "genlog.py"), "--lines", str(LINES)]
    made = subprocess.run([*command, "--attack", "0.6"], check=True, capture_output=True).stdout
    return made.splitlines(keepends=True)


@pytest.mark.parametrize("threads", [3, 300, 2 * MAX_THREADS])
def test_counting_gives_what_matching_gives(
    threads: int, log: list[bytes], make_block: MakeBlock
) -> None:
    chooser = random.Random(threads)  # noqa: S311  # the same for the same seed

    def named_anew(found: re.Match[bytes]) -> bytes:
        return b"[%d]" % (100 + chooser.randrange(threads))

    lines = [re.sub(rb"(?<=[A-Z])\[\d+\]", named_anew, line, count=1) for line in log]
    reference = matcher_for_asterisk(Rung.REFERENCE)
    matching, counting = matcher_for_asterisk(Rung.FULL), matcher_for_asterisk(Rung.FULL)
    assert isinstance(matching.engine, Engine)
    assert isinstance(counting.engine, Engine)
    expected: list[Outcome] = []
    found: list[Outcome] = []
    at = offset = 0
    while at < len(lines):
        several = lines[at : at + chooser.choice((1, 7, 50, 2000))]
        block = make_block(b"".join(several), offset)
        expected += reference.match(block, NOW)
        found += matching.match(block, NOW)
        counting.count(block, NOW)
        at, offset = at + len(several), offset + len(block.data)
    expected += reference.flush()
    assert found + matching.flush() == expected
    counting.flush()
    assert len(expected) > LINES // 3
    assert counting.counters.failures == reference.counters.failures
    assert counting.counters.successes == reference.counters.successes
    assert counting.counters.doubtful == reference.counters.doubtful
