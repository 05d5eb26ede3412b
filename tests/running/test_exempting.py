# SPDX-License-Identifier: MIT
"""Exemptions that come and go while the whole machine runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from logban.config import load
from logban.ledger.records import Allowed
from logban.model import Subject
from logban.service.commands import DaemonService
from logban.testing.machine import BAD, NOW, OTHER, Machine, once
from logban.testing.mmdb import database
from logban.testing.redis_server import RedisServer
from logban.testing.waiting import until

WHO = Subject.parse(BAD)


def test_an_abuser_loses_a_temporary_exemption_and_no_other(
    bench: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        bench.jail(exempt_maxretry="5")
        async with bench.running() as daemon:
            counters = daemon.jails.running["pbx"].judge.counters
            await daemon.allow(Allowed("198.51.100.0/24", NOW, note="office"))
            bench.fail(times=20)
            await until(lambda: counters.exempted == 20)
            assert daemon.ledger.allowed
            await daemon.disallow("198.51.100.0/24")
            await daemon.allow(Allowed(BAD, NOW, NOW + 3600, "hotel"))
            bench.fail(times=4)
            await until(lambda: counters.exempted == 24)
            assert daemon.ledger.allowed
            bench.fail(times=2)
            await until(lambda: not daemon.ledger.allowed)
            bench.fail(times=1)
            await until(lambda: WHO in bench.enforcer().in_force)
            assert counters.exempted == 25

    with caplog.at_level(logging.WARNING):
        once(story)
    assert (
        f"{BAD} is no longer exempt (allow add): 5 failures in jail pbx within 10m by {BAD}"
        in caplog.text
    )


def test_a_file_of_exemptions_is_followed(
    bench: Machine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "exempt"

    async def story() -> None:
        bench.jail(ignoreip=f"192.0.2.1 file:{path}")
        bench.jail("web")
        async with bench.running() as daemon:
            counters = daemon.jails.running["pbx"].judge.counters
            assert daemon.problems == [
                f"exemptions: {path} can't be read: No such file or directory"
            ]
            bench.fail(times=2)
            await until(lambda: len(daemon.ledger) == 2)
            path.write_text(f"{BAD}\n")
            await bench.let_pass(1.5)
            # It is the one jail's, so the other's ban stays.
            await until(lambda: [ban.jail for ban in daemon.ledger.active()] == ["web"])
            await until(lambda: not bench.enforcer().in_force)
            assert not daemon.problems
            bench.fail(times=2)
            await until(lambda: counters.exempted == 2)
            path.write_text("")
            await bench.let_pass(1.5)
            await until(lambda: daemon.exemptions.exempt("pbx", WHO) is None)
            bench.names.known["office.example.test"] = frozenset({BAD})
            bench.fail(times=2)
            await until(lambda: len(daemon.ledger) == 2)
            path.write_text("office.example.test\n")
            await bench.let_pass(1.5)
            await until(lambda: len(daemon.ledger) == 1)
            bench.jail()
            path.unlink()
            await daemon.reload(load(bench.folder))
            assert daemon.exemptions.exempt("pbx", WHO) is None
            assert not daemon.problems

    once(story)
    assert "can't be read: No such file" in caplog.text


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "r")
    server.start()
    yield server
    server.stop()


def test_keys_in_redis_lift_bans_and_are_lost_by_abuse(bench: Machine, redis: RedisServer) -> None:
    async def story() -> None:
        bench.jail(exempt_maxretry="5")
        bench.jail("web", exempt_maxretry="0")
        (bench.folder / "logban.conf").write_text(f"[server]\nredis = {redis.url}\n")
        async with bench.running() as daemon:
            assert not daemon.problems
            counters = daemon.jails.running["pbx"].judge.counters
            bench.fail(times=2)
            await until(lambda: len(daemon.ledger) == 2)
            with redis.keys() as keys:
                keys.set(f"white_list:{BAD}", 1, ex=3600)
                await bench.let_pass(6)
                await until(lambda: not len(daemon.ledger))
                bench.fail(times=6)
                await until(lambda: not keys.exists(f"white_list:{BAD}"))
                await until(lambda: counters.exempted == 5)
            bench.fail(times=1)
            await until(lambda: len(daemon.ledger) == 2)

    once(story)


def test_a_key_set_since_the_last_scan_holds(bench: Machine, redis: RedisServer) -> None:
    async def story() -> None:
        bench.jail()
        (bench.folder / "logban.conf").write_text(
            f"[server]\nredis = {redis.url}\nredis_prefix = ok/\n"
        )
        async with bench.running() as daemon:
            with redis.keys() as keys:
                keys.set(f"ok/{BAD}", 1, ex=3600)
            bench.fail(times=2)
            bench.fail(OTHER, 2)
            await until(lambda: len(daemon.ledger) == 1)
            await until(lambda: not daemon.deciding.pending)
            assert [ban.subject.network for ban in daemon.ledger.active()] == [OTHER]
            redis.stop()
            (bench.folder / "logban.conf").unlink()
            await daemon.reload(load(bench.folder))
            assert not daemon.problems
            bench.fail(times=2)
            await until(lambda: len(daemon.ledger) == 2)

    once(story)


def test_redis_that_is_not_there_is_told_and_bans_go_on(bench: Machine, tmp_path: Path) -> None:
    async def story() -> None:
        bench.jail()
        (bench.folder / "logban.conf").write_text(f"[server]\nredis = unix://{tmp_path}/none\n")
        async with bench.running() as daemon:
            (problem,) = daemon.problems
            assert "can't be read" in problem
            bench.fail(times=2)
            await until(lambda: WHO in bench.enforcer().in_force)

    once(story)


def test_names_and_countries_of_addresses(bench: Machine, tmp_path: Path) -> None:
    countries = tmp_path / "country.mmdb"
    countries.write_bytes(database({f"{OTHER}/32": {"country": {"iso_code": "DE"}}}))

    async def story() -> None:
        bench.jail()
        (bench.folder / "logban.conf").write_text(
            "[server]\nrdns_domains = example.net\n"
            f"geo_database = {countries}\ngeo_allow = DE\ngeo_weight = FR=3\n"
        )
        bench.names.named = {BAD: "dsl7.example.net"}
        bench.names.known["dsl7.example.net"] = frozenset({BAD})
        async with bench.running() as daemon:
            assert not daemon.problems
            bench.fail(times=2)
            bench.fail(OTHER, 2)
            bench.fail("192.0.2.99", 2)
            await until(lambda: len(daemon.ledger) == 1)
            await until(lambda: not daemon.deciding.pending)
            assert [ban.subject.network for ban in daemon.ledger.active()] == ["192.0.2.99"]
            # The database may come after the ban.
            countries.write_bytes(database({"192.0.2.99/32": {"country": {"iso_code": "DE"}}}))
            await bench.let_pass(1.5)
            await until(lambda: not len(daemon.ledger))

    once(story)


def test_where_a_failure_comes_from_weighs(bench: Machine, tmp_path: Path) -> None:
    countries = tmp_path / "country.mmdb"
    countries.write_bytes(
        database({f"{BAD}/32": {"country": {"iso_code": "KP"}}, f"{OTHER}/32": {"country": "FR"}})
    )

    async def story() -> None:
        bench.jail(maxretry="4")
        (bench.folder / "logban.conf").write_text(
            f"[server]\ngeo_database = {countries}\ngeo_deny = KP\ngeo_weight = FR=2\n"
        )
        async with bench.running() as daemon:
            for times, address in ((1, BAD), (2, OTHER), (3, "192.0.2.99")):
                bench.fail(address, times)
            await until(lambda: daemon.jails.running["pbx"].judge.counters.counted == 6)
            assert [ban.subject.network for ban in daemon.ledger.active()] == [BAD, OTHER]

    once(story)


def test_why_shows_what_every_source_says(bench: Machine, tmp_path: Path) -> None:
    path = tmp_path / "exempt"
    path.write_text("203.0.113.0/24 # a carrier\n")

    async def story() -> None:
        bench.jail(ignoreip=f"192.0.2.0/24 file:{path}")
        bench.jail("web")
        (bench.folder / "logban.conf").write_text("[server]\nrdns_domains = example.net\n")
        bench.names.named = {BAD: "dsl7.example.net"}
        bench.names.known["dsl7.example.net"] = frozenset({BAD})

        async def said(address: str) -> list[tuple[str, str, str]]:
            why = await service.why(Subject.parse(address))
            return [
                (each.source, each.jail, each.exempt.entry if each.exempt else "")
                for each in why.consulted
            ]

        async with bench.running() as daemon:
            service = DaemonService(daemon, lambda: load(bench.folder))
            assert await said(OTHER) == [
                ("allow", "", ""),
                ("ignoreip", "pbx", ""),
                ("own addresses", "", ""),
                (f"file:{path}", "pbx", "203.0.113.0/24"),
                ("ignoreip", "web", ""),
                ("ignoreip", "manual", ""),
                ("reverse dns, asked", "", ""),
            ]
            assert (await said(BAD))[-1] == ("reverse dns, asked", "", "dsl7.example.net")
            why = await service.why(WHO)
            assert why.exempt is not None
            # By hand he can't be banned either.
            (refused,) = (await service.ban([WHO], None, None, "")).refused
            assert refused.reason == f"{BAD} is exempt by 'dsl7.example.net' (rdns_domains)"

    once(story)


async def minutes(bench: Machine) -> None:
    """Let a minute pass, and whatever is being looked up come to its end."""
    await bench.let_pass(61)
    await asyncio.sleep(0.01)


def test_names_hold_over_a_restart_though_the_dns_is_away(bench: Machine) -> None:
    async def first() -> None:
        bench.jail(ignoreip="office.example.test gone.example.test")
        bench.names.known["office.example.test"] = frozenset({BAD, "2001:db8::7"})
        bench.names.known["gone.example.test"] = frozenset({OTHER})
        async with bench.running() as daemon:
            assert daemon.exemptions.exempt("pbx", WHO) is not None

    async def second() -> None:
        bench.names.known.clear()
        bench.jail(ignoreip="office.example.test")
        async with bench.running() as daemon:
            assert daemon.exemptions.exempt("pbx", WHO) is not None
            bench.fail(times=2)
            await until(lambda: daemon.jails.running["pbx"].judge.counters.exempted == 2)
            while daemon.exemptions.addresses("gone.example.test"):
                await minutes(bench)
            bench.names.known["office.example.test"] = frozenset({OTHER})
            while daemon.exemptions.exempt("pbx", WHO) is not None:
                await minutes(bench)

    once(first)
    once(second)
    store = bench.store()
    assert store.load().names == {"office.example.test": OTHER}
    store.close()


def test_a_name_that_hangs_holds_up_neither_the_start_nor_other_names(
    bench: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logban.running.exempting.FIRST_WITHIN", 0.01)
    monkeypatch.setattr("logban.running.exempting.TAKEN_EVERY", 0.01)
    bench.names.known["office.example.test"] = frozenset({BAD})
    answers = asyncio.Event()
    known = bench.names.resolve

    async def resolve(name: str) -> frozenset[str]:
        if name == "slow.example.test":
            await answers.wait()
            return frozenset({OTHER})
        return await known(name)

    monkeypatch.setattr(bench.names, "resolve", resolve)

    async def story() -> None:
        bench.jail(ignoreip="slow.example.test office.example.test")
        async with bench.running() as daemon:
            await until(lambda: daemon.exemptions.exempt("pbx", WHO))
            assert not answers.is_set()
            bench.fail(OTHER, times=2)
            await until(lambda: len(daemon.ledger) == 1)
            answers.set()  # late, and still it counts
            await until(lambda: len(daemon.ledger) == 0)

    once(story)
