# SPDX-License-Identifier: MIT
"""Two daemons must not keep bans in one kernel; a stranger's socket keeps none from it."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from logban.errors import TryAgain
from logban.running.claim import NAME, Claim
from logban.testing.namespaces import Namespace


@pytest.fixture
def space() -> Iterator[Namespace]:
    made = Namespace()
    try:
        yield made
    finally:
        made.remove()


def test_one_at_a_time(space: Namespace) -> None:
    with space.enter():
        first, second = Claim(), Claim()
        first.stake()
        first.stake()
        with pytest.raises(TryAgain, match="another logban"):
            second.stake()
        first.close()
        second.stake()
        second.close()


def test_in_another_namespace_there_is_another_kernel(space: Namespace) -> None:
    other = Namespace()
    first, second = Claim(), Claim()
    try:
        with space.enter():
            first.stake()
        with other.enter():
            second.stake()
    finally:
        first.close()
        second.close()
        other.remove()


def test_a_process_that_is_killed_has_none(space: Namespace) -> None:
    program = (
        "from logban.running.claim import Claim; c = Claim(); c.stake(); print(1, flush=True);"
        "input()"
    )
    command = ["ip", "netns", "exec", space.name, sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with space.enter():
            claim = Claim()
            with pytest.raises(TryAgain):
                claim.stake()
            other.kill()
            other.wait()
            claim.stake()
            claim.close()


BIND = "import socket; s = socket.socket(socket.AF_UNIX); s.bind('\\0logban/kernel');"
FILL = """
s.listen(0)
held = []
try:
    while True:
        held.append(socket.socket(socket.AF_UNIX)); held[-1].setblocking(False)
        held[-1].connect('\\0logban/kernel')
except BlockingIOError: pass
"""


@pytest.mark.parametrize(
    ("way", "who"),
    [
        ("s.listen()", "of user 65534 holds logban's name"),
        ("", "some process holds logban's name"),
        (FILL, "some process holds logban's name"),
    ],
    ids=["listening", "deaf", "full"],
)
def test_no_stranger_keeps_the_daemon_from_its_start(
    space: Namespace, caplog: pytest.LogCaptureFixture, way: str, who: str
) -> None:
    program = f"{BIND}{way}\nprint(1, flush=True); input()"
    nobody = ["setpriv", "--reuid", "65534", "--clear-groups", "/usr/bin/python3"]
    command = ["ip", "netns", "exec", space.name, *nobody, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout is not None
        stranger.stdout.readline()
        with space.enter():
            Claim().stake()
        stranger.kill()
    assert who in caplog.text


def test_who_has_just_ended_is_no_stranger(space: Namespace) -> None:
    """Between its last moment and ours, the name may be bound and nobody there."""
    with space.enter():
        taken = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        taken.bind(NAME)
        claim = Claim()
        closing = threading.Timer(0.1, taken.close)
        closing.start()
        claim.stake()
        closing.join()
        with pytest.raises(TryAgain):
            Claim().stake()
        claim.close()


def test_it_answers_however_often_it_has_been_asked(space: Namespace) -> None:
    """A second daemon that systemd starts again and again would fill the queue."""
    with space.enter():
        claim = Claim()
        claim.stake()
        for number in range(300):  # Python has 128 of them wait
            with pytest.raises(TryAgain, match="another logban"):
                Claim().stake()
            if number % 50 == 0:
                claim.turn_away()
        claim.close()
