# SPDX-License-Identifier: MIT
"""The host's clock is set, forward and back, while the daemon runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from logban.testing.forking import QuickServer
from logban.testing.lines import LogFile
from logban.testing.namespaces import BAD, BAD6, NEIGHBOUR, Network

LIBRARY = Path(f"/usr/lib/{os.uname().machine}-linux-gnu/faketime/libfaketimeMT.so.1")
HOUR = 3600
COUNTED, OTHER = "203.0.113.50", "203.0.113.51"


class FakedClock:
    """The time of day that the daemon sees, by libfaketime; its steady clock goes on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.ahead = 0
        self.step(0)

    def step(self, seconds: int) -> None:
        self.ahead += seconds
        new = self._path.with_suffix(".new")
        new.write_text(f"{self.ahead:+d}\n")
        new.rename(self._path)

    def now(self) -> float:
        return time.time() + self.ahead

    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._path),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }


@pytest.fixture
def clock(server: QuickServer, tmp_path: Path) -> FakedClock:
    made = FakedClock(tmp_path / "clock")
    server.environment.update(made.environment())
    return made


def test_the_clock_is_set_forward_and_back(
    network: Network,
    server: QuickServer,
    clock: FakedClock,
    jail: Callable[..., None],
    log: LogFile,
    figures: list[str],
) -> None:
    jail(action="nftables", bantime="1h", findtime="10m")
    server.start()

    def attack(address: str, times: int = 5) -> None:
        log.fail(address, times, clock.now())

    attack(BAD)
    until = float(str(server.ban_of(BAD)["until"]))
    attack(COUNTED, 4)
    server.wait(lambda: server.jail("pbx")["failures"] == 4)

    clock.step(HOUR // 2)
    attack(NEIGHBOUR)
    server.ban_of(NEIGHBOUR)
    assert server.bans()[BAD]["until"] == until, "a ban keeps its end"
    assert not network.arrives(NEIGHBOUR)

    clock.step(-3 * HOUR)
    attack(OTHER)
    server.ban_of(OTHER)
    attack(COUNTED)  # whoever was counted before the step is no safer for it
    server.ban_of(COUNTED)
    assert server.client("verify", "--fix").code == 0
    assert {BAD, NEIGHBOUR} < server.bans().keys()
    for source in (BAD, NEIGHBOUR):
        assert not network.arrives(source)
    before = len(server.bans())

    clock.step(24 * HOUR)
    attack(BAD6)
    server.ban_of("2001:db8:66::/64")
    server.wait(lambda: len(server.bans()) == 1)
    network.wait_until_arrives(BAD)
    assert server.client("verify", "--fix").code == 0
    figures.append(
        "clock set by +0.5 h, -3 h, +24 h: bans kept their ends each time, a new attacker was "
        f"banned after each; {before} bans before the last step, all of them ended by it"
    )
    assert "went back" in server.log
