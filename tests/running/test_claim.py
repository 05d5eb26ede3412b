# SPDX-License-Identifier: MIT
"""Two daemons must not keep bans in one kernel; a stranger's socket keeps none from it."""

from __future__ import annotations

import socket
import subprocess
import sys
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


def test_one_who_listens_to_nobody(space: Namespace) -> None:
    with space.enter(), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as taken:
        taken.bind(NAME)
        with pytest.raises(TryAgain, match="starting or ending"):
            Claim().stake()


def test_a_strangers_name_is_passed_over(
    space: Namespace, caplog: pytest.LogCaptureFixture
) -> None:
    program = (
        "import socket; s = socket.socket(socket.AF_UNIX); s.bind('\\0logban/kernel'); s.listen();"
        "print(1, flush=True); input()"
    )
    nobody = ["setpriv", "--reuid", "65534", "--clear-groups", "/usr/bin/python3"]
    command = ["ip", "netns", "exec", space.name, *nobody, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout is not None
        stranger.stdout.readline()
        with space.enter():
            Claim().stake()
        stranger.kill()
    assert "of user 65534 holds logban's name" in caplog.text
