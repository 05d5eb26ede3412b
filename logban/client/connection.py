# SPDX-License-Identifier: MIT
"""One question to the daemon over its socket."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

from logban.control.protocol import Request, decode_answer, encode_request
from logban.errors import DaemonNotRunning, NotPermitted, TryAgain

ANSWER_SECONDS = 60.0
"""How long the daemon may be silent; lifting 100 000 bans takes its time."""

_CHUNK = 1 << 18


def ask(path: Path, request: Request, seconds: float = ANSWER_SECONDS) -> dict[str, object]:
    """Give the daemon's answer, an object with "ok" true.

    Refused if the daemon refuses; DaemonNotRunning, NotPermitted or TryAgain if it can't be
    asked; MalformedAnswer if what answers there is no logban.
    """
    question = encode_request(request)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        _connect(connection, path)
        try:
            _send(connection, question)
            return decode_answer(_receive_line(connection))
        except TimeoutError as error:
            raise TryAgain(
                f"the daemon at {path} has not answered for {seconds:g} s; it may be very busy: "
                "see its log (journalctl -u logban) and try again"
            ) from error
        except (ConnectionError, EOFError) as error:
            raise TryAgain(
                f"the daemon at {path} closed the connection before it had answered; it may be "
                "stopping: see systemctl status logban"
            ) from error


def _connect(connection: socket.socket, path: Path) -> None:
    try:
        connection.connect(os.fspath(path))
    except PermissionError as error:
        raise NotPermitted(
            f"{path}: you may not talk to logban; become root, or have yourself added to its "
            "group (usermod -aG logban YOU) and log in again"
        ) from error
    except (BlockingIOError, TimeoutError) as error:
        raise TryAgain(f"the daemon at {path} is too busy to answer; try again") from error
    except OSError as error:
        raise DaemonNotRunning(
            f"logban is not running: nobody answers at {path} ({error.strerror or error}); "
            "see systemctl status logban, or give the socket's path with --socket"
        ) from error


def _send(connection: socket.socket, question: bytes) -> None:
    # Refused unread, the request has an answer all the same, and it says why.
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(question)


def _receive_line(connection: socket.socket) -> bytes:
    chunks: list[bytes] = []
    while not (chunks and chunks[-1].endswith(b"\n")):
        chunk = connection.recv(_CHUNK)
        if not chunk:
            raise EOFError
        chunks.append(chunk)
    return b"".join(chunks)
