# SPDX-License-Identifier: MIT
"""A connection to Redis that bounds each answer.

redis-py takes any amount: its time limit begins anew with every byte, and a text is as long as the
server says.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from redis import Redis

MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes of the answers to what is asked at once: a thousand keys of some kilobytes."""


class BoundedSocket:
    """A socket whose answers to what was sent last have so many seconds and bytes in all."""

    def __init__(self, connection: socket.socket, within: float) -> None:
        self._connection = connection
        self._within = within
        self._end = time.monotonic() + within
        self._taken = 0

    def sendall(self, data: bytes) -> None:
        """Ask; what is answered is measured from now on."""
        self._connection.settimeout(self._within)
        self._end = time.monotonic() + self._within
        self._taken = 0
        self._connection.sendall(data)

    def recv(self, size: int) -> bytes:
        """Take some of the answer; OSError if it comes to too much, or too late."""
        self._hurry()
        data = self._connection.recv(size)
        self._count(len(data))
        return data

    def recv_into(self, buffer: bytearray) -> int:
        """Take some of the answer as ``recv`` does."""
        self._hurry()
        size = self._connection.recv_into(buffer)
        self._count(size)
        return size

    def _hurry(self) -> None:
        if self._connection.gettimeout() == 0:  # it is only looked whether there is anything
            return
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"no whole answer within {self._within:g} s")
        self._connection.settimeout(left)

    def _count(self, size: int) -> None:
        self._taken += size
        if self._taken > MAX_BYTES:
            raise OSError(f"an answer of more than {MAX_BYTES} bytes")

    def __getattr__(self, name: str) -> Any:  # as the socket has it
        """Be that socket in all else."""
        return getattr(self._connection, name)


def bound(redis: Redis, within: float) -> Redis:
    """Have a client's connections bound their answers; ``within`` is in seconds."""
    pool = redis.connection_pool
    usual = pool.connection_class

    class Bounded(usual):  # type: ignore[misc, valid-type]  # one of redis-py's, by the URL
        def _connect(self) -> BoundedSocket:
            return BoundedSocket(super()._connect(), within)

    pool.connection_class = Bounded
    return redis
