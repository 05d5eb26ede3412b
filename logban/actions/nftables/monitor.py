# SPDX-License-Identifier: MIT
"""Hearing that others change logban's nftables: the kernel tells of every change.

What this process changes itself is kept out by a filter in the kernel, by the ports of its own
sockets: a hundred thousand bans of our own would overflow any buffer.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from logban.actions.nftables.nfnetlink import BODY, FAMILY, SUBSYSTEM, attributes, messages, port_of

_SOL_NETLINK, _ADD_MEMBERSHIP = 270, 1
_GROUP: Final = 7  # NFNLGRP_NFTABLES
_ATTACH_FILTER, _RECEIVE_BUFFER_FORCE = 26, 33  # SO_...
_BUFFER: Final = 4 << 20
_RECEIVE: Final = 1 << 17
_MOST_PORTS: Final = 2000  # a filter has 4,096 instructions at the most

# Classic BPF of linux/filter.h: load the word at, jump if equal, return.
_LOAD, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_INSTRUCTION: Final = struct.Struct("=HBBI")
_PORT_AT: Final = 12  # in a message's header

# The changes of NFT_MSG_... that matter, and the attribute that names the chain or set (0: none).
_TABLE_CHANGES: Final = {0: 0, 2: 0}
_STRUCTURE: Final = {**_TABLE_CHANGES, 3: 3, 5: 3, 6: 2, 8: 2, 9: 2, 11: 2}
_ELEMENTS: Final = {12: 2, 14: 2}
_TABLE: Final = (1, b"logban\0")  # NFTA_..._TABLE is the first attribute of them all


class Monitor:
    """A socket at which the kernel tells of changes; OSError if it can't be had.

    It belongs to the network namespace of the thread that makes it.
    """

    def __init__(self, is_own: Callable[[str], bool], *, elements: bool) -> None:
        """``is_own`` tells by its name whether a chain or set concerns the one who asks.

        Without ``elements`` only tables, chains, rules and sets count.
        """
        self._is_own = is_own
        self._kinds = {**_STRUCTURE, **(_ELEMENTS if elements else {})}
        self._ports: frozenset[int] = frozenset()
        # What a socket has done that is closed by now may still be unheard.
        self._past: set[int] = set()
        self._others: set[int] = set()
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, FAMILY
        )
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _RECEIVE_BUFFER_FORCE, _BUFFER)
            self._socket.bind((0, 0))
            self._socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _GROUP)
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Give the descriptor that becomes readable when there is something to hear."""
        return self._socket.fileno()

    def ignore_own(self) -> bool:
        """Hear no more of what is done through this process's sockets; tell if some are new."""
        ports = own_ports()
        if ports == self._ports:
            return False
        if len(self._past) > _MOST_PORTS:
            self._past.clear()
        self._past |= self._ports | ports
        self._ports = ports
        program = _program(sorted(ports)[:_MOST_PORTS])
        buffer = ctypes.create_string_buffer(program, len(program))
        count = len(program) // _INSTRUCTION.size
        fprog = struct.pack("@HP", count, ctypes.addressof(buffer))
        self._socket.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, fprog)
        return True

    def hear(self) -> bool:
        """Take in what the kernel has told; tell whether somebody else changed what is ours."""
        concerned = False
        while True:
            try:
                data = self._socket.recv(_RECEIVE)
            except BlockingIOError:
                return concerned
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                # More was told than there was room for.  If it was our own, it was by a socket that
                # has been opened since.
                self.ignore_own()
                concerned = True
                continue
            for kind, _, _, message in messages(data):
                concerned = self._concerns(kind, message) or concerned

    def close(self) -> None:
        """Hear nothing more."""
        self._socket.close()

    def _concerns(self, kind: int, message: bytes) -> bool:
        if kind >> 8 != SUBSYSTEM or self._is_own_port(port_of(message)):
            return False
        if kind & 0xFF not in self._kinds:
            return False
        said = attributes(message[BODY:])
        if next(said, None) != _TABLE:
            return False
        names = self._kinds[kind & 0xFF]
        name = next((value for number, value in said if number == names), b"")
        return not names or self._is_own(name.rstrip(b"\0").decode("utf-8", "replace"))

    def _is_own_port(self, port: int) -> bool:
        if port in self._past or port in self._others:
            return port in self._past
        self.ignore_own()
        if port not in self._past:
            if len(self._others) > _MOST_PORTS:
                self._others.clear()
            self._others.add(port)
        return port in self._past


def own_ports() -> frozenset[int]:
    """Give the ports of all netfilter sockets of this process, whoever has opened them."""
    ports = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            copy = os.dup(int(entry.name))
        except OSError:  # closed meanwhile
            continue
        try:
            found = socket.socket(fileno=copy)
        except OSError:  # it is no socket
            os.close(copy)
            continue
        with found:
            if found.family == socket.AF_NETLINK and found.proto == FAMILY:
                ports.add(found.getsockname()[0])
    return frozenset(ports - {0})


def _program(ports: list[int]) -> bytes:
    """Write the filter: nothing of a message from these ports, all of any other."""
    program = _INSTRUCTION.pack(_LOAD, 0, 0, _PORT_AT)
    for port in ports:
        # The load takes the word for one in network order; the header has it in the host's.
        word = int.from_bytes(port.to_bytes(4, sys.byteorder), "big")
        program += _INSTRUCTION.pack(_IF_EQUAL, 0, 1, word) + _INSTRUCTION.pack(_RETURN, 0, 0, 0)
    return program + _INSTRUCTION.pack(_RETURN, 0, 0, 0xFFFF_FFFF)
