# SPDX-License-Identifier: MIT
"""What the service manager is told, at a real datagram socket."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.sdnotify import RETRY_EVERY, TRIES, ServiceManager
from logban.testing.waiting import LIMIT


class Listener:
    """A service manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.settimeout(LIMIT)

    def told(self) -> list[str]:
        return self._socket.recv(65536).decode().split("\n")

    def is_silent(self) -> bool:
        self._socket.setblocking(False)
        try:
            self._socket.recv(65536)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Listener]:
    name = f"@logban-test-{os.getpid()}"
    made = Listener(name if request.param == "abstract" else str(tmp_path / "notify"))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("tell", "expected"),
    [
        (lambda manager: manager.ready(), ["READY=1"]),
        (lambda manager: manager.ready("3 jails"), ["READY=1", "STATUS=3 jails"]),
        (lambda manager: manager.stopping(), ["STOPPING=1"]),
        (lambda manager: manager.status("2 jails, 1 ban"), ["STATUS=2 jails, 1 ban"]),
        (lambda manager: manager.alive(), ["WATCHDOG=1"]),
        (lambda manager: manager.reloading(12.5), ["RELOADING=1", "MONOTONIC_USEC=12500000"]),
    ],
)
def test_it_is_told(
    listener: Listener, tell: Callable[[ServiceManager], None], expected: list[str]
) -> None:
    tell(ServiceManager.of({"NOTIFY_SOCKET": listener.address}, os.getpid()))
    assert listener.told() == expected
    assert listener.is_silent()


@given(st.text())
def test_a_status_is_one_line_and_changes_nothing_else(status: str) -> None:
    listener = Listener(f"@logban-test-{os.getpid()}-status")
    try:
        manager = ServiceManager(listener.address)
        manager.ready(status)
        first, *rest = listener.told()
    finally:
        listener.close()
    assert first == "READY=1"
    assert len(rest) <= 1
    assert all(line.startswith("STATUS=") for line in rest)


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}])
def test_nobody_wants_to_know(environment: dict[str, str]) -> None:
    manager = ServiceManager.of(environment, 7)
    manager.ready()
    manager.alive()
    assert manager.watchdog_seconds is None


def test_a_manager_that_is_gone_harms_nobody(tmp_path: Path) -> None:
    ServiceManager(str(tmp_path / "gone")).ready()
    ServiceManager("@logban-test-nobody").stopping()


class Timer:
    """Does what is to be done later when it is told to."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def __call__(self, seconds: float, do: Callable[[], None]) -> object:
        assert seconds == RETRY_EVERY
        return self.due.append(do)

    def tick(self) -> None:
        due, self.due = self.due, []
        for do in due:
            do()


def fill(listener: Listener) -> int:
    """Fill its queue as others do; give how many messages that took."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.connect(
            "\0" + listener.address[1:] if listener.address[0] == "@" else listener.address
        )
        other.setblocking(False)
        for number in range(1_000_000):
            try:
                other.send(b"OTHER=1")
            except BlockingIOError:
                return number
    raise AssertionError("it takes any number")


def test_what_a_full_queue_does_not_take_is_told_later_and_in_order(listener: Listener) -> None:
    timer = Timer()
    manager = ServiceManager(listener.address, later=timer)
    before = fill(listener)
    manager.reloading(12.5)
    manager.status("1 jail")
    manager.alive()
    timer.tick()
    assert len(timer.due) == 1, "one that tries again, however many wait"
    manager.alive()
    manager.status("2 jails")
    manager.ready()
    assert [listener.told() for _ in range(before)] == [["OTHER=1"]] * before
    timer.tick()
    assert [listener.told() for _ in range(4)] == [
        ["RELOADING=1", "MONOTONIC_USEC=12500000"],
        ["WATCHDOG=1"],
        ["STATUS=2 jails"],
        ["READY=1"],
    ]
    assert listener.is_silent()
    assert timer.due == []


def test_a_loop_tells_it_by_itself(tmp_path: Path) -> None:
    listener = Listener(str(tmp_path / "notify"))

    async def start() -> None:
        loop = asyncio.get_running_loop()
        manager = ServiceManager(listener.address, later=loop.call_later)
        before = fill(listener)
        manager.ready()
        told = [await asyncio.to_thread(listener.told) for _ in range(before + 1)]
        assert told[-1] == ["READY=1"]

    try:
        asyncio.run(start())
    finally:
        listener.close()


def test_it_is_given_up_in_the_end(listener: Listener, caplog: pytest.LogCaptureFixture) -> None:
    timer = Timer()
    manager = ServiceManager(listener.address, later=timer)
    fill(listener)
    for number in range(100):
        manager.stopping(str(number))
    for _ in range(TRIES):
        assert timer.due
        timer.tick()
    assert timer.due == []
    assert "takes nothing in" in caplog.text
    assert "STATUS=99" in caplog.text
    assert "STATUS=80" not in caplog.text, "what waits is bounded"
    while not listener.is_silent():
        pass
    manager.ready()
    assert listener.told() == ["READY=1"], "it is tried anew"


def test_no_descriptor_is_a_reason_to_try_again(listener: Listener) -> None:
    timer = Timer()
    manager = ServiceManager(listener.address, later=timer)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        manager.ready()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    timer.tick()
    assert listener.told() == ["READY=1"]


def test_a_manager_that_does_not_listen_holds_nobody_up(listener: Listener) -> None:
    manager = ServiceManager(listener.address)
    began = time.monotonic()
    for _ in range(5000):  # more than its queue takes
        manager.alive()
    assert time.monotonic() - began < 5
    assert listener.told() == ["WATCHDOG=1"]


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "²"}, None),
        ({"WATCHDOG_PID": "7"}, None),
    ],
)
def test_how_often_it_wants_to_hear(environment: dict[str, str], seconds: float | None) -> None:
    assert ServiceManager.of(environment, 7).watchdog_seconds == seconds


def test_the_time_of_a_reload_is_the_clocks() -> None:
    listener = Listener(f"@logban-test-{os.getpid()}-reload")
    try:
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        ServiceManager(listener.address).reloading(time.clock_gettime(time.CLOCK_MONOTONIC))
        told = listener.told()[1]
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    finally:
        listener.close()
    assert before - 1 <= int(told.removeprefix("MONOTONIC_USEC=")) <= after + 1
