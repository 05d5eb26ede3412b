# SPDX-License-Identifier: MIT
"""Somebody sets the host's clock while the daemon runs."""

from __future__ import annotations

import pytest

from logban.running.host_time import STEP, HostTime
from logban.testing import FakeClock

NOW = 1_795_168_800.0


def test_only_a_step_of_the_clock_is_told_and_only_one_back_brings_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, back, told = FakeClock(NOW), list[float](), list[str]()
    time = HostTime(clock, back.append, lambda: told.append("set"))
    clock.advance(3600)
    clock.step(STEP)  # as ntpd does it
    assert time.now() == NOW + 3600 + STEP
    assert not told
    clock.step(60)
    time.now()
    assert told == ["set"]
    assert not back
    clock.step(-7200)
    assert time.now() == back[0] == NOW + 3600 + STEP + 60 - 7200
    assert told == ["set", "set"]
    time.now()
    assert len(told) == 2
    assert [message.split(";")[0] for message in caplog.messages] == [
        "the host's clock went forward by 1m",
        "the host's clock went back by 2h",
    ]
