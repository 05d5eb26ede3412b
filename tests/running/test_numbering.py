# SPDX-License-Identifier: MIT
"""Tests of numbering plans that come from Asterisk, in a daemon that runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator

import pytest

from logban.addresses import CanonicalAddress
from logban.config import load
from logban.daemon import Daemon
from logban.model import Failure
from logban.testing.asterisk_manager import AsteriskManager
from logban.testing.machine import NOW, Machine
from logban.testing.waiting import LIMIT, until

BAD = CanonicalAddress("198.51.100.9")
FILTER = """
[Definition]
[rule password]
kind = wrong-password
failregex = ^<F-USER>\\S+</F-USER> from <HOST>$
"""


@pytest.fixture
def manager() -> Iterator[AsteriskManager]:
    made = AsteriskManager(["7001", "7002"])
    made.start()
    yield made
    made.stop()


@pytest.fixture
def machine(bench: Machine, manager: AsteriskManager) -> Machine:
    (bench.folder / "filters.d/pbx.conf").write_text(FILTER)
    path = bench.folder / "ami.conf"
    path.write_text(manager.login())
    path.chmod(0o600)
    (bench.folder / "logban.conf").write_text(f"[server]\nami = {path}\nami_every = 300\n")
    bench.jail(filter="pbx", extensions="3XX, ami")
    return bench


def run(machine: Machine, story: Callable[[Daemon], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(LIMIT), machine.running() as daemon:
            await story(daemon)

    asyncio.run(limited())


def weight(daemon: Daemon, user: str, jail: str = "pbx") -> float:
    """Give what a wrong password of somebody weighs in a jail."""
    charging = daemon.jails.running[jail].judge.charging
    assert charging is not None
    fields = {"user": user}
    return charging.weight(Failure(BAD, NOW, "password", fields, "", "", 0, "wrong-password"))


def known(daemon: Daemon) -> int:
    return len(daemon.numbering.known or ())


def test_what_asterisk_has_is_added_to_what_is_written(
    machine: Machine, manager: AsteriskManager
) -> None:
    async def story(daemon: Daemon) -> None:
        await until(lambda: known(daemon) == 2)
        assert weight(daemon, "7001") == 1.0
        assert weight(daemon, "7009") == 0.8
        assert weight(daemon, "140") == 1.5
        assert weight(daemon, "312") == 1.0
        assert daemon.problems == []
        # Asked again, not at once but in time.
        manager.endpoints = ["7001", "7002", "140"]
        await machine.let_pass(299)
        assert manager.conversations == 1
        await machine.let_pass(62)  # whoever sleeps is woken each minute
        await until(lambda: known(daemon) == 3)
        assert weight(daemon, "140") == 1.0

    run(machine, story)


def test_while_it_is_away_the_last_answer_holds_and_that_is_said(
    machine: Machine, manager: AsteriskManager, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(daemon: Daemon) -> None:
        await until(lambda: known(daemon) == 2)
        manager.stop()
        await machine.let_pass(361)
        await until(lambda: daemon.problems)
        (problem,) = daemon.problems
        assert problem.startswith(f"the extensions can't be asked for: 127.0.0.1:{manager.port}: ")
        assert problem.endswith("the 2 known last hold")
        assert weight(daemon, "140") == 1.5
        # A reload with another jail does not lose them either.
        machine.jail("second", filter="pbx", extensions="ami", action="")
        await daemon.reload(load(machine.folder))
        assert weight(daemon, "140", "second") == 1.5
        manager.start()
        await machine.let_pass(121)
        await until(lambda: not daemon.problems)

    with caplog.at_level(logging.INFO):
        run(machine, story)
    said = [record.message for record in caplog.records if "extensions" in record.message]
    assert said[0] == "Asterisk has 2 extensions"
    assert said[1].startswith("the extensions can't be asked for")
    assert said[-1] == "the extensions can be asked for again"
    assert len(said) == 3  # once, and not at each try


def test_before_the_first_answer_only_what_is_written_is_known(
    machine: Machine, manager: AsteriskManager
) -> None:
    manager.stop()

    async def story(daemon: Daemon) -> None:
        await until(lambda: daemon.problems)
        assert daemon.problems[0].endswith("only what is written in the jail is known")
        assert weight(daemon, "7001") == 1.5  # unlike 3XX
        manager.start()
        await daemon.reload(load(machine.folder))  # which asks at once
        await until(lambda: known(daemon) == 2)
        assert weight(daemon, "7001") == 1.0

    run(machine, story)


def test_a_login_that_is_mended_is_followed_without_a_reload(
    machine: Machine, manager: AsteriskManager
) -> None:
    path = machine.folder / "ami.conf"
    path.write_text(manager.login().replace(manager.secret, "wrong"))

    async def story(daemon: Daemon) -> None:
        await until(lambda: daemon.problems)
        assert "refuses the user 'logban'" in daemon.problems[0]
        path.write_text(manager.login())
        await machine.let_pass(121)
        await until(lambda: known(daemon) == 2)
        assert daemon.problems == []
        path.chmod(0o644)
        await machine.let_pass(361)
        await until(lambda: daemon.problems)
        assert "chmod 600" in daemon.problems[0]

    run(machine, story)


def test_nobody_is_asked_where_no_jail_wants_to_know(
    machine: Machine, manager: AsteriskManager
) -> None:
    machine.jail(filter="pbx", extensions="3XX")

    async def story(daemon: Daemon) -> None:
        await machine.let_pass(361)
        machine.jail(filter="pbx", extensions="ami")
        await daemon.reload(load(machine.folder))
        await until(lambda: known(daemon) == 2)
        assert manager.conversations == 1

    run(machine, story)
