# SPDX-License-Identifier: MIT
"""While a big log is being read, admins get their answers and bans end on time."""

from __future__ import annotations

import time
from pathlib import Path

from logban.testing.lines import asterisk_line, wrong_password

NOISE = "chan_sip.c: Peer '2001' is now Reachable. (12ms / 2000ms)"


def source_of(server) -> dict[str, float]:
    """Give what ``status`` says of the log."""
    (source,) = server.ask("status")["sources"]
    return source


def flood(path: Path, begun: float) -> None:
    """Add lines that are all an attacker's and lie within findtime."""
    with path.open("a") as file:
        for number in range(40_000):
            address = f"198.18.{number // 250 % 250}.{number % 250}"
            file.write(wrong_password(address, begun - 60 + number / 1000))


def test_admins_are_answered_while_a_flood_is_read(server, log, jail, figures) -> None:
    begun = time.time()
    flood(log.path, begun)
    jail(bantime="1m")
    server.launch()
    server.wait(server.socket.exists)
    answers: list[float] = []
    places = set[float]()
    # The first and the last place, and between them many: nobody waits until all has been read.
    # But a test that has to wait itself, for a CPU, wants more to be read.
    for _ in range(5):
        while len(answers) % 50 or source_of(server)["lag"]:
            places.add(source_of(server)["offset"])
            asked = time.monotonic()
            server.ask("ping")
            answers.append(time.monotonic() - asked)
            time.sleep(0.005)  # as an admin's tools ask, not as an attack on the socket
        if len(places) > 5:
            break
        flood(log.path, time.time())
        server.wait(lambda: source_of(server)["size"] == log.path.stat().st_size)
    took = time.time() - begun
    answers.sort()
    figures.append(
        f"answers while {log.path.stat().st_size / 1e6:.0f} MB of attack lines are read: "
        f"p50 {1000 * answers[len(answers) // 2]:.0f} ms, longest {1000 * answers[-1]:.0f} ms "
        f"of {len(answers)} in {took:.1f} s"
    )
    assert len(places) > 5


def test_what_is_too_old_is_not_read(server, log, jail) -> None:
    now = time.time()
    with log.path.open("w") as file:
        for number in range(100_000):
            file.write(asterisk_line(NOISE, now - 86400 * 7 + number))
        for _ in range(5):
            file.write(wrong_password("198.51.100.7", now - 30))
    jail()
    server.start()
    server.ban_of("198.51.100.7")
    source = source_of(server)
    assert source["lag"] == 0
    assert source["offset"] == log.path.stat().st_size
    assert source["lines"] < 30_000
    assert "are too old to matter" in server.log
