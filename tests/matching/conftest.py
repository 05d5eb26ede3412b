# SPDX-License-Identifier: MIT
"""Filters and blocks made of a few strings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from pathlib import Path

import pytest

from logban.config import load_filter
from logban.matching.definition import Expression, FilterDefinition, Rule
from logban.matching.gates import Gates
from logban.matching.matcher import Matcher
from logban.model import Block, Origin, Position

ORIGIN = Origin("filters.d/test.conf", 1)
ROOT = Path(__file__).parents[2]


def definition(
    *rules: str,
    prefix: str | None = None,
    ignore: Sequence[str] = (),
    dates: Sequence[str] = (),
) -> FilterDefinition:
    """Give a filter with the rules rule-0, rule-1, ..."""

    def expressions(texts: Sequence[str]) -> tuple[Expression, ...]:
        return tuple(Expression(text, ORIGIN) for text in texts)

    return FilterDefinition(
        "test",
        ORIGIN,
        tuple(Rule(f"rule-{n}", Expression(text, ORIGIN)) for n, text in enumerate(rules)),
        expressions(ignore),
        None if prefix is None else Expression(prefix, ORIGIN),
        expressions(dates),
    )


@pytest.fixture(scope="session")
def make_filter() -> Callable[..., FilterDefinition]:
    """Give a filter made of strings."""
    return definition


@pytest.fixture(scope="session")
def make_matcher() -> Callable[..., Matcher]:
    """Give a matcher for a filter made of strings, in UTC unless told otherwise."""

    def make(
        *rules: str,
        prefix: str | None = None,
        ignore: Sequence[str] = (),
        dates: Sequence[str] = (),
        zone: tzinfo | None = UTC,
        timeout: float = 5.0,
        encoding: str = "utf-8",
        dated: bool = True,
    ) -> Matcher:
        what = definition(*rules, prefix=prefix, ignore=ignore, dates=dates)
        return Matcher(what, zone=zone, timeout=timeout, encoding=encoding, dated=dated)

    return make


@pytest.fixture(scope="session")
def make_block() -> Callable[..., Block]:
    """Give a block of one source."""

    def make(data: bytes | str, offset: int = 0, source: str = "/var/log/test") -> Block:
        raw = data.encode() if isinstance(data, str) else data
        nowhere = Position(source, 0, 0, 0, b"", 0)
        return Block(source, raw, offset, live=True, position=nowhere)

    return make


@pytest.fixture(scope="session")
def without_gates() -> Callable[[Matcher], Matcher]:
    """Make a matcher try every rule on every line."""

    def open_all(matcher: Matcher) -> Matcher:
        matcher._candidates.gates = Gates([()] * len(matcher._reader.rules))
        return matcher

    return open_all


@pytest.fixture(
    scope="session", params=sorted(path.stem for path in (ROOT / "filters.d").glob("*.conf"))
)
def shipped_filter(request: pytest.FixtureRequest) -> FilterDefinition:
    """Give each of the filters of filters.d."""
    reading = load_filter(request.param, ROOT)
    assert reading.definition is not None
    return reading.definition
