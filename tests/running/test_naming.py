# SPDX-License-Identifier: MIT
"""Hosts that lines name: looked up beside the reading, judged by their lines' times."""

from __future__ import annotations

import asyncio
import logging

import pytest

from logban.model import Subject
from logban.running import naming
from logban.testing.machine import BAD, NOW, OTHER, Machine, once
from logban.testing.waiting import until

WHO = Subject.parse(BAD)


class Slow:
    """A resolver that answers when it is told to, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.known: dict[str, frozenset[str]] = {}
        self.go = asyncio.Event()

    async def resolve(self, name: str) -> frozenset[str]:
        self.asked.append(name)
        await self.go.wait()
        if name not in self.known:
            raise OSError("no such name")
        return self.known[name]


def slow(bench: Machine) -> Slow:
    made = Slow()
    bench.names = made  # type: ignore[assignment]  # another resolver
    return made


def test_a_host_is_looked_up_and_its_address_banned(
    bench: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        bench.jail(usedns="warn", findtime="100")
        bench.names.known["bad.example.net"] = frozenset({BAD})
        async with bench.running() as daemon:
            bench.fail("Bad.Example.NET", 2)
            await until(lambda: WHO in bench.enforcer().in_force)
            (ban,) = daemon.ledger.active()
            assert (ban.time, ban.until, ban.failures) == (NOW, NOW + 60, 2)

    caplog.set_level(logging.WARNING)
    once(story)
    told = [each for each in caplog.messages if "usedns" in each]
    assert told == [f"[pbx] a line names bad.example.net, looked up as {BAD} (usedns = warn)"]


def test_without_a_warning_and_not_at_all(bench: Machine, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        bench.jail(usedns="yes")
        bench.jail("other", usedns="no")
        bench.names.known["bad.example.net"] = frozenset({BAD})
        async with bench.running() as daemon:
            bench.fail("bad.example.net", 2)
            await until(lambda: WHO in bench.enforcer().in_force)
            assert [ban.jail for ban in daemon.ledger.active()] == ["pbx"]

    once(story)
    assert "usedns" not in caplog.text


@pytest.mark.parametrize(("findtime", "counting"), [("100", 2), ("40", 1)])
def test_the_time_that_counts_is_that_of_the_line(
    bench: Machine, findtime: str, counting: int
) -> None:
    async def story() -> None:
        bench.jail(usedns="yes", findtime=findtime, maxretry="3")
        resolver = slow(bench)
        resolver.known["bad.example.net"] = frozenset({BAD})
        async with bench.running() as daemon:
            judge = daemon.jails.running["pbx"].judge
            bench.fail("bad.example.net", 1)
            await until(lambda: resolver.asked)
            await bench.let_pass(50)
            bench.fail(BAD, 1)  # judged first, and later
            await until(lambda: judge.counters.counted)
            resolver.go.set()
            await until(lambda: judge.counters.counted == 2)
            known = judge.known_of(WHO)
            assert known is not None
            assert known.times == pytest.approx([NOW, NOW + 50][-counting:], abs=0.01)

    once(story)


def test_a_name_that_points_at_the_exempt_bans_nobody_else_than_the_others(bench: Machine) -> None:
    async def story() -> None:
        bench.jail(usedns="yes", ignoreip="203.0.113.0/24")
        bench.names.known["evil.example.net"] = frozenset({BAD, OTHER, "127.0.0.1"})
        async with bench.running() as daemon:
            bench.fail("evil.example.net", 2)
            await until(lambda: WHO in bench.enforcer().in_force)
            assert [ban.subject for ban in daemon.ledger.active()] == [WHO]

    once(story)


def test_names_that_are_none_and_hosts_with_too_many_addresses(
    bench: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        bench.jail(usedns="yes", maxretry="1")
        resolver = slow(bench)
        resolver.go.set()
        resolver.known = {
            "many.example.net": frozenset(f"198.51.100.{n}" for n in range(1, 50)),
            "localhost": frozenset({BAD}),
            "1.2.3.256": frozenset({BAD}),
        }
        async with bench.running() as daemon:
            names = ["localhost", "1.2.3.256", "a..b", f"{'a' * 70}.net", "-a.net", "gone.example"]
            for name in [*names, "many.example.net"]:
                bench.fail(name, 1)
            bench.fail(OTHER, 1)
            await until(lambda: bench.enforcer().in_force)
            await until(lambda: daemon.naming.counters.useless == 7)
            assert [str(ban.subject) for ban in daemon.ledger.active()] == [OTHER]
            assert sorted(resolver.asked) == ["gone.example", "many.example.net"]

    once(story)
    assert "many.example.net has 49 addresses, so none of them counts" in caplog.text


def test_answers_are_remembered_for_a_while(bench: Machine) -> None:
    async def story() -> None:
        bench.jail(usedns="yes", maxretry="100")
        resolver = slow(bench)
        resolver.go.set()
        resolver.known["bad.example.net"] = frozenset({BAD})
        async with bench.running() as daemon:
            judge = daemon.jails.running["pbx"].judge

            async def fails(name: str) -> None:
                counters = daemon.jails.running["pbx"].counters
                before = counters.lines
                bench.fail(name, 1)
                await until(lambda: counters.lines > before)
                await until(lambda: not daemon.naming._tasks)

            for _ in range(3):
                await fails("bad.example.net")
                await fails("gone.example.net")
            assert resolver.asked == ["bad.example.net", "gone.example.net"]
            known = judge.known_of(WHO)
            assert known is not None
            assert len(known.times) == 3
            await bench.let_pass(naming.KEEP_FAILURE + 1)
            await fails("bad.example.net")
            await fails("gone.example.net")
            assert resolver.asked[2:] == ["gone.example.net"]
            await bench.let_pass(naming.KEEP)
            await fails("bad.example.net")
            assert resolver.asked[3:] == ["bad.example.net"]

    once(story)


def test_nothing_waits_for_a_server_that_does_not_answer(
    bench: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(naming, "MAX_WAITING", 30)

    async def story() -> None:
        bench.jail(usedns="yes")
        resolver = slow(bench)
        resolver.known["0.example.net"] = frozenset({OTHER})
        async with bench.running() as daemon:
            for number in range(50):
                bench.fail(f"{number}.example.net", 2)
            bench.fail(BAD, 2)
            await until(lambda: WHO in bench.enforcer().in_force)
            assert daemon.naming.counters.dropped == 70
            assert daemon.problems == [
                "70 failures of hosts by name were not looked up: too many at a time"
            ]
            assert len(resolver.asked) <= naming.AT_ONCE
            resolver.go.set()
            await until(lambda: Subject.parse(OTHER) in bench.enforcer().in_force)
            await until(lambda: not daemon.naming._tasks)
            bench.fail("49.example.net", 1)  # there is room again
            await until(lambda: "49.example.net" in resolver.asked)

    once(story)


def test_the_end_waits_for_nobody(bench: Machine) -> None:
    async def story() -> None:
        bench.jail(usedns="yes")
        resolver = slow(bench)
        async with bench.running():
            bench.fail("bad.example.net", 2)
            await until(lambda: resolver.asked)

    once(story)


def test_a_jail_that_is_gone_judges_nothing_more(bench: Machine) -> None:
    async def story() -> None:
        bench.jail(usedns="yes")
        bench.jail("other")
        resolver = slow(bench)
        resolver.known["bad.example.net"] = frozenset({BAD})
        async with bench.running() as daemon:
            bench.fail("bad.example.net", 2)
            await until(lambda: resolver.asked)
            del daemon.jails.running["pbx"]
            resolver.go.set()
            await until(lambda: not daemon.naming._tasks)
            assert not list(daemon.ledger.active())

    once(story)
