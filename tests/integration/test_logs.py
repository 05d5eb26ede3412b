# SPDX-License-Identifier: MIT
"""Logs as they are in the world: rotated, late, in the wrong zone, shared by jails."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from logban.testing.lines import LogFile, asterisk_line, wrong_password
from logban.testing.namespaces import BAD, NEIGHBOUR, Network
from logban.testing.running import RunningServer

Jail = Callable[..., None]
QUIET = "203.0.113.50"


def test_an_attack_goes_on_over_a_rotation_by_rename(
    network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail(backend="auto")
    server.start()
    log.fail(BAD, 2)
    log.fail(QUIET, 2)
    log.path.rename(log.path.with_name("full.1"))
    log.fail(BAD)  # still into the old file
    log.fail(QUIET)
    log.reopen()
    log.fail(BAD, 2)
    log.fail(QUIET)
    assert server.ban_of(BAD)["failures"] == 5
    assert not network.arrives(BAD)
    server.wait(lambda: server.jail("pbx")["failures"] == 4)
    (source,) = server.ask("status")["sources"]  # type: ignore[misc]  # JSON
    assert source["rotations"] == 1


@pytest.mark.parametrize("backend", ["auto", "polling"])
def test_an_attack_goes_on_over_copytruncate(
    backend: str, network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail(backend=backend)
    server.start()
    log.fail(BAD, 3)
    log.fail(QUIET, 4)
    server.wait(lambda: server.jail("pbx")["failures"] == 7)
    shutil.copyfile(log.path, log.path.with_name("full.1"))
    log.path.open("w").close()
    log.fail(BAD, 2)
    assert server.ban_of(BAD)["failures"] == 5
    assert not network.arrives(BAD)
    assert server.jail("pbx")["failures"] == 4
    assert set(server.bans()) == {BAD}


def test_a_rotation_while_the_daemon_is_down(
    server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail()
    server.start()
    log.fail(BAD, 2)
    server.wait(lambda: server.jail("pbx")["failures"] == 2)
    server.stop()
    log.fail(BAD)
    log.path.rename(log.path.with_name("full.1"))
    log.reopen()
    log.fail(BAD)
    server.start()
    server.wait(lambda: server.jail("pbx")["failures"] == 4)
    log.fail(BAD)
    assert server.ban_of(BAD)["failures"] == 5


def test_a_log_and_its_directory_come_late(
    network: Network, server: RunningServer, jail: Jail, tmp_path: Path
) -> None:
    path = tmp_path / "var" / "asterisk" / "full"
    jail(logpath=str(path))
    server.start()
    waiting = server.jail("pbx")
    assert waiting["state"] == "waiting"
    assert str(path) in str(waiting["reason"])
    assert server.ask("health")["waiting"] == ["pbx"]
    path.parent.mkdir(parents=True)
    log = LogFile(path)
    log.fail(BAD, 5)
    server.ban_of(BAD)
    assert server.jail("pbx")["state"] == "running"
    assert server.ask("health")["waiting"] == []
    assert not network.arrives(BAD)
    log.close()


@pytest.mark.parametrize(("hours", "zone"), [(2, "UTC+0200"), (-5, "UTC-0500")])
def test_a_log_of_another_zone_counts_as_now(
    hours: int, zone: str, network: Network, server: RunningServer, log: LogFile, jail: Jail
) -> None:
    jail(bantime="600")
    server.start()
    log.write(asterisk_line("pbx.c: all is well"))
    now = time.time()
    log.fail(BAD, 5, when=now + hours * 3600)
    ban = server.ban_of(BAD)
    assert now + 600 <= float(str(ban["until"])) <= time.time() + 600
    assert not network.arrives(BAD)
    clock = server.jail("pbx")["clock"]
    # The offset is as of when the line was read.
    assert hours * 3600 - (time.time() - now) <= clock["offset"] <= hours * 3600  # type: ignore[index]  # JSON
    assert f"set logtimezone = {zone}" in clock["hint"]  # type: ignore[index]  # JSON
    shown = server.client("status", "pbx")
    assert shown.code == 0
    assert f"logtimezone = {zone}" in " ".join(shown.out.split())


def test_the_named_zone_is_followed(server: RunningServer, log: LogFile, jail: Jail) -> None:
    jail(logtimezone="UTC+0200")
    server.start()
    now = time.time()
    log.fail(BAD, 5, when=now + 7200)
    assert float(str(server.ban_of(BAD)["time"])) == pytest.approx(now, abs=0.01)
    assert server.jail("pbx")["clock"] == {"offset": None, "hint": ""}


def test_old_lines_do_not_count(server: RunningServer, log: LogFile, jail: Jail) -> None:
    now = time.time()
    log.fail(BAD, 9, when=now - 3600)
    log.fail(NEIGHBOUR, 4, when=now - 601)
    jail(findtime="600")
    server.start()
    server.wait(lambda: server.jail("pbx")["failures_total"] == 13)
    assert server.bans() == {}
    log.fail(NEIGHBOUR, 4)
    server.wait(lambda: server.jail("pbx")["failures_total"] == 17)
    assert server.bans() == {}
    log.fail(NEIGHBOUR)
    assert server.ban_of(NEIGHBOUR)["failures"] == 5


def test_jails_share_a_file_and_have_their_own_judgement(
    network: Network, server: RunningServer, log: LogFile, jail: Jail, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    script = tmp_path / "tell"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$LOGBAN_EVENT" "$@" >> {told}\n')
    script.chmod(0o755)
    jail("quick", maxretry="2", action=f"command[ban={script} {{{{ ip }}}} '{{{{ user }}}} x']")
    jail(
        "slow",
        maxretry="4",
        bantime="7200",
        action=f"nftables\n  iptables[name=other]\n  command[ban={script} {{{{ lines }}}}]",
    )
    server.start()
    log.write(wrong_password(BAD, user="$(touch /tmp/x);`id`"))
    log.fail(BAD)
    ban = server.wait(lambda: server.bans().get(BAD))
    assert ban["jail"] == "quick"
    assert ban["actions"] == ["command"]
    # Two jails' commands run side by side: the second is to have a reason when the first has run.
    server.wait(lambda: told.exists() and told.read_text().count("\n") == 3)
    assert network.arrives(BAD)
    log.fail(BAD, 2)
    server.wait(lambda: [each["in_force"] for each in server.jail("slow")["actions"]] == [1, 1, 1])  # type: ignore[attr-defined]  # JSON
    assert not network.arrives(BAD)
    lines = told.read_text().split("\n")
    assert lines[:3] == ["ban", BAD, " x"]
    assert lines[3] == "ban"
    assert "$(touch /tmp/x);`id`" in lines[4]
    network.host.run(["iptables-legacy", "-t", "raw", "-S", "logban-other"])
    assert f"{BAD} timeout" in network.host.run(["ipset", "list", "logban-other-4"])
    actions = server.jail("slow")["actions"]
    assert [(each["name"], each["state"], each["in_force"]) for each in actions] == [  # type: ignore[attr-defined]  # JSON
        ("nftables", "ok", 1),
        ("iptables", "ok", 1),
        ("command", "ok", 1),
    ]
