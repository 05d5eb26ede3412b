# SPDX-License-Identifier: MIT
"""The ways to Kamailio's JSON-RPC: unix datagrams first, FIFO and HTTP as alternatives."""

from __future__ import annotations

import os
import secrets
import select
import socket
import stat
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from http.client import HTTPConnection, HTTPException
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from logban.actions.kamailio.rpc import (
    ANSWER_LIMIT,
    ANSWER_WITHIN,
    Answer,
    Call,
    Reply,
    Rpc,
    clogged,
    decode,
    encode,
    garbled,
    new_number,
    silent,
    unreachable,
)
from logban.deadline import connected

_WINDOW: Final = 8
"""Datagrams under way at a time: more than 11 and sending blocks (net.unix.max_dgram_qlen)."""

_DATAGRAM_LIMIT: Final = 1 << 18  # Kamailio's buffer has 128 KiB
_PIPE_BUF: Final = 4096  # a longer write to a FIFO may be mixed with somebody else's


class Way(StrEnum):
    """How requests get to Kamailio."""

    DATAGRAM = "dgram"
    FIFO = "fifo"
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class RpcAddress:
    """Where Kamailio's RPC is: a path, or a URL for HTTP."""

    way: Way
    target: str

    @classmethod
    def parse(cls, text: str) -> RpcAddress:
        """Read ``/path``, ``fifo:/path`` or ``http://host:port/path``; ValueError else."""
        written = text.strip()
        if written.startswith("http://"):
            parts = urlsplit(written)
            if not parts.hostname or parts.port == 0 or not written.isascii():
                raise ValueError(f"{text!r} names no host")
            return cls(Way.HTTP, written)
        way, path = Way.DATAGRAM, written
        if written.startswith("fifo:"):
            way, path = Way.FIFO, written.removeprefix("fifo:")
        if not path.startswith("/") or not path.isprintable():
            raise ValueError(
                f"{text!r} is no RPC socket; write an absolute path, fifo:/path or "
                "http://host:port/RPC"
            )
        return cls(way, path)

    def __str__(self) -> str:
        """Write it as it was written."""
        return f"fifo:{self.target}" if self.way is Way.FIFO else self.target


def open_rpc(
    address: RpcAddress, *, timeout: float = ANSWER_WITHIN, reply: Path | None = None
) -> Rpc:
    """Give a client; ``reply`` is the path for answers by datagram, the directory for the FIFO's.

    Without it a datagram client has an abstract address, which needs no rights but the same
    network namespace as Kamailio's.
    """
    match address.way:
        case Way.DATAGRAM:
            return Datagrams(address.target, timeout=timeout, reply=reply)
        case Way.FIFO:
            return Fifo(address.target, timeout=timeout, directory=reply or Path("/tmp"))  # noqa: S108  # jsonrpcs' fifo_reply_dir
        case Way.HTTP:
            return Http(address.target, timeout=timeout)


def open_for_long(address: RpcAddress, *, timeout: float = ANSWER_WITHIN) -> Rpc | None:
    """Give a client for answers that no datagram can hold; None where there is no way for them.

    Beside a datagram socket jsonrpcs usually has its FIFO.
    """
    if address.way is not Way.DATAGRAM:
        return open_rpc(address, timeout=timeout)
    beside = Path(address.target).with_suffix(".fifo")
    if not beside.is_fifo():
        return None
    return open_rpc(RpcAddress(Way.FIFO, str(beside)), timeout=max(5.0, timeout))


