# SPDX-License-Identifier: MIT
"""A real ``logban-server`` in a namespace of the tests', and the real ``logban-client`` for it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar, cast

from logban.client.connection import ask
from logban.control.protocol import Request
from logban.errors import DaemonNotRunning, TryAgain
from logban.testing import waiting
from logban.testing.namespaces import Namespace
from logban.testing.waiting import LIMIT

T = TypeVar("T")
Answer = dict[str, "object"]

IP = shutil.which("ip") or "/usr/sbin/ip"
_SETPRIV = shutil.which("setpriv") or "/usr/bin/setpriv"
_BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Finished:
    """How a run of a program ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Answer:
        """Give its output as the object that it is."""
        return cast("Answer", json.loads(self.out))


class Process(Protocol):
    """As much of a process as is needed to end it."""

    @property
    def pid(self) -> int:
        """Its number."""
        ...

    def poll(self) -> int | None:
        """Give its exit code; None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Give its exit code when it has ended; TimeoutExpired if that takes too long."""
        ...

    def send_signal(self, number: int, /) -> None:
        """Send it a signal."""
        ...

    def kill(self) -> None:
        """End it."""
        ...


class RunningServer:
    """A daemon with a configuration directory, a state and a socket of its own under one folder.

    It is started, stopped, killed and started again as often as a test likes; all that it logs is
    in ``log``.
    """

    def __init__(self, namespace: Namespace, directory: Path, user: int | None = None) -> None:
        """``user`` is whom it runs as, with the capabilities of logban's unit and no groups."""
        self.namespace = namespace
        self.config = directory / "etc"
        self.state = directory / "state"
        self.socket = directory / "s"  # short, for a socket's path may have 107 bytes
        self.log_file = directory / "server.log"
        self.environment: dict[str, str] = {}
        """What the daemon is started with besides the usual."""
        self._process: Process | None = None
        self._as_user: tuple[str, ...] = ()
        for part in ("jails.d", "filters.d"):
            (self.config / part).mkdir(parents=True)
        if user is not None:
            self.state.mkdir()
            for path in (directory, self.state):
                os.chown(path, user, user)
            words = ["--reuid", str(user), "--regid", str(user), "--clear-groups"]
            words += ["--inh-caps", "+net_admin,+net_raw", "--ambient-caps", "+net_admin,+net_raw"]
            self._as_user = (_SETPRIV, *words)

    @property
    def pid(self) -> int:
        """The number of its process."""
        if self._process is None:
            raise RuntimeError("it has not been started")
        return self._process.pid

    @property
    def log(self) -> str:
        """All that it has logged so far, over all its runs."""
        return self.log_file.read_text("utf-8") if self.log_file.exists() else ""

    def write(self, name: str, text: str) -> Path:
        """Write a file of the configuration."""
        path = self.config / name
        path.write_text(text, "utf-8")
        return path

    def write_jail(self, name: str, settings: Mapping[str, str]) -> Path:
        """Write a jail's file."""
        lines = [f"{key} = {value}" for key, value in settings.items()]
        return self.write(f"jails.d/{name}.conf", "\n".join([f"[{name}]", *lines, ""]))

    def start(self) -> None:
        """Start it, and return when it answers at its socket; RuntimeError if it ends instead."""
        self.launch()
        self.wait(self._answers)

    def launch(self) -> None:
        """Start it and return at once."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment() | self.environment,
            )

    def command(self) -> list[str]:
        """Give the words that start it."""
        return [*(IP, "netns", "exec", self.namespace.name), *self._as_user, *self.words()]

    def words(self) -> list[str]:
        """Give the words that start it where one is in its namespace already."""
        return [
            *(str(_BIN / "logban-server"), "--config", str(self.config)),
            *("--state", str(self.state), "--socket", str(self.socket)),
        ]

    def run(self, *options: str) -> Finished:
        """Run the program with an option by which it ends by itself."""
        done = subprocess.run(
            [*self.command(), *options],
            check=False,
            capture_output=True,
            text=True,
            env=environment() | self.environment,
            timeout=LIMIT,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def stop(self) -> int:
        """Tell it to stop and give its exit code; killed if it does not get there."""
        return self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would."""
        self.signal(signal.SIGKILL)

    def restart(self) -> None:
        """Stop it and start it again."""
        self.stop()
        self.start()

    def signal(self, number: signal.Signals) -> int:
        """Send it a signal that ends it and give the exit code, negative for a signal."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        try:
            return process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def hang_up(self) -> None:
        """Send it SIGHUP: it is to read its configuration anew."""
        os.kill(self.pid, signal.SIGHUP)

    def ask(self, command: str, **arguments: object) -> Answer:
        """Ask at the socket directly; LogbanError where the daemon refuses."""
        return ask(self.socket, Request(command, arguments))

    def client(self, *words: str, given: str | None = None) -> Finished:
        """Run logban-client."""
        command = [str(_BIN / "logban-client"), "--socket", str(self.socket)]
        command += ["--config", str(self.config), *words]
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            input=given,
            env=environment(),
            timeout=LIMIT,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def check(self) -> Finished:
        """Run ``logban-server --check`` on the configuration."""
        command = [str(_BIN / "logban-server"), "--check", "--config", str(self.config)]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, env=environment(), timeout=LIMIT
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def jail(self, name: str) -> Answer:
        """Give what ``status`` says of a jail."""
        return cast("Answer", self.ask("status", jail=name)["jail"])

    def bans(self) -> dict[str, Answer]:
        """Give the bans in force, by what they are on."""
        bans = cast("list[Answer]", self.ask("banned")["bans"])
        found = {}
        for ban in bans:
            subject = cast("dict[str, str]", ban["subject"])
            found[subject.get("ip") or subject["net"]] = ban
        return found

    def ban_of(self, subject: str, seconds: float = LIMIT) -> Answer:
        """Wait until a subject is banned and every enforcer says so; give the ban."""

        def look() -> Answer | None:
            ban = self.bans().get(subject)
            return ban if ban is not None and ban["in_force"] is not False else None

        return self.wait(look, seconds)

    def ban_by_hand(self, address: str, jail: str, seconds: float) -> float:
        """Ban an address and give the time when that ends."""
        subject = {"kind": "ip", "ip": address}
        answer = self.ask("ban", subjects=[subject], jail=jail, seconds=seconds)
        (ban,) = cast("list[Answer]", answer["bans"])
        return cast("float", ban["until"])

    def ban_briefly(self, address: str, jail: str, is_banned: Callable[[], bool]) -> float:
        """Ban for a second, or for as long as this machine takes to see it; give the end."""
        for seconds in (1, 4, 16, 64):
            until = self.ban_by_hand(address, jail, seconds)
            while True:
                if is_banned():
                    return until
                if time.time() > until:
                    break
        raise TimeoutError(f"{address} was banned for a minute, and nothing of it to be seen")

    def wait(self, look: Callable[[], T | None], seconds: float = LIMIT) -> T:
        """Look again and again until there is something to be seen; give that."""

        def watched() -> T | None:
            seen = look()
            if not seen and self._process is not None and self._process.poll() is not None:
                raise RuntimeError(f"logban-server has ended:\n{self.log[-4000:]}")
            return seen

        try:
            return waiting.wait(watched, seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; its log:\n{self.log[-4000:]}") from None

    def _answers(self) -> bool:
        try:
            self.ask("ping")
        except (DaemonNotRunning, TryAgain):
            return False
        return True


def environment() -> dict[str, str]:
    """Give what programs are started with."""
    usual = {"PATH": os.environ["PATH"], "TZ": "UTC", "LC_ALL": "C.UTF-8"}
    kept = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
    return usual | {name: os.environ[name] for name in kept if name in os.environ}
