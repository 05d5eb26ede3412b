# SPDX-License-Identifier: MIT
"""The actions of a jail going over to others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from logban.actions import catalogue
from logban.actions.declaration import ActionSpec
from logban.actions.protocols import Enforcer, Notifier
from logban.errors import ActionError
from logban.model import (
    Ban,
    Change,
    ChangeKind,
    Subject,
)
from logban.running import actions as actions_module
from logban.running.actions import Actions
from logban.testing import FakeClock, FakeEnforcer, FakeNotifier

NOW = 1_795_168_800.0
WHO = Subject.parse("198.51.100.7")
BAN = Ban("pbx", WHO, NOW, NOW + 600)


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
    monkeypatch.setattr(actions_module, "IN_FORCE_WITHIN", 0.05)

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
