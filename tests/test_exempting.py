# SPDX-License-Identifier: MIT
"""Exemptions that come and go while the whole machine runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from logban.actions import catalogue
from logban.ledger.records import Allowed
from logban.model import Subject
from logban.testing.machine import BAD, NOW, Machine, until

WHO = Subject.parse(BAD)


def once(story: Callable[[], Coroutine[object, object, None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(20):
            await story()

    asyncio.run(limited())


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    monkeypatch.setattr(catalogue, "build", made.build)
    monkeypatch.setattr(catalogue, "sweep", made.sweep)
    return made


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
