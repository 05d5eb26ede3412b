# SPDX-License-Identifier: MIT
"""One question to daemons that behave, and to things that are none."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import contextmanager

import pytest

from logban.client.connection import ask
from logban.control.protocol import MalformedAnswer, Refused, Request
from logban.errors import DaemonNotRunning, NotPermitted, TryAgain, UsageError
from logban.testing.waiting import LIMIT

PING = Request("ping")
REFUSAL = b'{"schema":"logban/1","ok":false,"error":{"message":"m","exit_code":4,"kind":"k"}}\n'


@pytest.fixture
def path(folder):
    return folder / "logban.sock"


@contextmanager
def answering(path, *pieces, read=True):
    """Serve one client: read what it sends (or not), send the pieces, hang up."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve():
        connection, _ = listener.accept()
        with connection:
            if read:
                while not connection.recv(1 << 20).endswith(b"\n"):
                    pass
            for piece in pieces:
                connection.sendall(piece)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        thread.join(LIMIT)
        listener.close()


def test_an_answer_may_come_in_pieces(path):
    with answering(path, b'{"schema":"logban/1",', b'"ok":', b'true,"a":1}', b"\n"):
        assert ask(path, PING) == {"schema": "logban/1", "ok": True, "a": 1}


def test_a_long_answer_comes_whole(path):
    text = "x" * 3_000_000
    with answering(path, f'{{"schema":"logban/1","ok":true,"a":"{text}"}}\n'.encode()):
        assert ask(path, PING)["a"] == text


def test_a_refusal_is_raised(path):
    with answering(path, REFUSAL), pytest.raises(Refused) as caught:
        ask(path, PING)
    assert caught.value.refusal.exit_code == 4


def test_a_refusal_before_the_request_was_read_is_raised(path):
    with answering(path, REFUSAL, read=False), pytest.raises(Refused):
        ask(path, Request("ban", {"reason": "x" * 900_000}))


@pytest.mark.parametrize("pieces", [[], [b'{"schema":"logban/1","ok":true']])
def test_a_daemon_that_hangs_up_is_told(path, pieces):
    with answering(path, *pieces), pytest.raises(TryAgain, match="closed the connection"):
        ask(path, PING)


def test_what_is_no_logban_is_told(path):
    with answering(path, b"220 smtp.example.net ESMTP\n"), pytest.raises(MalformedAnswer):
        ask(path, PING)


def test_a_daemon_that_is_silent_is_told(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(TryAgain, match=r"has not answered for 0\.05 s"):
            ask(path, PING, seconds=0.05)


def test_a_daemon_that_is_too_busy_is_told(path):
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as waiting:
        listener.bind(str(path))
        listener.listen(0)
        waiting.connect(str(path))
        with pytest.raises(TryAgain, match="too busy"):
            ask(path, PING, seconds=0.05)


def test_a_socket_left_behind_means_not_running(path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(DaemonNotRunning, match=r"Connection refused"):
        ask(path, PING)


def test_a_path_that_can_be_no_socket_means_not_running(folder):
    with pytest.raises(DaemonNotRunning, match="AF_UNIX path too long"):
        ask(folder / ("x" * 200), PING)
    (folder / "file").touch()
    with pytest.raises(DaemonNotRunning, match="Not a directory"):
        ask(folder / "file" / "logban.sock", PING)


def test_who_may_not_connect_is_told(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0o600)
        os.seteuid(65534)
        try:
            with pytest.raises(NotPermitted, match="you may not talk to logban"):
                ask(path, PING)
        finally:
            os.seteuid(0)


def test_a_request_that_is_too_long_is_not_sent(path):
    with pytest.raises(UsageError, match="fewer"):
        ask(path, Request("ban", {"reason": "x" * 2_000_000}))
