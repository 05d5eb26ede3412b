# SPDX-License-Identifier: MIT
"""A real Kamailio on the loopback, and a peer that sends it whatever an attacker might."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path

import pytest

from logban.config import load_filter
from logban.matching.matcher import Matcher
from logban.model import Block, Outcome, Position
from logban.testing.kamailio import find_program
from logban.testing.ports import free_port
from logban.testing.sip import Request
from logban.testing.waiting import LIMIT, wait

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "kamailio.md"
HERE = Path(__file__).parent
_PIECE = re.compile(r"^```kamailio ([\w-]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PLACE = re.compile(r"^#@ ([\w-]+)$", re.MULTILINE)
# Kamailio's head of a line on standard error, " 1(5108) ", which syslog replaces by its own.
_STDERR_HEAD = re.compile(rb"^ ?\d+\((\d+)\) (?=[A-Z]+: )", re.MULTILINE)
_USERS = (("alice", "secret"),)


def pieces() -> dict[str, str]:
    """Give the pieces of script in the documentation, by name."""
    return dict(_PIECE.findall(DOCUMENT.read_text()))


@dataclass(slots=True)
class Proxy:
    """A running Kamailio; ``log`` grows with what it writes to standard error."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]
    _marks: Iterator[int] = field(default_factory=lambda: iter(range(1, 1 << 16)))

    def exchange(
        self, data: bytes, source: str, port: int = 0, *, wait: bool = False, stream: bool = False
    ) -> bytes | None:
        """Send a packet, or the first bytes of a connection, and wait for an answer if told to."""
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        kind = socket.SOCK_STREAM if stream else socket.SOCK_DGRAM
        with socket.socket(family, kind) as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            peer.bind((source, port))
            peer.settimeout(LIMIT)
            peer.connect(("::1" if ":" in source else "127.0.0.1", self.port))
            peer.sendall(data)
            return peer.recv(65535) if wait else None

    def send(
        self, request: Request, source: str, port: int = 0, *, wait: bool = True
    ) -> bytes | None:
        """Send a request by UDP, and wait for the answer unless told not to."""
        return self.exchange(request.encoded(), source, port, wait=wait)

    def authenticate(
        self, request: Request, source: str, user: bytes, password: bytes, port: int = 0
    ) -> bytes | None:
        """Ask for a challenge and answer it."""
        challenge = self.send(request, source, port) or b""
        assert b" 401 " in challenge or b" 407 " in challenge, challenge
        return self.send(request.answering(challenge, user, password), source, port)

    def is_there(self) -> bool:
        """Tell whether it answers to packets, and takes connections, which it does later."""
        assert self.process.poll() is None, self.log.read_bytes()[-2000:]
        try:
            self.send(Request(), "127.0.0.1")
            socket.create_connection(("127.0.0.1", self.port), LIMIT).close()
        except ConnectionRefusedError:
            return False
        return True

    def wait_for(self, text: bytes, start: int = 0) -> bytes:
        """Give what was logged from ``start`` on, as soon as ``text`` is in it."""

        def look() -> bytes | None:
            logged = self.log.read_bytes()[start:]
            assert self.process.poll() is None, logged[-3000:]
            return logged if text in logged else None

        try:
            return wait(look)
        except TimeoutError:
            logged = self.log.read_bytes()[start:]
            raise AssertionError(f"{text!r} was not logged: {logged[-3000:]!r}") from None

    def flood(self, request: Request, source: str, logged: int) -> None:
        """Send packets until lines about their sender have been logged."""

        def is_logged() -> bool:
            for _ in range(60):
                self.send(request, source, wait=False)
            return self.log.read_bytes().count(source.encode()) >= logged

        wait(is_logged)

    def logged_during(self, act: Callable[[], object]) -> bytes:
        """Give what is logged because of the packets that ``act`` sends by UDP.

        Each family has a process of its own, and that logs one packet after the other.
        """
        start = self.log.stat().st_size
        act()
        logged, marks = b"", list[bytes]()
        for family in ("::1", "127.9.{}.{}"):
            number = next(self._marks)
            # Both scripts log this user agent, the one in hexadecimal digits and the other raw.
            mark = b"sipcli %d." % number
            source = family.format(number // 250, number % 250 + 1)
            request = Request(uri=b"sip:call@127.0.0.1", agent=mark)
            self.send(request, source, wait=False)
            marks.append(mark if self.log.stem == "guides" else mark.hex().encode())
            logged = self.wait_for(marks[-1], start)
        lines = logged.splitlines(keepends=True)
        return b"".join(line for line in lines if not any(mark in line for mark in marks))


@pytest.fixture(scope="session")
def as_syslog() -> Callable[[bytes], bytes]:
    """Give a way to write lines of standard error as rsyslog writes them to a file."""
    return lambda logged: _STDERR_HEAD.sub(rb"Nov 20 10:16:32 vm kamailio[\1]: ", logged)


@pytest.fixture(scope="session")
def request_of() -> type[Request]:
    """Give a way to make requests."""
    return Request


def written_script(name: str, port: int, directory: Path, prefix: str) -> Path:
    """Write a script of this folder with its pieces in their places."""
    parts = pieces()
    parts["listen"] = "".join(
        f"listen={transport}:{host}:{port}\n"
        for transport in ("udp", "tcp")
        for host in ("127.0.0.1", "[::1]")
    )
    text = _PLACE.sub(lambda place: parts[place[1]], (HERE / f"{name}.cfg").read_text())
    text = text.replace("DATABASE", f'"text://{directory}/database"')
    script = directory / f"{name}.cfg"
    script.write_text(text.replace("=PREFIX", f"={prefix}"))
    database = directory / "database"
    database.mkdir(exist_ok=True)
    (database / "version").write_text(
        "table_name(string) table_version(int)\nsubscriber:7\nversion:1\n"
    )
    rows = "".join(f"{user}:example.org:{password}\n" for user, password in _USERS)
    (database / "subscriber").write_text(
        "username(string) domain(string) password(string)\n" + rows
    )
    return script


@dataclass(frozen=True, slots=True)
class Checked:
    """What Kamailio says to a script that it only checks."""

    accepted: bool
    errors: str


def checked_script(script: Path) -> Checked:
    """Let Kamailio check a script without running it."""
    command = [find_program(), "-c", "-f", str(script)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=LIMIT)
    errors = done.stderr.decode(errors="replace")
    return Checked(done.returncode == 0 and "ERROR:" not in errors, errors)


@pytest.fixture(scope="session")
def documented() -> dict[str, str]:
    """Give the pieces of script in the documentation, by name."""
    return pieces()


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Give a way to write a script of this folder with its pieces in their places."""
    return lambda name: written_script(name, free_port(), tmp_path, '""')


@pytest.fixture
def check() -> Callable[[Path], Checked]:
    """Give a way to let Kamailio check a script."""
    return checked_script


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Proxy]]:
    """Give a way to start Kamailio with a script of this folder; it is stopped in the end."""
    running: list[Proxy] = []

    def started(name: str, *options: str, prefix: str = '""') -> Proxy:
        port = free_port()
        script = written_script(name, port, tmp_path, prefix)
        log = tmp_path / f"{name}.log"
        command = [find_program(), "-f", str(script), "-DD", "-E", "-m", "32", "-M", "4"]
        command += ["-Y", str(tmp_path), "-P", str(tmp_path / "pid"), *options]
        with log.open("wb") as standard_error:
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=standard_error, start_new_session=True
            )
        proxy = Proxy(port, log, process)
        running.append(proxy)
        wait(proxy.is_there)
        return proxy

    yield started
    for proxy in running:
        proxy.process.terminate()
        try:
            proxy.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            # Killed, it would leave its children behind; they are in a session of their own.
            os.killpg(proxy.process.pid, signal.SIGKILL)
            proxy.process.wait()


@pytest.fixture
def failures_of() -> Callable[[str, bytes], list[Outcome]]:
    """Give the failures, and the successes, that a shipped filter finds in some lines."""

    def found(name: str, data: bytes) -> list[Outcome]:
        reading = load_filter(name, ROOT)
        assert reading.definition is not None, reading.problems
        matcher = Matcher(reading.definition, zone=UTC)
        nowhere = Position("log", 0, 0, 0, b"", 0)
        return matcher.match(Block("log", data, 0, live=True, position=nowhere), 1795180000.0)

    return found
