# SPDX-License-Identifier: MIT
"""A jail put together from its settings."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from logban.actions.declaration import ActionSpec
from logban.config import load
from logban.config.settings import JailSettings
from logban.matching.definition import Expression, FilterDefinition, Rule
from logban.model import (
    Ban,
    Block,
    ChangeKind,
    Origin,
    Position,
    Subject,
    SubjectKind,
    Verdict,
)
from logban.running.jail import Jail, matcher_of

NOW = 1_795_168_800.0
HERE = Origin("jails.d/pbx.conf", 1)
FILTER = FilterDefinition("f", HERE, (Rule("r", Expression("^ failed for <HOST>$", HERE)),))
WHO = Subject.parse("198.51.100.7")
BAN = Ban("pbx", WHO, NOW, NOW + 600)


def make(settings: JailSettings) -> Jail:
    matcher = matcher_of(settings, 0.1) if settings.filter else None
    return Jail(settings, matcher=matcher, exempt=lambda _: None, floors={}, max_tracked=100)


def take(jail: Jail, text: str) -> list[Verdict]:
    assert jail.matcher is not None
    return jail.take(jail.matcher.match(block(text), NOW), live=True, now=NOW)


def block(text: str, source: str = "/log") -> Block:
    position = Position(source, 1, 1, len(text), b"", 0)
    return Block(source, text.encode(), 0, True, position)


@pytest.mark.parametrize(("action", "kept"), [("command", {"user": "6003"}), ("nftables", {})])
def test_captures_are_kept_for_actions_that_ask_for_them(action: str, kept: dict[str, str]) -> None:
    expression = Expression("^ <F-USER>\\S+</F-USER> failed for <HOST>$", HERE)
    settings = JailSettings(
        "pbx",
        HERE,
        FilterDefinition("f", HERE, (Rule("r", expression),)),
        maxretry=1,
        time_zone="UTC+0200",
        actions=(ActionSpec("pbx", action, action, {}),),
    )
    (verdict,) = take(make(settings), "2026-11-20 12:00:00 6003 failed for 198.51.100.7\n")
    assert dict(verdict.fields) == kept


def test_lines_become_verdicts() -> None:
    jail = make(JailSettings("pbx", HERE, FILTER, maxretry=2, time_zone="UTC+0200"))
    line = "2026-11-20 12:00:00 failed for 198.51.100.7\n"
    assert take(jail, line) == []
    (verdict,) = take(jail, line)
    assert (verdict.subject, verdict.time, verdict.until) == (WHO, NOW, NOW + 600)
    assert set(jail.sources) == {"/log"}


def test_a_jail_without_a_filter_has_no_matcher() -> None:
    with pytest.raises(ValueError, match="jail manual has no filter"):
        matcher_of(JailSettings("manual", HERE), 0.1)


@pytest.mark.parametrize(
    ("zone", "offset"), [("UTC+0200", 7200), ("UTC", 0), ("America/New_York", -18000)]
)
def test_the_offset_of_its_zone(zone: str, offset: float) -> None:
    assert make(JailSettings("pbx", HERE, time_zone=zone)).utc_offset(NOW) == offset


def test_without_a_zone_the_hosts_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC-1")
    time.tzset()
    try:
        assert make(JailSettings("pbx", HERE)).utc_offset(NOW) == 3600
    finally:
        monkeypatch.undo()
        time.tzset()


def test_counts_go_over_to_the_next_one() -> None:
    line = "2026-11-20 10:00:00 failed for 198.51.100.7\n"
    before = make(JailSettings("pbx", HERE, FILTER, maxretry=2, time_zone="UTC"))
    before.changes[ChangeKind.BAN, SubjectKind.IP] = 7
    take(before, line)
    after = make(JailSettings("pbx", HERE, FILTER, maxretry=2, bantime=5.0, time_zone="UTC"))
    after.take_over(before)
    assert after.banned_total == 7
    (verdict,) = take(after, line)
    assert verdict.until == NOW + 5


def test_the_shipped_jails_can_be_put_together() -> None:
    configuration = load(Path(__file__).parents[2])
    assert configuration.failed == {}
    for settings in configuration.jails.values():
        assert make(settings).name == settings.name
