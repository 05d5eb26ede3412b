# SPDX-License-Identifier: MIT
"""A jail put together from its settings, and its actions going over to others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from logban.actions import catalogue
from logban.actions.declaration import ActionSpec
from logban.actions.protocols import Enforcer, Notifier
from logban.config import load
from logban.config.settings import JailSettings
from logban.errors import ActionError
from logban.matching.definition import Expression, FilterDefinition, Rule
from logban.model import (
    Ban,
    Block,
    Change,
    ChangeKind,
    Origin,
    Position,
    Subject,
    SubjectKind,
    Verdict,
)
from logban.running import jail as jail_module
from logban.running.jail import Actions, Jail, matcher_of
from logban.testing import FakeClock, FakeEnforcer, FakeNotifier

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


class Bench:
    """Builds fakes instead of actions, and keeps them by the name they are written with."""

    def __init__(self) -> None:
        self.clock = FakeClock(NOW)
        self.made: dict[str, list[FakeEnforcer | FakeNotifier]] = {}
        self.fault: Exception | None = None
        self.bans = [BAN]

    def build(self, spec: ActionSpec, _clock: object) -> Enforcer | Notifier:
        made = FakeNotifier() if spec.type_name == "email" else FakeEnforcer()
        if self.fault is not None:
            made.fail("prepare", *[self.fault] * 100)
        self.made.setdefault(spec.written, []).append(made)
        return made

    def actions(self, *texts: str, earlier: Actions | None = None) -> Actions:
        specs = [catalogue.parse("pbx", *_written(text)) for text in texts]
        return Actions(specs, self.clock, self.wanted, earlier)

    def wanted(self) -> Iterable[Ban]:
        return list(self.bans)

    def enforcer(self, name: str, number: int = -1) -> FakeEnforcer:
        made = self.made[name][number]
        assert isinstance(made, FakeEnforcer)
        return made


def _written(text: str) -> tuple[str, dict[str, str]]:
    name, _, rest = text.partition(" ")
    return name, dict(pair.split("=", 1) for pair in rest.split())


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench()
    monkeypatch.setattr(catalogue, "build", made.build)
    return made


async def started(bench: Bench, *texts: str) -> Actions:
    actions = bench.actions(*texts)
    actions.start()
    await asyncio.gather(*(worker.ready.wait() for worker in actions.enforcers()))
    return actions


def test_what_is_asked_for_as_before_goes_on(bench: Bench) -> None:
    async def story() -> None:
        before = await started(bench, "nftables", "email dest=a@example.org")
        after = bench.actions(
            "email dest=b@example.org", "nftables", "iptables port=5060", earlier=before
        )
        await after.replace(before, bench.wanted)
        assert len(bench.made["nftables"]) == 1
        assert bench.enforcer("nftables").calls == ["prepare", "read", "apply"]
        assert bench.enforcer("iptables").in_force == {WHO: NOW + 600}
        assert [made.calls for made in bench.made["email"]] == [["close"], []]
        after.submit([Change(ChangeKind.LIFT, BAN, NOW)])
        bench.bans.clear()
        await after.settled()
        assert bench.enforcer("nftables").in_force == bench.enforcer("iptables").in_force == {}
        await after.close()
        assert bench.enforcer("nftables").calls[-1] == "close"

    asyncio.run(story())


def test_who_takes_over_the_same_place_finds_the_bans_there(bench: Bench) -> None:
    async def story() -> None:
        before = await started(bench, "nftables port=5060")
        before.workers[0].submit([Change(ChangeKind.LIFT, BAN, NOW)])
        after = bench.actions("nftables port=5061", earlier=before)
        await after.replace(before, bench.wanted)
        old = bench.enforcer("nftables", 0)
        assert "lift" not in old.calls
        assert old.calls[-1] == "close"
        assert bench.enforcer("nftables").in_force == {WHO: NOW + 600}
        await after.close()

    asyncio.run(story())


def test_what_was_kept_elsewhere_is_lifted_at_last(bench: Bench) -> None:
    async def story() -> None:
        before = await started(bench, "nftables name=a")
        old = bench.enforcer("nftables", 0)
        after = bench.actions("nftables name=b", earlier=before)
        await after.replace(before, bench.wanted)
        assert old.calls[-2:] == ["lift", "close"]
        assert old.in_force == {}
        await after.close()

    asyncio.run(story())


def test_nothing_is_lifted_where_the_new_one_does_not_get_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jail_module, "IN_FORCE_WITHIN", 0.05)

    async def story() -> None:
        before = await started(bench, "nftables")
        bench.fault = ActionError("the kernel refuses")
        after = bench.actions("iptables", earlier=before)
        await after.replace(before, bench.wanted)
        old = bench.enforcer("nftables")
        assert old.in_force == {WHO: NOW + 600}
        assert old.calls[-1] == "close"
        await after.close()

    asyncio.run(story())


def test_the_shipped_jails_can_be_put_together() -> None:
    configuration = load(Path(__file__).parents[2])
    assert configuration.failed == {}
    for settings in configuration.jails.values():
        assert make(settings).name == settings.name
