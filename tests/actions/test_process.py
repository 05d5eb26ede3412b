# SPDX-License-Identifier: MIT
"""Tests of :mod:`logban.actions.process`."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import pytest

from logban.actions.process import ENVIRONMENT, run
from logban.testing.waiting import LIMIT


def shell(script: str, **options) -> object:
    return run(("sh", "-c", script), **{"timeout": LIMIT, "limit": 1000, **options})


def test_output_of_both_kinds_and_the_exit_code_come_back() -> None:
    finished = shell("echo one; echo two >&2; exit 3")
    assert (finished.code, finished.output) == (3, b"one\ntwo\n")
    assert not finished.timed_out
    assert not finished.overflowed


def test_a_program_that_is_not_there_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError):
        run(("/nonexistent/program",), timeout=1.0, limit=10)


def test_a_large_input_goes_through_while_output_comes() -> None:
    """Neither side waits for the other for ever."""
    given = os.urandom(3_000_000)
    finished = run(("cat",), timeout=LIMIT, limit=len(given), given=given)
    assert finished.output == given


def test_a_program_that_does_not_read_its_input_is_no_error() -> None:
    finished = shell("exec 0<&-; echo done", given=b"x" * 1_000_000)
    assert (finished.code, finished.output) == (0, b"done\n")


def test_without_input_stdin_is_empty() -> None:
    assert shell("cat; echo end").output == b"end\n"


def test_output_above_the_limit_is_thrown_away() -> None:
    finished = shell("head -c 500000 /dev/zero", limit=1000)
    assert finished.output == bytes(1000)
    assert finished.overflowed
    assert (finished.code, finished.timed_out) == (0, False)


def test_output_of_exactly_the_limit_is_no_overflow() -> None:
    assert not shell("head -c 1000 /dev/zero", limit=1000).overflowed


def test_an_endless_program_is_ended_when_it_has_said_enough() -> None:
    finished = run(("yes",), timeout=LIMIT, limit=1000, end_when_full=True)
    assert finished.output == b"y\n" * 500
    assert finished.overflowed
    assert not finished.timed_out
    assert finished.code < 0


def test_the_time_limit_ends_the_whole_group(tmp_path: Path) -> None:
    """Also what a program has started, and what does not listen to SIGTERM."""
    line = tmp_path / "line"
    os.mkfifo(line)
    reader = os.open(line, os.O_RDONLY | os.O_NONBLOCK)
    stubborn = "trap '' TERM; while :; do sleep 1; done"
    script = f"({stubborn.replace(';', f'; exec 3>{line}; echo up >&3;', 1)}) & {stubborn}"
    try:
        for seconds in (1.5, 6.0, 24.0):  # until both are there
            finished = shell(script, timeout=seconds)
            assert finished.timed_out
            told = os.read(reader, 100) if select.select([reader], [], [], 1)[0] else b""
            if (finished.code, told) == (-signal.SIGKILL, b"up\n"):
                break
        else:
            pytest.fail("one of the two has never come to its trap")
        # The end of the pipe comes when the last of those who hold it is gone.
        ready, _, _ = select.select([reader], [], [], LIMIT)
        assert ready
        assert os.read(reader, 100) == b""
    finally:
        os.close(reader)


def test_a_program_that_listens_is_given_time_to_clean_up() -> None:
    for seconds in (0.5, 2.0, 8.0):  # until it has set its trap
        finished = shell("trap 'echo cleaned; exit 7' TERM; sleep 90 & wait", timeout=seconds)
        assert finished.timed_out
        if finished.code == 7:
            break
    assert (finished.code, finished.output) == (7, b"cleaned\n")


def test_what_a_program_leaves_running_is_not_waited_for(tmp_path: Path) -> None:
    """A daemon that holds on to stdout does not hold us."""
    pid = tmp_path / "pid"
    finished = shell(f"sleep 600 & echo $! > {pid}; echo started")
    assert finished.output == b"started\n"
    os.kill(int(pid.read_text()), signal.SIGKILL)  # which fails if it has ended


def test_the_environment_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that the daemon was started with is handed on."""
    monkeypatch.setenv("LOGBAN_SECRET", "x")
    output = run(("env",), timeout=LIMIT, limit=10_000).output.decode()
    assert dict(line.split("=", 1) for line in output.splitlines()) == dict(ENVIRONMENT)


def test_no_descriptor_is_left_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        shell("cat", given=b"x")
        run(("yes",), timeout=LIMIT, limit=10, end_when_full=True)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
