# SPDX-License-Identifier: MIT
"""logban-server as a program: its options, its signals, its exit codes.

Its one jail is [manual], with no action: nothing of this host is touched.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import logban
from logban import server
from logban.client.connection import ask
from logban.control.protocol import Request
from logban.errors import LogbanError
from logban.server import main
from logban.testing.waiting import LIMIT

JAIL = "[pbx]\nenabled = true\nfilter = f\nlogpath = {folder}/log\naction =\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "jails.d").mkdir()
    (tmp_path / "filters.d").mkdir()
    (tmp_path / "filters.d/f.conf").write_text("[Definition]\nfailregex = ^ failed <HOST>$\n")
    (tmp_path / "jails.d/manual.conf").write_text("[manual]\naction =\n")
    (tmp_path / "jails.d/pbx.conf").write_text(JAIL.format(folder=tmp_path))
    return tmp_path


@pytest.fixture
def root_level() -> Iterator[None]:
    """Put the root logger back to where it was."""
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)


def run(folder: Path, *more: str) -> int:
    places = ["--config", str(folder), "--state", str(folder / "state")]
    return main([*places, "--socket", str(folder / "run" / "s"), *more])


def meanwhile(folder: Path, story: Callable[[], None]) -> threading.Thread:
    """Do something as soon as the daemon answers, then tell it to stop."""

    def act() -> None:
        deadline = time.monotonic() + LIMIT
        try:
            while time.monotonic() < deadline:
                try:
                    ask(folder / "run" / "s", Request("ping"))
                    break
                except LogbanError:
                    time.sleep(0.005)
            story()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=act)
    thread.start()
    return thread


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.usefixtures("root_level")
def test_it_runs_until_it_is_told_to_stop(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    answers: list[object] = []

    def story() -> None:
        answers.append(ask(folder / "run" / "s", Request("ping"))["version"])
        os.kill(os.getpid(), signal.SIGHUP)
        wait_for(lambda: "reloaded: nothing has changed" in caplog.text)
        (folder / "jails.d/pbx.conf").write_text("[pbx]\nenabled = perhaps\n")
        os.kill(os.getpid(), signal.SIGHUP)
        wait_for(lambda: "not reloaded: " in caplog.text)
        jails = ask(folder / "run" / "s", Request("status"))["jails"]
        answers.append({jail["name"] for jail in jails})  # type: ignore[attr-defined]  # JSON

    thread = meanwhile(folder, story)
    assert run(folder) == 0
    thread.join()
    assert answers == [logban.__version__, {"manual", "pbx"}]  # all goes on as it was
    assert "follows 2 jails" in caplog.text
    assert "stopped; bans stay in force until they end" in caplog.text
    assert not (folder / "run" / "s").exists()
    assert (folder / "state" / "logban.sqlite3").exists()


@pytest.mark.usefixtures("root_level")
def test_the_service_manager_is_told_how_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line that ``systemctl status`` shows follows jails, bans and alarms."""
    (folder / "jails.d/bad.conf").write_text("[bad]\nenabled = perhaps\n")
    place = folder / "notify"
    monkeypatch.setenv("NOTIFY_SOCKET", str(place))
    monkeypatch.setattr(server, "STATUS_EVERY", 0.02)
    told: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(place))
        manager.settimeout(LIMIT)

        def hear(what: str) -> None:
            while not told or what not in told[-1]:
                told.append(manager.recv(4096).decode())

        def story() -> None:
            hear("STATUS=2 jails, 0 bans; critical: jail bad: jails.d/bad.conf:2: ")
            at = folder / "run" / "s"
            ask(at, Request("ban", {"subjects": [{"kind": "ip", "ip": "198.51.100.7"}]}))
            hear("STATUS=2 jails, 1 bans; critical: ")
            (folder / "jails.d/bad.conf").unlink()
            ask(at, Request("reload"))
            hear("RELOADING=1\nMONOTONIC_USEC=")
            hear("READY=1")
            assert ask(at, Request("health"))["alarms"] == []
            while "STATUS=2 jails, 1 bans" not in told:
                told.append(manager.recv(4096).decode())

        thread = meanwhile(folder, story)
        assert run(folder) == 0
        thread.join()
    assert told[0].startswith("READY=1")


@pytest.mark.usefixtures("root_level")
def test_a_broken_jail_is_told_of_and_the_rest_runs(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "jails.d/bad.conf").write_text("[bad]\nenabled = perhaps\n")
    states: list[object] = []

    def story() -> None:
        jails = ask(folder / "run" / "s", Request("status"))["jails"]
        states.extend((jail["name"], jail["state"]) for jail in jails)  # type: ignore[attr-defined]  # JSON

    thread = meanwhile(folder, story)
    assert run(folder) == 0
    thread.join()
    assert states == [("bad", "failed"), ("manual", "running"), ("pbx", "waiting")]
    assert "jails.d/bad.conf:2: " in caplog.text


def test_check(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "--check") == 0
    (folder / "jails.d/pbx.conf").write_text("[pbx]\nenabled = perhaps\n")
    assert run(folder, "--check") == 78
    assert "error: jails.d/pbx.conf:2: " in capsys.readouterr().err
    assert not (folder / "state").exists()


@pytest.mark.usefixtures("root_level")
def test_what_it_cannot_start_with(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "state").write_text("no directory")
    assert run(folder) == 78
    assert "give another --state" in capsys.readouterr().err
    (folder / "state").unlink()
    (folder / "state").mkdir()
    newer = sqlite3.connect(folder / "state" / "logban.sqlite3")
    newer.execute("PRAGMA user_version = 1000")
    newer.close()
    assert run(folder) == 75
    assert "written by a newer one" in capsys.readouterr().err
    (folder / "state" / "logban.sqlite3").unlink()
    (folder / "run").mkdir()
    (folder / "run" / "s").write_text("no socket")
    assert run(folder) == 78
    assert "no socket" in capsys.readouterr().err
    assert main(["--config", str(folder / "missing")]) == 78


def test_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"logban {logban.__version__}\n"
