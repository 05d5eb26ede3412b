# SPDX-License-Identifier: MIT
"""A jail asks its admin's program before it bans, and never through a shell."""

from __future__ import annotations

import pytest

from logban.model import Subject
from logban.running import jails
from logban.testing.machine import BAD, OTHER, Machine, once
from logban.testing.waiting import until

WHO, ELSE = Subject.parse(BAD), Subject.parse(OTHER)


def program(bench: Machine, text: str) -> str:
    path = bench.folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def runs(bench: Machine) -> list[str]:
    path = bench.folder / "runs"
    return path.read_text().splitlines() if path.exists() else []


def test_whom_the_program_spares_is_not_banned(bench: Machine) -> None:
    text = f'echo "$1" >>{bench.folder}/runs; test "$1" = {OTHER}'

    async def story() -> None:
        bench.jail(ignorecommand=f"{program(bench, text)} <ip>", ignorecache="max-time=60")
        async with bench.running() as daemon:
            bench.fail(OTHER)
            await until(lambda: runs(bench))
            bench.fail(BAD)
            await until(lambda: WHO in bench.enforcer().in_force)
            assert [ban.subject for ban in daemon.ledger.active()] == [WHO]
            bench.fail(OTHER)  # the answer holds
            bench.fail("198.51.100.99")
            await until(lambda: len(bench.enforcer().in_force) == 2)
            assert ELSE not in bench.enforcer().in_force
            assert runs(bench) == [OTHER, BAD, "198.51.100.99"]
            await bench.let_pass(61)
            bench.fail(OTHER)
            await until(lambda: runs(bench)[3:] == [OTHER])

    once(story)


@pytest.mark.parametrize("text", ["exec sleep 60", "kill -9 $$", "exit 3"])
def test_a_program_that_fails_or_hangs_stops_no_ban(
    bench: Machine, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(jails, "TIME_LIMIT", 0.3)

    async def story() -> None:
        bench.jail(ignorecommand=program(bench, text))
        bench.jail("other")
        async with bench.running():
            bench.fail(BAD)
            await until(lambda: WHO in bench.enforcer("other nftables").in_force)
            await until(lambda: WHO in bench.enforcer().in_force)

    once(story)


def test_a_program_that_is_not_there_is_told_of_and_stops_no_ban(
    bench: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        bench.jail(ignorecommand="/nowhere/program <ip>")
        async with bench.running() as daemon:
            told = map(str, daemon.configuration.warnings)
            assert any("/nowhere/program can't be run" in each for each in told)
            bench.fail(BAD)
            await until(lambda: WHO in bench.enforcer().in_force)

    once(story)
    assert f"ignorecommand about {BAD}: [Errno 2] No such file" in caplog.text
