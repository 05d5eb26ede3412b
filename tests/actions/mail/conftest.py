# SPDX-License-Identifier: MIT
"""What mails are handed to: an SMTP server, with its certificate and password, and sendmail."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from logban.actions.mail.server import Endpoint
from logban.testing.mails import (
    SECRET,
)


class Server:
    """The SMTP server of ``smtp_server.py``, running."""

    def __init__(self, *options: str) -> None:
        program = Path(__file__).parents[1] / "smtp_server.py"
        self._process = subprocess.Popen(
            (sys.executable, "-W", "ignore", program, *options), stdout=subprocess.PIPE, text=True
        )
        self.endpoint = Endpoint("127.0.0.1", self.told()["port"])

    def told(self) -> dict:
        """Give the next thing that the server tells, waiting for it."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], 20)
        assert ready, "the server told nothing"
        return json.loads(self._process.stdout.readline())

    def end(self) -> list[dict]:
        """Stop the server; give what it had still to tell."""
        if self._process.returncode is not None:
            return []
        self._process.kill()
        rest, _ = self._process.communicate()
        return [json.loads(line) for line in rest.splitlines()]


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*options: str) -> Server:
        servers.append(Server(*options))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody has signed but itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.touch(0o600)
    path.write_text(f"{SECRET}\n")
    return path


@pytest.fixture
def sendmail(tmp_path: Path) -> Path:
    """A sendmail program that keeps its arguments and its input."""
    path = tmp_path / "sendmail"
    path.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/arguments\ncat > {tmp_path}/message\n'
    )
    path.chmod(0o755)
    return path
