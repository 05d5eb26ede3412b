# SPDX-License-Identifier: MIT
"""Exemptions that come from elsewhere, and a crash while somebody is asked about."""

from __future__ import annotations

import signal
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

from logban.testing.lines import LogFile
from logban.testing.namespaces import BAD, NEIGHBOUR, Network
from logban.testing.redis_server import RedisServer
from logban.testing.running import RunningServer

Jail = Callable[..., None]


def test_a_customer_is_let_in_by_a_key_in_redis(
    network: Network, server: RunningServer, log: LogFile, jail: Jail, tmp_path: Path
) -> None:
    redis = RedisServer(tmp_path / "r")
    redis.start()
    try:
        server.write("logban.conf", f"[server]\nredis = {redis.url}\n")
        jail()
        server.start()
        log.fail(BAD, 5)
        server.ban_of(BAD)
        assert not network.arrives(BAD)
        with redis.keys() as keys:
            keys.set(f"white_list:{BAD}", 1, ex=3600)
            network.wait_until_arrives(BAD)
            # Whoever was let in since the last scan is not banned either.
            keys.set(f"white_list:{NEIGHBOUR}", 1, ex=3600)
            log.fail(NEIGHBOUR, 5)
            server.wait(lambda: f"{NEIGHBOUR} is spared" in server.log)
        assert server.bans() == {}
        assert network.arrives(NEIGHBOUR)
    finally:
        redis.stop()


def test_a_crash_while_somebody_is_asked_about_loses_no_ban(
    server: RunningServer, log: LogFile, jail: Jail, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "mute"))
        mute.listen(16)
        server.write("logban.conf", f"[server]\nredis = unix://{tmp_path / 'mute'}\n")
        jail()
        server.start()
        log.fail(BAD, 5)
        server.wait(lambda: pending(server))
        server.signal(signal.SIGKILL)
    assert pending(server) == 1
    server.write("logban.conf", "[server]\n")
    server.start()
    assert server.ban_of(BAD)["failures"] == 5
    server.wait(lambda: not pending(server))


def test_a_redis_that_says_nothing_holds_up_a_ban_for_a_second(
    server: RunningServer, log: LogFile, jail: Jail, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "mute"))
        mute.listen(16)
        server.write("logban.conf", f"[server]\nredis = unix://{tmp_path / 'mute'}\n")
        jail()
        server.start()
        for address in (BAD, NEIGHBOUR):
            log.fail(address, 5)
        server.ban_of(BAD)
        server.ban_of(NEIGHBOUR)
        status = server.client("status").out
    assert "exemptions: the exemptions in unix:" in " ".join(status.split())


def pending(server: RunningServer) -> int:
    """Count the verdicts that wait, as the database has them."""
    database = sqlite3.connect(f"file:{server.state / 'logban.sqlite3'}?mode=ro", uri=True)
    try:
        ((number,),) = database.execute("SELECT count(*) FROM pending")
    finally:
        database.close()
    return int(number)