class Datagrams:
    """jsonrpcs' datagram socket: one datagram asks, one answers."""

    def __init__(
        self, path: str, *, timeout: float = ANSWER_WITHIN, reply: Path | None = None
    ) -> None:
        self.where = path
        self._timeout = timeout
        self._reply = reply
        self._buffer = bytearray(_DATAGRAM_LIMIT)
        self._socket: socket.socket | None = None

    def call_many(self, calls: Sequence[Call]) -> list[Answer]:
        """Keep some requests under way; the time limit is for each answer, not for all."""
        bound = self._opened()
        waiting = deque(enumerate(calls))
        under_way: dict[int, tuple[int, Call]] = {}
        answers: dict[int, Answer] = {}
        strays = 0
        end = time.monotonic() + self._timeout
        while waiting or under_way:
            while waiting and len(under_way) < _WINDOW:
                index, request = waiting.popleft()
                number = new_number()
                self._send(bound, encode(request, number), end)
                under_way[number] = index, request
            reply = self._receive(bound, end, strays)
            if reply is None or reply.number not in under_way:
                strays += 1  # the late answer to an older request, or somebody else's
                continue
            index, request = under_way.pop(reply.number)
            answers[index] = reply.answer(request)
            end = time.monotonic() + self._timeout
        return [answers[index] for index in range(len(calls))]

    def close(self) -> None:
        """Let go of the socket."""
        bound, self._socket = self._socket, None
        if bound is not None:
            bound.close()
            if self._reply is not None:
                self._reply.unlink(missing_ok=True)

    def _opened(self) -> socket.socket:
        if self._socket is not None:
            return self._socket
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            if self._reply is None:
                made.bind("")  # Linux chooses an abstract address
            else:
                with suppress(FileNotFoundError):
                    if stat.S_ISSOCK(self._reply.lstat().st_mode):
                        self._reply.unlink()
                made.bind(str(self._reply))
                self._reply.chmod(0o666)  # Kamailio's user answers there
        except OSError as error:
            made.close()
            raise unreachable(str(self._reply), error) from error
        self._socket = made
        return made

    def _send(self, bound: socket.socket, data: bytes, end: float) -> None:
        try:
            bound.settimeout(max(0.001, end - time.monotonic()))
            # By path each time: a connected socket would not survive Kamailio's restart.
            bound.sendto(data, self.where)
        except TimeoutError as error:
            raise clogged(self.where, self._timeout) from error
        except OSError as error:
            raise unreachable(self.where, error) from error

    def _receive(self, bound: socket.socket, end: float, strays: int) -> Reply | None:
        left = end - time.monotonic()
        if left <= 0:
            raise silent(self.where, self._timeout, strays)
        try:
            bound.settimeout(left)
            size = bound.recv_into(self._buffer)
        except TimeoutError as error:
            raise silent(self.where, self._timeout, strays) from error
        except OSError as error:
            raise unreachable(self.where, error) from error
        return decode(bytes(memoryview(self._buffer)[:size]))


