# SPDX-License-Identifier: MIT
"""A host of the tests' own with a daemon on it, and somebody who attacks it.  Root is needed."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from queue import Queue

import pytest

from logban.testing.lines import LogFile
from logban.testing.namespaces import Namespace, Network
from logban.testing.running import RunningServer
from logban.testing.waiting import LIMIT

SMTP_SERVER = Path(__file__).parents[1] / "actions" / "smtp_server.py"
FILTERS = Path(__file__).parents[2] / "filters.d"


@pytest.fixture
def server(network: Network, tmp_path: Path) -> Iterator[RunningServer]:
    """Give a daemon that is not started yet, with the shipped filters; it must never crash."""
    made = RunningServer(network.host, tmp_path)
    shutil.copytree(FILTERS, made.config / "filters.d", dirs_exist_ok=True)
    try:
        yield made
    finally:
        code = made.stop()
    assert "Traceback" not in made.log
    assert code == 0


@pytest.fixture
def jail(server: RunningServer, log: LogFile) -> Callable[..., None]:
    """Give a way to write a jail: the usual settings, and what a test says instead."""

    def write(name: str = "pbx", **settings: str) -> None:
        usual = {
            "enabled": "true",
            "filter": "asterisk",
            "logpath": str(log.path),
            "maxretry": "5",
            "findtime": "600",
            "bantime": "3600",
        }
        server.write_jail(name, usual | settings)

    return write


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    """Give a namespace that the test is in itself, and all that it starts."""
    made = Namespace()
    try:
        with made.enter():
            yield made
    finally:
        made.remove()


@pytest.fixture
def etc(network: Network) -> Iterator[Path]:
    """Give the folder whose files the host has in the place of those in /etc (ip-netns(8))."""
    folder = Path("/etc/netns", network.host.name)
    had_parent = folder.parent.exists()
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder)
    if not had_parent:
        with suppress(OSError):  # another test run may be using it by now
            folder.parent.rmdir()


@dataclass
class Post:
    """A real SMTP server on the host, and the mails that it took, as they come."""

    place: str
    mails: Queue[tuple[list[str], EmailMessage]] = field(default_factory=Queue)

    def next(self, seconds: float = LIMIT) -> tuple[list[str], EmailMessage]:
        """Give the recipients of the next mail, and the mail; queue.Empty if none comes."""
        return self.mails.get(timeout=seconds)

    def read(self, lines: Iterator[str]) -> None:
        for line in lines:
            told = json.loads(line)
            mail = message_from_bytes(base64.b64decode(told["data"]), policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.put((told["recipients"], mail))


@pytest.fixture
def post_office(network: Network) -> Callable[..., object]:
    """Give a way to run an SMTP server on the host, at any port or at a certain one."""

    @contextmanager
    def run(port: int = 0) -> Iterator[Post]:
        command = ["ip", "netns", "exec", network.host.name, sys.executable, str(SMTP_SERVER)]
        command += ["--port", str(port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            post = Post(f"127.0.0.1:{json.loads(process.stdout.readline())['port']}")
            reader = threading.Thread(target=post.read, args=(iter(process.stdout),))
            reader.start()
            try:
                yield post
            finally:
                process.terminate()
                process.wait(LIMIT)
                reader.join()

    return run


@pytest.fixture
def post(post_office: Callable[..., object]) -> Iterator[Post]:
    with post_office() as running:  # type: ignore[attr-defined]  # a context manager
        yield running


@pytest.fixture
def whois(network: Network) -> Iterator[list[str]]:
    """Run a whois server (RFC 3912) at the host's 127.0.0.1; give what it is asked."""
    asked: list[str] = []
    with _listener(network.host, 43) as listener:

        def answer() -> None:
            with suppress(OSError):  # closed at the end
                while True:
                    client, _ = listener.accept()
                    with client:
                        question = client.recv(100).decode().strip()
                        asked.append(question)
                        client.sendall(f"netname: EVIL-NET\r\nfor: {question}\r\n".encode())

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield asked
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def _listener(space: Namespace, port: int) -> Iterator[socket.socket]:
    with space.tcp("127.0.0.1", port) as listener:
        listener.settimeout(None)
        listener.listen()
        yield listener


@pytest.fixture
def nothing_arrives(network: Network) -> Callable[[str], AbstractContextManager[None]]:
    """Give a way to send without a pause, and to fail if anything gets to the host meanwhile."""

    @contextmanager
    def watch(source: str) -> Iterator[None]:
        over = threading.Event()
        arrived: list[bool] = []

        def send() -> None:
            while not over.is_set():
                arrived.append(network.arrives(source))

        thread = threading.Thread(target=send)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        assert len(arrived) > 10
        assert not any(arrived)

    return watch
