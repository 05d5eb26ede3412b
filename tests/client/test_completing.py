# SPDX-License-Identifier: MIT
"""The names of the jails are completed, by the daemon that runs."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from logban.client import completing
from logban.client.main import cli
from logban.testing.waiting import LIMIT


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for what a busy machine has to say."""
    monkeypatch.setattr(completing, "PATIENCE", LIMIT)


def complete(kind: type[ShellComplete], words: list[str], incomplete: str) -> list[str]:
    made = kind(cli, {}, "logban-client", "_LOGBAN_CLIENT_COMPLETE")
    return [item.value for item in made.get_completions(words, incomplete)]


@pytest.mark.parametrize("kind", [BashComplete, ZshComplete, FishComplete])
@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["unmatched"],
        ["set"],
        ["get"],
        ["ban", "198.51.100.7", "--jail"],
        ["unban", "--jail"],
        ["banned", "--jail"],
        ["allow", "list", "--jail"],
        ["replay", "/log", "--jail"],
    ],
    ids=" ".join,
)
def test_wherever_a_jail_is_named(socket_path, kind: type[ShellComplete], words) -> None:
    at = ["--socket", str(socket_path)]
    assert complete(kind, [*at, *words], "") == ["asterisk", "kamailio", "sshd"]
    assert complete(kind, [*at, *words], "k") == ["kamailio"]


def test_the_environment_names_the_daemon(socket_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGBAN_SOCKET", str(socket_path))
    assert complete(BashComplete, ["status"], "a") == ["asterisk"]


def test_without_a_daemon_nothing_is_offered(folder) -> None:
    assert complete(BashComplete, ["--socket", str(folder / "none"), "status"], "") == []


def test_a_daemon_that_does_not_answer_is_not_waited_for(
    socket_path, daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completing, "PATIENCE", 0.05)
    slow = daemon.status

    async def status():
        time.sleep(0.3)  # noqa: ASYNC251  # the loop hangs: that is the point
        return await slow()

    monkeypatch.setattr(daemon, "status", status)
    assert complete(BashComplete, ["--socket", str(socket_path), "status"], "") == []


def test_no_name_means_something_to_a_shell(socket_path, daemon) -> None:
    first, *rest = daemon.status_now.jails
    evil = tuple(replace(first, name=name) for name in ("$(reboot)", "a b", "x\x1b[2J", "x;y"))
    daemon.status_now = replace(daemon.status_now, jails=(*evil, *rest))
    assert complete(BashComplete, ["--socket", str(socket_path), "status"], "") == [
        "kamailio",
        "sshd",
    ]
