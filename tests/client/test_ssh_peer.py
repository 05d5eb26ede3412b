# SPDX-License-Identifier: MIT
"""Whom --me means: told by sshd, through sudo too, and believed while the connection stands."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from logban.client.ssh_peer import ssh_peer
from logban.errors import UsageError

PROC = Path("/proc")
ASK = (
    "import os, pathlib; from logban.client.ssh_peer import ssh_peer; "
    "print(ssh_peer(os.environ, os.getpid(), pathlib.Path('/proc')))"
)


@pytest.fixture(params=["127.0.0.1", "::1"])
def session(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give SSH_CONNECTION of a connection that stands."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.create_server((request.param, 0), family=family) as server:
        port = server.getsockname()[1]
        with socket.create_connection((request.param, port)) as peer, server.accept()[0]:
            yield f"{request.param} {peer.getsockname()[1]} {request.param} {port}"


def test_the_session_of_this_process(session: str) -> None:
    address, port, _, here = session.split()
    assert ssh_peer({"SSH_CONNECTION": session}, os.getpid(), PROC) == address
    assert ssh_peer({"SSH_CLIENT": f"{address} {port} {here}"}, os.getpid(), PROC) == address


def test_a_program_that_drops_the_environment_lies_between(session: str) -> None:
    inner = f"import subprocess; subprocess.run([{sys.executable!r}, '-c', {ASK!r}], env={{}})"
    done = subprocess.run(
        [sys.executable, "-c", inner],
        env={"SSH_CONNECTION": session},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"{session.split(maxsplit=1)[0]}\n"


def test_a_session_that_is_over_is_not_believed(session: str) -> None:
    address, port, _, here = session.split()
    for stale in (f"{address} {int(port) ^ 1} {address} {here}", f"192.0.2.1 {port} {address} 22"):
        with pytest.raises(UsageError, match="that this shell belonged to is over"):
            ssh_peer({"SSH_CONNECTION": stale}, os.getpid(), PROC)


@pytest.mark.parametrize("told", ["nonsense", "fe80::1%eth0 5 fe80::2%eth0 22", "192.0.2.1 x y z"])
def test_what_names_no_address(told: str) -> None:
    with pytest.raises(UsageError, match="names no address that can be exempted"):
        ssh_peer({"SSH_CONNECTION": told}, os.getpid(), PROC)


def process(proc: Path, pid: int, parent: int, environ: bytes | None) -> None:
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "stat").write_text(f"{pid} (a ) b) S {parent} 1 1 0 -1")
    if environ is not None:
        (proc / str(pid) / "environ").write_bytes(environ)


def test_no_session_at_all(tmp_path: Path) -> None:
    process(tmp_path, 30, 20, b"HOME=/root\0")
    process(tmp_path, 20, 10, None)  # may not be read
    process(tmp_path, 10, 1, b"\xff=\0broken")
    for pid in (30, 10, 99):
        with pytest.raises(UsageError, match="this is no SSH session"):
            ssh_peer({}, pid, tmp_path)


def test_the_nearest_process_tells(tmp_path: Path) -> None:
    process(tmp_path, 30, 20, b"HOME=/root\0")
    process(tmp_path, 20, 10, b"A=1\0SSH_CONNECTION=198.51.100.7 4660 192.0.2.1 22\0B=2\0")
    process(tmp_path, 10, 1, b"SSH_CONNECTION=203.0.113.50 1 192.0.2.1 22\0")
    (tmp_path / "net").mkdir()
    header = "  sl  local_address rem_address   st tx_queue rx_queue tr\n"
    line = "   0: 010200C0:0016 076433C6:1234 01 00000000:00000000 00:00000000\n"
    (tmp_path / "net/tcp").write_text(header + line.replace(" 01 ", " 06 ", 1))
    with pytest.raises(UsageError, match="is over"):
        ssh_peer({}, 30, tmp_path)
    (tmp_path / "net/tcp").write_text(header + line)
    assert ssh_peer({}, 30, tmp_path) == "198.51.100.7"


def test_a_mapped_address_is_ipv4(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    mapped = "0000000000000000FFFF0000076433C6"
    (tmp_path / "net/tcp6").write_text(f"header\n   0: {mapped}:0016 {mapped}:1234 01 0:0\n")
    environ = {"SSH_CONNECTION": "::ffff:198.51.100.7 4660 ::ffff:192.0.2.1 22"}
    assert ssh_peer(environ, 99, tmp_path) == "198.51.100.7"
