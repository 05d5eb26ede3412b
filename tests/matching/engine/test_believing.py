# SPDX-License-Identifier: MIT
"""The engine believes what the reference does, whichever threads come in between."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC

import pytest

from logban.config import load_filter
from logban.matching.engine.joining import Engine
from logban.matching.engine.ladder import Rung
from logban.matching.matcher import Matcher
from logban.model import Block, Outcome

from .conftest import ROOT

MakeBlock = Callable[..., Block]
LINES = 2_500
NOW = 1795180000.0


def matcher_for_asterisk(rung: Rung) -> Matcher:
    definition = load_filter("asterisk", ROOT).definition
    assert definition is not None
    return Matcher(definition, zone=UTC, timeout=10.0, rung=rung)


@pytest.fixture(scope="module")
def both() -> tuple[Matcher, Matcher]:
    """Give the reference, and what has an engine."""
    return matcher_for_asterisk(Rung.REFERENCE), matcher_for_asterisk(Rung.FULL)


def lines(chooser: random.Random, beginnings: float, strangers: float) -> Iterator[str]:
    """Give lines of a server with four threads, and of others now and then.

    ``beginnings`` is the share of lines that end with a name of the peer's, in which there may be
    line breaks.
    """
    for number in range(LINES):
        thread = chooser.randrange(4) * 1000
        if chooser.random() < strangers:
            thread = chooser.randrange(10_000, 90_000)
        address = f"198.51.{chooser.randrange(100)}.{chooser.randrange(250)}"
        said = f"chan_sip.c: Registration from '<sip:{number}@x>' failed for '{address}:5060'"
        reason = chooser.choice(("Wrong password", "No matching peer found"))
        if chooser.random() < beginnings:
            said, reason = f"chan_iax2.c: Host {address} failed to authenticate as 60", ""
        elif chooser.random() < beginnings:
            said, reason = f"chan_sip.c: Call from '' ({address}:5060) to extension '00", ""
        yield f"[2026-11-20 12:00:{number % 60:02}] NOTICE[{thread}] {said} - {reason}".rstrip(" -")


@pytest.mark.parametrize("beginnings", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("strangers", [0.05, 0.2])
def test_lines_are_believed_as_the_reference_believes_them(
    beginnings: float, strangers: float, make_block: MakeBlock, both: tuple[Matcher, Matcher]
) -> None:
    chooser = random.Random(7)  # noqa: S311  # the same for the same seed
    reference, engine = both
    assert isinstance(engine.engine, Engine)
    log = [f"{line}\n" for line in lines(chooser, beginnings, strangers)]
    expected: list[Outcome] = []
    found: list[Outcome] = []
    at = offset = 0
    while at < len(log):
        several = log[at : at + chooser.choice((1, 7, 50, 700))]
        block = make_block("".join(several), offset, f"/log/{beginnings}/{strangers}")
        expected += reference.match(block, NOW)
        found += engine.match(block, NOW)
        at, offset = at + len(several), offset + len(block.data)
    assert found + engine.flush() == expected + reference.flush()
    assert len(expected) > LINES // 3
    counters = engine.take_counters()
    assert counters == reference.take_counters()
    assert (counters.doubtful > 0) == (beginnings > 0)
