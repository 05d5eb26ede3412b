# SPDX-License-Identifier: MIT
"""A real ``logban-server`` that is there in milliseconds: forked from a process that has imported.

For tests that start and kill it hundreds of times; nothing else about it differs.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Final, cast

from logban.testing.namespaces import Namespace
from logban.testing.running import IP, RunningServer, environment
from logban.testing.waiting import LIMIT, wait

_PRELOADED: Final = (
    "logban.server", "logban.actions.nftables.action", "logban.actions.mail.action",
    "logban.actions.command.action", "pyroute2", "sqlite3",
)  # fmt: skip


class Forked:
    """One daemon, seen as :class:`subprocess.Popen` shows a process."""

    def __init__(self, forker: Forker, pid: int) -> None:
        self._forker = forker
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        """Give its exit code, negative for a signal; None while it runs."""
        if self._code is None:
            self._code = cast("int | None", self._forker.ask(poll=self.pid))
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Give its exit code when it has ended; TimeoutExpired if that takes too long."""
        limit = LIMIT if timeout is None else timeout
        try:
            wait(lambda: self.poll() is not None, limit)
        except TimeoutError:
            raise subprocess.TimeoutExpired("logban-server", limit) from None
        return cast("int", self.poll())

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it."""
        self.send_signal(9)


class Forker:
    """The process from which daemons are forked, in a namespace."""

    def __init__(self, namespace: Namespace, more: dict[str, str]) -> None:
        command = [IP, "netns", "exec", namespace.name, sys.executable, "-m", __name__]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment() | more,
        )

    def ask(self, **request: object) -> object:
        """Have it do something and give its answer."""
        given, answers = self._process.stdin, self._process.stdout
        if given is None or answers is None:
            raise RuntimeError("it has no pipes")
        given.write(json.dumps(request) + "\n")
        given.flush()
        return cast("object", json.loads(answers.readline()))

    @contextmanager
    def with_descriptors(self, number: int) -> Iterator[None]:
        """Let what is forked meanwhile open that many files, until somebody allows it more."""
        kind = resource.RLIMIT_NOFILE
        before = resource.prlimit(self._process.pid, kind)
        resource.prlimit(self._process.pid, kind, (number, before[1]))
        try:
            yield
        finally:
            resource.prlimit(self._process.pid, kind, before)

    def close(self) -> None:
        """End it; daemons that still run are nobody's then."""
        self._process.communicate()


class QuickServer(RunningServer):
    """A :class:`RunningServer` whose daemon is forked."""

    def __init__(self, namespace: Namespace, directory: Path) -> None:
        super().__init__(namespace, directory)
        self._forker: Forker | None = None

    def launch(self) -> None:
        """Start it and return at once."""
        if self._forker is None:  # not before: it does not see what is mounted later
            self._forker = Forker(self.namespace, self.environment)
        pid = cast("int", self._forker.ask(start=self.words()[1:], log=str(self.log_file)))
        self._process = Forked(self._forker, pid)

    def few_descriptors(self, number: int) -> AbstractContextManager[None]:
        """Let a daemon that is started meanwhile open that many files; it has run before."""
        if self._forker is None:
            raise RuntimeError("nothing has been started yet")
        return self._forker.with_descriptors(number)

    def close(self) -> int:
        """Stop the daemon, give its exit code, and end the process that it came from."""
        code = self.stop()
        if self._forker is not None:
            self._forker.close()
        return code


def serve() -> None:
    """Fork daemons as stdin says."""
    for name in _PRELOADED:
        __import__(name)
    for line in sys.stdin:
        request = json.loads(line)
        if "poll" in request:
            pid, status = os.waitpid(request["poll"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if answer == 0:
                _become_daemon(request["start"], request["log"])
        print(json.dumps(answer), flush=True)  # noqa: T201  # it is the answer


def _become_daemon(words: list[str], log: str) -> None:
    code = 70  # EX_SOFTWARE
    with suppress(BaseException):
        nothing = os.open(os.devnull, os.O_RDWR)
        output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        for descriptor, number in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(descriptor, number)
        os.close(nothing)
        os.close(output)
        from logban import server  # noqa: PLC0415  # loaded by now, and not for those who only ask

        try:
            code = server.main(words)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            raise
    os._exit(code)


if __name__ == "__main__":
    serve()
