# SPDX-License-Identifier: MIT
"""A name server (RFC 1035) that answers with what a test has told it, or not at all."""

from __future__ import annotations

import ipaddress
import socket
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

_A, _AAAA, _IN = 1, 28, 1
_NO_SUCH_NAME = 3


@dataclass
class NameServer:
    """``known`` are the addresses by name; ``silent`` says that nothing is answered.

    ``asked`` are the names that were asked for, in lower case, without the dot behind.
    """

    known: Mapping[str, Sequence[str]]
    silent: bool = False
    asked: list[str] = field(default_factory=list)

    def answer(self, packet: bytes) -> bytes:
        """Give the answer to a question."""
        name, kind, end = _question(packet)
        self.asked.append(name)
        found = [ipaddress.ip_address(each) for each in self.known.get(name, ())]
        wanted = [each for each in found if {4: _A, 6: _AAAA}[each.version] == kind]
        code = 0 if found else _NO_SUCH_NAME
        head = packet[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(wanted), 0, 0)
        records = b"".join(
            b"\xc0\x0c" + struct.pack("!HHIH", kind, _IN, 60, len(each.packed)) + each.packed
            for each in wanted
        )
        return head + packet[12:end] + records


def _question(packet: bytes) -> tuple[str, int, int]:
    """Give a question's name, its type, and where it ends."""
    labels, at = [], 12
    while length := packet[at]:
        labels.append(packet[at + 1 : at + 1 + length].decode("ascii", "replace"))
        at += 1 + length
    (kind,) = struct.unpack_from("!H", packet, at + 1)
    return ".".join(labels).lower(), kind, at + 5


@contextmanager
def serve(listener: socket.socket, known: Mapping[str, Sequence[str]]) -> Iterator[NameServer]:
    """Answer at a UDP socket until the end."""
    server = NameServer(known)
    over = threading.Event()
    listener.settimeout(0.1)

    def work() -> None:
        while not over.is_set():
            try:
                packet, peer = listener.recvfrom(512)
            except TimeoutError:
                continue
            answer = server.answer(packet)
            if not server.silent:
                listener.sendto(answer, peer)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield server
    finally:
        over.set()
        thread.join()
        listener.close()
