# SPDX-License-Identifier: MIT
"""Rotation while 20,000 lines a second are written: by renaming, and by copying and truncating."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Self, cast

import pytest

from logban.testing.forking import QuickServer
from logban.testing.lines import asterisk_line, wrong_password
from logban.testing.running import Answer

ROTATIONS = 100
LINES_A_SECOND = 20_000
LONGEST = 50_000
EACH = 50  # failures of one address; what a jail counts of it goes to disk anew with each


def attacker(number: int) -> str:
    return f"198.18.{number >> 8}.{number & 255}"


class Flood:
    """A program that writes 20,000 lines a second, one in twenty a failure, each whole.

    It waits for the next rotation once a file has 50,000: a machine that reads more slowly than it
    writes would have more to read after each.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        self.failures: Counter[str] = Counter()
        self.lock = threading.Lock()
        self._handle = self._open()
        self._since_rotation = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self.begun = self.ended = 0.0

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def _write(self) -> None:
        self.begun = time.monotonic()
        number = 0
        while not self._over.is_set():
            if self._since_rotation >= LONGEST:
                time.sleep(0.002)
                continue
            number += 1
            address = attacker(number // EACH)
            noise = asterisk_line(f"pbx.c: call {number} goes its way", level="V[1]") * 19
            with self.lock:
                os.write(self._handle, (noise + wrong_password(address)).encode())
            self.lines += 20
            self._since_rotation += 20
            self.failures[address] += 1
            ahead = self.lines / LINES_A_SECOND - (time.monotonic() - self.begun)
            if ahead > 0.002:
                time.sleep(ahead)
        self.ended = time.monotonic()

    def rename(self, number: int) -> None:
        """Rotate as logrotate does: the program goes on in the renamed file until it is told."""
        self.path.rename(self.path.with_name(f"{self.path.name}.{number}"))
        time.sleep(0.002)
        with self.lock:
            before, self._handle = self._handle, self._open()
            self._since_rotation = 0
        os.close(before)

    def copytruncate(self, number: int) -> int:
        """Rotate by a copy; give the bytes that were written between it and the truncation."""
        copy = self.path.with_name(f"{self.path.name}.{number}")
        shutil.copyfile(self.path, copy)
        with self.lock:  # so that what nobody can see is known
            unseen = self.path.stat().st_size - copy.stat().st_size
            os.truncate(self.path, 0)
            self._since_rotation = 0
        return unseen

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        os.close(self._handle)


def counted(server: QuickServer) -> Counter[str]:
    """Give the failures that the daemon has counted, by address; it has stopped."""
    database = sqlite3.connect(server.state / "logban.sqlite3")
    try:
        rows = database.execute("SELECT network, state FROM tracked WHERE jail = 'counting'")
        return Counter({str(network): len(json.loads(state)[0]) for network, state in rows})
    finally:
        database.close()


def source(server: QuickServer) -> Answer:
    """Give what ``status`` says of the log."""
    (found,) = cast("list[Answer]", server.ask("status")["sources"])
    return found


def has_read_all(server: QuickServer, path: Path) -> bool:
    """Tell whether the daemon is at the end of the file that has the name now."""
    log = source(server)
    return log["lag"] == 0 and log["offset"] == log["size"] == path.stat().st_size


def has_gone_on(server: QuickServer, truncations: int) -> bool:
    """Tell whether the daemon has noticed so many truncations and read from the log since."""
    log = source(server)
    return log["truncations"] == truncations and cast("int", log["offset"]) > 0


@pytest.fixture
def counting(jail: Callable[..., None]) -> None:
    jail("counting", maxretry="1000000", maxmatches="1", action="")


@pytest.mark.usefixtures("counting")
def test_by_renaming(server: QuickServer, tmp_path: Path, figures: list[str], factor: int) -> None:
    rotations = min(1000, ROTATIONS * factor)
    server.start()
    with Flood(tmp_path / "full") as flood:
        for number in range(1, rotations + 1):
            time.sleep(0.03)
            flood.rename(number)
    server.wait(lambda: has_read_all(server, flood.path))
    read = cast("int", server.jail("counting")["lines"])
    server.stop()
    found = counted(server)
    lost, doubled = flood.failures - found, found - flood.failures
    rate = flood.lines / (flood.ended - flood.begun)
    figures.append(
        f"{rotations} rotations by renaming under {rate:.0f} lines a second: {flood.lines} lines "
        f"written, {read} read; {flood.failures.total()} failures, {lost.total()} lost, "
        f"{doubled.total()} doubled"
    )
    assert read == flood.lines
    assert found == flood.failures


@pytest.mark.usefixtures("counting")
def test_by_copying_and_truncating(
    server: QuickServer, tmp_path: Path, figures: list[str], factor: int
) -> None:
    rotations = min(1000, ROTATIONS // 2 * factor)
    server.start()
    unseen = 0
    with Flood(tmp_path / "full") as flood:
        for number in range(1, rotations + 1):
            # Of what is truncated twice before anybody has read from it, nobody knows the copy.
            server.wait(lambda: has_gone_on(server, number - 1))  # noqa: B023  # it is called at once
            time.sleep(0.1)
            unseen += flood.copytruncate(number)
            if number > 5:
                flood.path.with_name(f"full.{number - 5}").unlink()
    server.wait(lambda: has_read_all(server, flood.path))
    read = cast("int", server.jail("counting")["lines"])
    server.stop()
    found = counted(server)
    lost, doubled = flood.failures - found, found - flood.failures
    rate = flood.lines / (flood.ended - flood.begun)
    line = len(asterisk_line("pbx.c: call 1 goes its way", level="V[1]"))
    figures.append(
        f"{rotations} rotations by copying and truncating under {rate:.0f} lines a second: "
        f"{flood.lines} lines written, {read} read, about {unseen // line} written between copy "
        f"and truncation; {flood.failures.total()} failures, {lost.total()} lost, "
        f"{doubled.total()} doubled"
    )
    assert doubled.total() == 0
    assert flood.lines - read <= unseen / line + 1