class Fifo:
    """jsonrpcs' FIFO: a request goes in, its answer comes out of a FIFO made for it."""

    def __init__(self, path: str, *, timeout: float = ANSWER_WITHIN, directory: Path) -> None:
        self.where = f"fifo:{path}"
        self._path = path
        self._timeout = timeout
        self._directory = directory

    def call_many(self, calls: Sequence[Call]) -> list[Answer]:
        """Make one call after another; Kamailio has one process for them all."""
        return [self._call(each) for each in calls]

    def close(self) -> None:
        """Do nothing: each call lets go of all that it has opened."""

    def _call(self, request: Call) -> Answer:
        # Kamailio takes no name with a dot or a slash in it.
        name = f"logban_{secrets.token_hex(8)}"
        number = new_number()
        data = encode(request, number, reply_name=name)
        if len(data) > _PIPE_BUF:
            raise ValueError(f"the request has {len(data)} bytes and the FIFO takes {_PIPE_BUF}")
        end = time.monotonic() + self._timeout
        path = self._directory / name
        try:
            os.mkfifo(path, 0o600)
        except OSError as error:
            raise unreachable(str(self._directory), error) from error
        try:
            path.chmod(0o622)  # Kamailio's user writes there, whoever it is
            reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                self._write(data, end)
                answer = decode(self._read(reader, end))
            finally:
                os.close(reader)
        finally:
            path.unlink(missing_ok=True)
        if answer is None or answer.number != number:
            raise garbled(self.where, "its answer is none to what it was asked")
        return answer.answer(request)

    def _write(self, data: bytes, end: float) -> None:
        try:
            writer = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise unreachable(self.where, error) from error
        try:
            if not stat.S_ISFIFO(os.fstat(writer).st_mode):
                raise garbled(self.where, "it is no FIFO")
            _, ready, _ = select.select([], [writer], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise clogged(self.where, self._timeout)
            os.write(writer, data)  # whole or not at all, being no longer than PIPE_BUF
        except BlockingIOError as error:
            raise clogged(self.where, self._timeout) from error
        except OSError as error:
            raise unreachable(self.where, error) from error
        finally:
            os.close(writer)

    def _read(self, reader: int, end: float) -> bytes:
        """Read to the end, which is where Kamailio closes."""
        data = bytearray()
        poll = select.poll()
        poll.register(reader, select.POLLIN)
        while True:
            left = end - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                raise silent(self.where, self._timeout, 1 if data else 0)
            chunk = os.read(reader, 1 << 16)
            data += chunk
            if len(data) > ANSWER_LIMIT:
                raise garbled(self.where, f"its answer has more than {ANSWER_LIMIT} bytes")
            if not chunk:
                return bytes(data)


class _Timed(RawIOBase):
    """A socket to be read until a moment and up to a size, however slowly it gives its bytes."""

    def __init__(self, connection: socket.socket, end: float) -> None:
        self._connection = connection
        self._end = end
        self._taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # as the caller has it
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        size = self._connection.recv_into(buffer)
        self._taken += size
        if self._taken > ANSWER_LIMIT:
            raise HTTPException(f"its answer has more than {ANSWER_LIMIT} bytes")
        return size


class _TimedSocket:
    """What http.client wants of a socket."""

    def __init__(self, connection: socket.socket, end: Callable[[], float]) -> None:
        self._connection = connection
        self._end = end

    def sendall(self, data: bytes) -> None:
        self._connection.settimeout(max(0.001, self._end() - time.monotonic()))
        self._connection.sendall(data)

    def makefile(self, _mode: str) -> BufferedReader:
        return BufferedReader(_Timed(self._connection, self._end()))

    def close(self) -> None:
        """Leave the connection open: http.client closes it before the answer has been read."""


class Http:
    """xhttp and jsonrpc_dispatch(), where kamailio.cfg has an event_route for them."""

    def __init__(self, url: str, *, timeout: float = ANSWER_WITHIN) -> None:
        parts = urlsplit(url)
        self.where = url
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._path = parts.path or "/RPC"
        self._timeout = timeout
        self._end = 0.0

    def call_many(self, calls: Sequence[Call]) -> list[Answer]:
        """Make one call after another, over one connection as long as Kamailio keeps it."""
        made: socket.socket | None = None
        answers: list[Answer] = []
        try:
            for each in calls:
                self._end = time.monotonic() + self._timeout
                if made is None:
                    made = connected(self._host, self._port, self._timeout)
                    connection = HTTPConnection(self._host, self._port)
                    connection.sock = _TimedSocket(made, lambda: self._end)
                answer, is_kept = self._call(connection, each)
                answers.append(answer)
                if not is_kept:
                    made.close()
                    made = None
        except TimeoutError as error:
            raise silent(self.where, self._timeout) from error
        except HTTPException as error:
            raise garbled(self.where, f"{type(error).__name__}: {error}") from error
        except OSError as error:
            raise unreachable(self.where, error) from error
        finally:
            if made is not None:
                made.close()
        return answers

    def close(self) -> None:
        """Do nothing: connections live no longer than their calls."""

    def _call(self, connection: HTTPConnection, request: Call) -> tuple[Answer, bool]:
        number = new_number()
        headers = {"Content-Type": "application/json"}
        connection.request("POST", self._path, encode(request, number), headers)
        response = connection.getresponse()  # an error comes as 500 or 404, its body in JSON
        body = bytearray()
        while chunk := response.read1(1 << 16):  # read() believes any Content-Length
            body += chunk
        response.close()
        is_kept = not response.will_close
        reply = decode(bytes(body))
        if reply is None and response.headers.get_content_type() != "application/json":
            raise garbled(
                self.where,
                f"HTTP {response.status}; its event_route[xhttp:request] must call "
                "jsonrpc_dispatch() for this host and path",
            )
        if reply is None or reply.number != number:
            raise garbled(self.where, "its answer is none to what it was asked")
        return reply.answer(request), is_kept
