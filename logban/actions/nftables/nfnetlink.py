# SPDX-License-Identifier: MIT
"""Netlink's netfilter family as far as nftables is read by it: requests, answers, attributes.

Formats: linux/netlink.h, linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from typing import Final

from logban.actions.protocols import Missing
from logban.errors import ActionError, TryAgain

FAMILY: Final = 12  # NETLINK_NETFILTER
INET: Final = 1  # NFPROTO_INET
SUBSYSTEM: Final = 10  # NFNL_SUBSYS_NFTABLES

_HEADER: Final = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_FAMILY_HEADER: Final = struct.Struct(">BBH")  # nfgenmsg: family, version, resource
_ATTRIBUTE: Final = struct.Struct("=HH")  # nlattr: length, type
ATTRIBUTE: Final = _ATTRIBUTE.size
"""Bytes of an attribute before its value."""

_ERROR: Final = struct.Struct("=i")
BODY: Final = _HEADER.size + _FAMILY_HEADER.size
"""Bytes of a message before its attributes."""

_REQUEST, _MULTI, _DUMP_INTERRUPTED, _DUMP = 0x01, 0x02, 0x10, 0x300  # NLM_F_...
_IS_ERROR, _IS_DONE = 2, 3  # NLMSG_ERROR, NLMSG_DONE
_TYPE_MASK: Final = 0x3FFF  # NLA_TYPE_MASK
_RECEIVE: Final = 1 << 18
_TIMEOUT: Final = 10.0


class Requests:
    """A socket to ask by, in the network namespace of the thread that makes it."""

    def __init__(self) -> None:
        try:
            self._socket = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, FAMILY
            )
            self._socket.bind((0, 0))
        except OSError as error:
            raise ActionError(f"the kernel's netfilter cannot be asked: {error}") from error
        self._socket.settimeout(_TIMEOUT)
        self._sequence = 0

    def get(self, kind: int, attributes: bytes) -> bytes:
        """Give the attributes of the one object that is asked for; Missing if it is not there."""
        (answer,) = self._ask(kind, _REQUEST, attributes)
        return answer

    def dump(self, kind: int, attributes: bytes) -> Iterator[bytes]:
        """Give the attributes of each object that is asked for.

        TryAgain where the tables were changed meanwhile; Missing if there is no such place.
        """
        return self._ask(kind, _REQUEST | _DUMP, attributes)

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()

    def _ask(self, kind: int, flags: int, attributes: bytes) -> Iterator[bytes]:
        self._sequence += 1
        length = BODY + len(attributes)
        header = _HEADER.pack(length, SUBSYSTEM << 8 | kind, flags, self._sequence, 0)
        try:
            self._socket.send(header + _FAMILY_HEADER.pack(INET, 0, 0) + attributes)
            yield from self._answers()
        except OSError as error:
            raise _explain(error.errno or 0, str(error)) from error

    def _answers(self) -> Iterator[bytes]:
        is_whole = True
        while True:
            for kind, flags, sequence, message in messages(self._socket.recv(_RECEIVE)):
                if sequence != self._sequence:
                    continue  # the rest of an answer that nobody wanted to the end
                is_whole = is_whole and not flags & _DUMP_INTERRUPTED
                if kind == _IS_DONE:
                    if not is_whole:
                        raise TryAgain("the tables were changed while they were read")
                    return
                if kind == _IS_ERROR:
                    (code,) = _ERROR.unpack_from(message, _HEADER.size)
                    if code:
                        raise _explain(-code, os.strerror(-code))
                    return
                yield message[BODY:]
                if not flags & _MULTI:
                    return


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Give type, flags, sequence number and bytes of each message in what was received."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size:
            return
        yield kind, flags, sequence, data[offset : offset + length]
        offset += length + 3 & ~3


def port_of(message: bytes) -> int:
    """Give the port from which a message, or the change that it tells of, came."""
    port: int = _HEADER.unpack_from(message)[4]
    return port


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give type and value of each attribute."""
    offset, end = 0, len(data)
    while offset + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < 4:
            return
        yield kind & _TYPE_MASK, data[offset + 4 : offset + length]
        offset += length + 3 & ~3


def text(kind: int, value: str) -> bytes:
    """Write an attribute that is a name."""
    data = value.encode() + b"\0"
    length = _ATTRIBUTE.size + len(data)
    return _ATTRIBUTE.pack(length, kind) + data + bytes(-length % 4)


def _explain(code: int, words: str) -> ActionError | TryAgain:
    if code == errno.ENOENT:
        return Missing("a table, chain or set is not there")
    if code in {errno.EINTR, errno.ENOBUFS}:
        return TryAgain(f"the tables could not be read to the end: {words}")
    if code == errno.EPERM:
        return ActionError(
            f"the kernel refuses to tell of its tables: {words}. logban-server needs the "
            "capability CAP_NET_ADMIN (root, or AmbientCapabilities= in its unit)"
        )
    return ActionError(f"the kernel's tables cannot be read: {words}")
