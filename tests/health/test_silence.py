# SPDX-License-Identifier: MIT
"""A log that falls silent: a real file, read by the daemon, under a clock that the test moves."""

from __future__ import annotations

import asyncio
import logging

import pytest

from logban.daemon import Daemon
from logban.health.rhythm import AT_LEAST, WATCHED_FOR
from logban.health.watch import LOOK_EVERY
from logban.service.commands import DaemonService
from logban.testing.lines import asterisk_line
from logban.testing.machine import Machine, once
from logban.testing.waiting import until

MINUTE = 60.0


def lines_read(daemon: Daemon) -> int:
    (source,) = daemon.sources.report()
    return source.lines


def test_half_an_hour_of_silence_is_an_alarm_until_the_log_goes_on(
    bench: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def story() -> None:
        bench.jail(action="")
        async with bench.running() as daemon:
            service = DaemonService(daemon, lambda: daemon.configuration)

            async def alarms() -> list[str]:
                return [alarm.kind for alarm in (await service.health()).alarms]

            async def let_pass(seconds: float) -> None:
                """Let time go by, with the looks at the daemon that there are in it."""
                for _ in range(round(seconds / LOOK_EVERY)):
                    bench.clock.advance(LOOK_EVERY)
                    await asyncio.sleep(0)
                    service.watch.look()

            async def write(number: int) -> None:
                bench.log.write(asterisk_line("pbx.c: a call", bench.clock.now()))
                await until(lambda: lines_read(daemon) == number)
                service.watch.look()

            minutes = round(WATCHED_FOR / MINUTE) + 1
            for number in range(1, minutes + 1):
                await write(number)
                await let_pass(MINUTE)
            assert await alarms() == []
            await let_pass(AT_LEAST - MINUTE)
            assert await alarms() == [], "half an hour, and not more yet"
            await let_pass(LOOK_EVERY)
            assert await alarms() == ["source-silent"]
            assert f"alarm source-silent: {bench.log.path}: nothing was written for 30m 5s; " in (
                caplog.text
            )
            await let_pass(10 * MINUTE)
            assert await alarms() == ["source-silent"]
            await write(minutes + 1)
            assert await alarms() == []
            assert "alarm source-silent is over" in caplog.text
            # That it can be silent for so long is known from now on.
            await let_pass(AT_LEAST + 10 * MINUTE)
            assert await alarms() == []

    once(story)
