# SPDX-License-Identifier: MIT
"""Other programs, run without a shell and within bounds of time and output."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import IO

from logban.actions import capabilities

ENVIRONMENT: Mapping[str, str] = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/",
}
"""What every program is given, and nothing of the daemon's own."""

_CHUNK = 65536
_GRACE = 1.0  # seconds between asking a program to end and ending it


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended; ``output`` is the beginning of what it wrote, stdout and stderr in one.

    ``code`` is negative where a signal ended it.
    """

    code: int
    output: bytes
    timed_out: bool
    overflowed: bool


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    limit: int,
    given: bytes = b"",
    environment: Mapping[str, str] = ENVIRONMENT,
    end_when_full: bool = False,
    firewall: bool = False,
) -> Finished:
    """Run a program to its end; OSError if it can't be started.

    It has a process group of its own, which is ended after ``timeout`` seconds or, with
    ``end_when_full``, after ``limit`` bytes of output; without, what is more is thrown away.
    ``given`` is what it reads on stdin.  What it leaves running is not waited for.  With
    ``firewall`` it may change that as the daemon may; else it inherits no rights.
    """
    with capabilities.lent_to_programs() if firewall else nullcontext():
        started = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE if given else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd="/",
            start_new_session=True,
            bufsize=0,
        )
    with started as process:
        talk = _Talk(process, given, limit)
        ended = False
        try:
            ended = talk.until(time.monotonic() + timeout, end_when_full=end_when_full)
            if not ended:
                os.killpg(process.pid, signal.SIGTERM)
                talk.until(time.monotonic() + _GRACE, end_when_full=False)
        finally:
            if not ended:  # also where the program is gone by now: others of its group may not be
                os.killpg(process.pid, signal.SIGKILL)
            talk.close()
        code = process.wait()
    overflowed = talk.overflowed
    timed_out = not ended and not (overflowed and end_when_full)
    return Finished(code, bytes(talk.output), timed_out, overflowed)


class _Talk:
    """What is exchanged with a running program, until it has ended."""

    def __init__(self, process: subprocess.Popen[bytes], given: bytes, limit: int) -> None:
        self.output = bytearray()
        self.overflowed = False
        self._limit = limit
        self._given = memoryview(given)
        self._selector = selectors.DefaultSelector()
        self._stdin = process.stdin
        self._stdout = process.stdout
        if self._stdin is not None:
            os.set_blocking(self._stdin.fileno(), False)
            self._selector.register(self._stdin, selectors.EVENT_WRITE)
        if self._stdout is not None:
            os.set_blocking(self._stdout.fileno(), False)
            self._selector.register(self._stdout, selectors.EVENT_READ)
        # The end of stdout is not the end of the program, nor the other way round, so a thread
        # waits for the latter.  It leaves the zombie: while there is one, the process group's
        # number can't be another's, and killpg hits nobody else.
        self._ended, notice = os.pipe()
        self._selector.register(self._ended, selectors.EVENT_READ)
        self._waiter = threading.Thread(target=_tell_end, args=(process.pid, notice), daemon=True)
        self._waiter.start()

    def until(self, deadline: float, *, end_when_full: bool) -> bool:
        """Exchange until the program has ended; False if the deadline or the limit came first."""
        while not (end_when_full and self.overflowed):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            ready = {key.fileobj for key, _ in self._selector.select(left)}
            if self._stdin is not None and self._stdin in ready:
                self._write(self._stdin)
            if self._stdout is not None and self._stdout in ready:
                self._read(self._stdout)
            elif self._ended in ready:
                return True  # and nothing is left to be read
        return False

    def close(self) -> None:
        self._selector.close()
        self._waiter.join()
        os.close(self._ended)

    def _write(self, stdin: IO[bytes]) -> None:
        try:
            written = os.write(stdin.fileno(), self._given[:_CHUNK])
        except BlockingIOError:
            return
        except BrokenPipeError:  # it does not want to know more; its exit code will tell
            written = len(self._given)
        self._given = self._given[written:]
        if not self._given:
            self._selector.unregister(stdin)
            stdin.close()
            self._stdin = None

    def _read(self, stdout: IO[bytes]) -> None:
        chunk = os.read(stdout.fileno(), _CHUNK)
        if not chunk:
            self._selector.unregister(stdout)
            self._stdout = None
            return
        room = self._limit - len(self.output)
        self.output += chunk[:room]
        self.overflowed = self.overflowed or len(chunk) > room


def _tell_end(pid: int, notice: int) -> None:
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    finally:
        os.close(notice)
