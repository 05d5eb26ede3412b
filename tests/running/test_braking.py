# SPDX-License-Identifier: MIT
"""Brakes in the whole machine and in replay: what is held back is told of and kept."""

from __future__ import annotations

import json
import logging

import pytest
from click.testing import CliRunner

from logban.client.main import cli
from logban.config import load
from logban.model import Subject
from logban.service.commands import DaemonService
from logban.testing.lines import wrong_password
from logban.testing.machine import BAD, NOW, OTHER, Machine, once
from logban.testing.waiting import until

WHO, ELSE = Subject.parse(BAD), Subject.parse(OTHER)
PEOPLE = [f"203.0.113.{number}" for number in range(5)]


def test_bans_beyond_the_limit_wait_for_their_minute(
    bench: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        bench.jail(maxretry="1", bantime="600", max_bans_per_minute="2")
        async with bench.running() as daemon:
            service = DaemonService(daemon, lambda: load(bench.folder))
            for address in PEOPLE:
                bench.fail(address, 1)
            await until(lambda: len(daemon.deciding.held("pbx")) == 3)
            assert [ban.subject.network for ban in daemon.ledger.active()] == PEOPLE[:2]
            status = next(each for each in (await service.status()).jails if each.name == "pbx")
            assert (status.held, status.banned) == (3, 2)
            assert status.brake.startswith("max_bans_per_minute is 2")
            # Whoever is banned already is extended all the same: that is no new ban.
            bench.fail(PEOPLE[0], 1)
            await until(lambda: daemon.jails.running["pbx"].judge.counters.counted == 6)
            assert len(daemon.deciding.held("pbx")) == 3
            await bench.let_pass(55)
            assert len(daemon.ledger) == 2
            await bench.let_pass(7)
            await until(lambda: len(daemon.ledger) == 4)
            await bench.let_pass(62)
            await until(lambda: len(daemon.ledger) == 5)
            assert not daemon.deciding.pending
            status = next(each for each in (await service.status()).jails if each.name == "pbx")
            assert (status.held, status.brake) == (0, "")

    with caplog.at_level(logging.WARNING):
        once(story)
    assert "A BRAKE HOLDS BACK 1 BANS: max_bans_per_minute is 2" in caplog.text
    assert "[pbx] the brake is off" in caplog.text


def test_what_waits_survives_a_restart_and_ends_with_its_time(bench: Machine) -> None:
    async def first() -> None:
        bench.jail(maxretry="1", bantime="100", max_bans_per_minute="1")
        async with bench.running() as daemon:
            for address in PEOPLE[:3]:
                bench.fail(address, 1)
            await until(lambda: len(daemon.deciding.held("pbx")) == 2)

    async def second() -> None:
        async with bench.running() as daemon:
            # The minute began anew with the daemon, so the next one is let through at once.
            await until(lambda: len(daemon.ledger) == 2)
            assert len(daemon.deciding.held("pbx")) == 1
            bench.clock.advance(100)
            await bench.let_pass(2)
            assert not daemon.deciding.pending

    once(first)
    once(second)


def test_an_unban_forgets_what_waits(bench: Machine) -> None:
    async def story() -> None:
        bench.jail(maxretry="1", bantime="600", max_bans_per_minute="1")
        async with bench.running() as daemon:
            service = DaemonService(daemon, lambda: load(bench.folder))
            for address in PEOPLE[:3]:
                bench.fail(address, 1)
            await until(lambda: len(daemon.deciding.held("pbx")) == 2)
            await service.unban([Subject.parse(PEOPLE[1])], None)
            # By hand he is banned at once, for the time that the admin says.
            await service.ban([Subject.parse(PEOPLE[2])], "pbx", 30.0, "")
            assert not daemon.deciding.pending
            assert {ban.subject.network for ban in daemon.ledger.active()} == {
                PEOPLE[0], PEOPLE[2],
            }  # fmt: skip

    once(story)


def test_an_office_is_not_banned_unless_somebody_insists(
    bench: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        bench.jail(max_registered_users="20")
        async with bench.running() as daemon:
            service = DaemonService(daemon, lambda: load(bench.folder))
            users = {WHO: 21}
            daemon.deciding.brakes.registered = lambda subject: users.get(subject, 0)
            bench.fail(times=2)
            bench.fail(OTHER, 2)
            await until(lambda: ELSE in bench.enforcer().in_force)
            (waiting,) = daemon.deciding.held("pbx")
            assert waiting.verdict.subject == WHO
            answer = await service.ban([WHO], "pbx", None, "")
            (refused,) = answer.refused
            assert refused.reason == (
                f"21 registered users are behind {BAD}, and max_registered_users is 20; "
                "--force bans it all the same"
            )
            answer = await service.ban([WHO], "pbx", None, "", force=True)
            assert [ban.subject for ban in answer.bans] == [WHO]
            await service.unban([WHO], None)
            bench.clock.advance(1)
            bench.fail(times=2)
            await until(lambda: daemon.deciding.held("pbx"))
            users.clear()  # the phones are gone, and whoever tries goes on
            await bench.let_pass(2)
            await until(lambda: WHO in bench.enforcer().in_force)

    with caplog.at_level(logging.WARNING):
        once(story)
    assert f"A BRAKE HOLDS BACK 1 BANS: 21 registered users are behind {BAD}" in caplog.text


def replayed(bench: Machine, *arguments: str) -> list[dict[str, object]]:
    command = ["replay", str(bench.log.path), "--jail", "pbx", "--config", str(bench.folder)]
    done = CliRunner().invoke(cli, [*command, *arguments])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_replay_tells_of_it(bench: Machine) -> None:
    bench.jail(maxretry="1", bantime="600", max_bans_per_minute="2")
    for address in PEOPLE[:3]:
        bench.log.write(wrong_password(address, NOW))
    bench.log.write(wrong_password(PEOPLE[4], NOW + 61))
    events = [
        (each["event"], each["time"] - NOW)  # type: ignore[operator]  # times are numbers
        for each in replayed(bench, "--json")
        if each["event"] != "lift"
    ]
    assert events == [("ban", 0), ("ban", 0), ("notice", 0), ("ban", 61), ("ban", 61)]
    notice = replayed(bench, "--json")[2]
    assert notice["rule"] == "brake"
    assert str(notice["text"]).startswith("A BRAKE HOLDS BACK 1 BANS: max_bans_per_minute is 2")


def test_an_attack_from_three_hundred_addresses_passes(bench: Machine) -> None:
    bench.jail(maxretry="1", bantime="600")
    for number in range(300):
        bench.log.write(wrong_password(f"10.0.{number // 250}.{number % 250}", NOW))
    assert [each["event"] for each in replayed(bench, "--json")] == ["ban"] * 300
