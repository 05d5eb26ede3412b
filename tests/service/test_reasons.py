# SPDX-License-Identifier: MIT
"""What ``why`` tells of what is counted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from logban.actions import catalogue
from logban.config import load
from logban.model import Subject
from logban.service.commands import DaemonService
from logban.testing.lines import asterisk_line
from logban.testing.machine import NOW, Machine
from logban.testing.waiting import LIMIT, until

FILTER = """[Definition]
datepattern = {^LN-BEG}
[rule password]
kind = wrong-password
failregex = ^\\[\\] \\S+ refused <F-USER>\\S+</F-USER> <HOST>$
[rule probe]
weight = 1.75
failregex = ^\\[\\] \\S+ probe <HOST>$
"""


def test_failures_of_one_moment_have_each_its_own_weight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Machine(tmp_path)
    monkeypatch.setattr(catalogue, "build", bench.build)
    monkeypatch.setattr(catalogue, "sweep", bench.sweep)
    (tmp_path / "filters.d/sip.conf").write_text(FILTER)
    bench.jail(maxretry="9", maxmatches="3", logtimezone="UTC")

    async def story() -> None:
        async with asyncio.timeout(LIMIT), bench.running() as daemon:
            service = DaemonService(daemon, lambda: load(tmp_path))
            for words in ("refused 201", "probe", "refused 201", "probe"):
                bench.log.write(asterisk_line(f"{words} 198.51.100.7", NOW))
            await until(lambda: daemon.jails.running["pbx"].judge.counters.counted == 4)
            answer = await service.why(Subject.parse("198.51.100.7"))
            (counting,) = answer.failures
            # Of the lines the last three are kept; what all of them weigh together is known.
            assert [item.rule for item in counting.failures] == ["probe", "password", "probe"]
            assert counting.weights == (1.75, 1.0, 1.75)
            assert counting.total == 5.5

    asyncio.run(story())


def test_a_list_that_can_not_be_read_is_no_list_that_says_no(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Machine(tmp_path)
    monkeypatch.setattr(catalogue, "build", bench.build)
    monkeypatch.setattr(catalogue, "sweep", bench.sweep)
    (tmp_path / "exempt").write_text("192.0.2.1\n")
    lists = f"file:{tmp_path}/exempt file:{tmp_path}/none"
    bench.jail(ignoreip=f"{lists} permissions:{tmp_path}/none.sock")

    async def story() -> None:
        async with asyncio.timeout(LIMIT), bench.running() as daemon:
            service = DaemonService(daemon, lambda: load(tmp_path))
            answer = await service.why(Subject.parse("198.51.100.7"))
            said = {each.source: each.error for each in answer.consulted}
            assert said[f"file:{tmp_path}/exempt"] == ""
            assert "No such file" in said[f"file:{tmp_path}/none"]
            assert "there is no RPC socket" in said[f"permissions:1:{tmp_path}/none.sock"]

    asyncio.run(story())
