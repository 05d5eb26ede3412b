# SPDX-License-Identifier: MIT
"""Kamailio's binary RPC over module ctl's stream socket, which is what kamcmd speaks.

Up to 5.6 it is the only way to read what secfilter holds.  The format is that of Kamailio's
src/modules/ctl/binrpc.h: a header of magic, lengths and a cookie, then records of a type, a size
and a value.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from logban.actions.kamailio.rpc import (
    ANSWER_LIMIT,
    ANSWER_WITHIN,
    Answer,
    Call,
    Refused,
    Struct,
    Unavailable,
    Value,
    garbled,
    silent,
    unreachable,
)

_MAGIC: Final = 0xA1
_FAULT: Final = 3
_REPLY: Final = 1
_INT, _STR, _DOUBLE, _STRUCT, _ARRAY, _NAME = range(6)
_DEPTH: Final = 20


class Control:
    """The client of ctl; one connection a call."""

    def __init__(self, path: str, *, timeout: float = ANSWER_WITHIN) -> None:
        self.where = path
        self._timeout = timeout

    def call_many(self, calls: Sequence[Call]) -> list[Answer]:
        """Make one call after another."""
        return [self._call(each) for each in calls]

    def close(self) -> None:
        """Do nothing: each call lets go of its connection."""

    def _call(self, request: Call) -> Answer:
        """Give the answer: a list of all the values that it has."""
        cookie = os.urandom(4)
        body = _record(_STR, request.method.encode("ascii") + b"\0")
        for parameter in request.parameters:
            if isinstance(parameter, int):
                body += _record(_INT, parameter.to_bytes(4, "big", signed=True))
            else:
                body += _record(_STR, parameter.encode("utf-8") + b"\0")
        size = _bytes_of(len(body))
        data = bytes([_MAGIC, (len(size) - 1) << 2 | len(cookie) - 1]) + size + cookie + body
        kind, answer = self._exchange(data, cookie)
        try:
            values = read_records(answer)
        except ValueError as error:
            raise garbled(self.where, str(error)) from error
        if kind != _FAULT:
            return list(values)
        code, text = (*values, 0, "")[:2] if len(values) >= 2 else (0, "")
        return Refused(request, code if isinstance(code, int) else 0, str(text))

    def _exchange(self, data: bytes, cookie: bytes) -> tuple[int, bytes]:
        end = time.monotonic() + self._timeout
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(self._timeout)
                connection.connect(self.where)
                connection.sendall(data)
                head = _receive(connection, 2, end)
                if head[0] != _MAGIC:
                    raise garbled(self.where, f"it begins with {head[0]:#04x}")
                size = int.from_bytes(_receive(connection, (head[1] >> 2 & 3) + 1, end), "big")
                echoed = _receive(connection, (head[1] & 3) + 1, end)
                # It comes back as a number, without zeros in front.
                if int.from_bytes(echoed, "big") != int.from_bytes(cookie, "big"):
                    raise garbled(self.where, "its answer is none to what it was asked")
                if size > ANSWER_LIMIT:
                    raise garbled(self.where, f"its answer has {size} bytes")
                return head[1] >> 4, _receive(connection, size, end)
        except TimeoutError as error:
            raise silent(self.where, self._timeout) from error
        except EOFError as error:
            raise garbled(self.where, "its answer breaks off") from error
        except BlockingIOError as error:
            raise Unavailable(f"Kamailio at {self.where} is too busy to be asked") from error
        except OSError as error:
            raise unreachable(self.where, error) from error


def _receive(connection: socket.socket, size: int, end: float) -> bytes:
    """Receive exactly that many bytes; EOFError if there are fewer."""
    data = bytearray()
    while len(data) < size:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        chunk = connection.recv(min(size - len(data), 1 << 18))
        if not chunk:
            raise EOFError
        data += chunk
    return bytes(data)


def _bytes_of(number: int) -> bytes:
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")


def _record(kind: int, payload: bytes) -> bytes:
    if len(payload) < 8:
        return bytes([len(payload) << 4 | kind]) + payload
    size = _bytes_of(len(payload))
    return bytes([0x80 | len(size) << 4 | kind]) + size + payload


@dataclass(slots=True)
class _Open:
    """A structure or list that is being read; a structure waits for ``name``'s value."""

    is_struct: bool
    values: list[Value] = field(default_factory=list)
    pairs: list[tuple[str, Value]] = field(default_factory=list)
    name: str | None = None

    def put(self, value: Value) -> None:
        if not self.is_struct:
            self.values.append(value)
            return
        self.pairs.append((self.name or "", value))
        self.name = None


def read_records(data: bytes) -> list[Value]:
    """Read an answer's records; ValueError if they are none."""
    stack = [_Open(is_struct=False)]
    position = 0
    while position < len(data):
        first = data[position]
        position += 1
        kind, size, is_long = first & 15, first >> 4 & 7, first >> 7
        if kind in (_STRUCT, _ARRAY):
            if is_long:
                _end(stack, is_struct=kind == _STRUCT)
            elif len(stack) > _DEPTH:
                raise ValueError("its records are nested too deeply")
            else:
                stack.append(_Open(is_struct=kind == _STRUCT))
            continue
        if is_long:
            if position + size > len(data):
                raise ValueError("a record breaks off")
            length = int.from_bytes(data[position : position + size], "big")
            position, size = position + size, length
        if position + size > len(data):
            raise ValueError("a record breaks off")
        payload = data[position : position + size]
        position += size
        if kind == _NAME:
            stack[-1].name = _text(payload)
        else:
            stack[-1].put(_scalar(kind, payload))
    if len(stack) != 1:
        raise ValueError("a structure is not ended")
    return stack[0].values


def _end(stack: list[_Open], *, is_struct: bool) -> None:
    done = stack.pop()
    if not stack or done.is_struct is not is_struct:
        raise ValueError("a structure ends that has not begun")
    stack[-1].put(Struct(tuple(done.pairs)) if is_struct else done.values)


def _scalar(kind: int, payload: bytes) -> Value:
    if kind == _STR:
        return _text(payload)
    if kind in (_INT, _DOUBLE):
        number = int.from_bytes(payload, "big", signed=len(payload) == 4)
        return number if kind == _INT else number / 1000
    raise ValueError(f"a record is of type {kind}")


def _text(payload: bytes) -> str:
    return payload.rstrip(b"\0").decode("utf-8", "replace")
