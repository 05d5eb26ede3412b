# SPDX-License-Identifier: MIT
"""What docs/operations.md tells an admin to do, done."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from logban.testing.lines import LogFile
from logban.testing.namespaces import BAD, NEIGHBOUR, Network
from logban.testing.running import RunningServer

Jail = Callable[..., None]
TEXT = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")


def test_a_backup_brings_everything_back(
    network: Network, server: RunningServer, log: LogFile, jail: Jail, tmp_path: Path
) -> None:
    jail()
    server.start()
    log.fail(BAD, 5)
    until = server.ban_of(BAD)["until"]
    assert server.client("allow", "add", "office.example.org", "--note", "ours").code == 0
    backup = tmp_path / "backup.sqlite3"
    with closing(sqlite3.connect(server.state / "logban.sqlite3")) as running:
        running.execute("PRAGMA query_only = on")
        with closing(sqlite3.connect(backup)) as copy:
            running.backup(copy)  # sqlite3's .backup
    server.client("unban", "--all")
    server.client("allow", "del", "office.example.org")
    assert server.stop() == 0
    assert network.arrives(BAD)

    shutil.copy(backup, server.state / "logban.sqlite3")
    for part in ("wal", "shm"):
        (server.state / f"logban.sqlite3-{part}").unlink(missing_ok=True)
    server.start()
    assert server.ban_of(BAD)["until"] == until
    assert not network.arrives(BAD)
    assert "office.example.org" in server.client("allow", "list").out


@pytest.mark.parametrize("action", ["nftables", "iptables"])
def test_everything_is_let_in_though_no_daemon_runs(
    action: str, network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail(action=action)
    server.start()
    log.fail(BAD, 5)
    server.ban_of(BAD)
    assert server.stop() == 0
    assert not network.arrives(BAD)
    told = TEXT[TEXT.index("**everything is to be let in, now**") :]
    written = {"nftables": r"`(nft delete [^`]+)`", "iptables": r"^    (for .+; done)$"}[action]
    found = re.search(written, told, re.MULTILINE)
    assert found is not None
    network.host.run(["sh", "-c", found[1]])
    assert network.arrives(BAD)
    assert network.arrives(NEIGHBOUR)


def test_health_says_by_its_exit_code_how_it_is(
    server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail()
    assert server.client("health").code == 3
    assert server.client("health", "--nagios").code == 2
    server.start()
    server.wait(lambda: server.client("health").code == 0)
    assert server.client("health", "--nagios").code == 0
    jail("broken", maxretry="many")
    assert server.client("reload").code == 78
    assert server.client("health").code == 0  # what runs is what was good
    server.restart()
    server.wait(lambda: server.client("health").code == 6)
    assert server.client("health", "--nagios").code == 2
    assert "jail-failed" in server.client("health").out
