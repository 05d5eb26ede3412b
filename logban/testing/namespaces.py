# SPDX-License-Identifier: MIT
"""Network namespaces of the tests' own, with the real kernel in them.  Root is needed.

A :class:`Namespace` is a network of its own inside this kernel: interfaces, routes, nftables,
iptables and ipsets in it touch nobody else's.  A thread works in it within ``enter()``, and what
it opens there (sockets, libnftables contexts) stays there afterwards.  ``connect`` lays a cable.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from logban.testing.waiting import LIMIT, wait

_CLONE_NEWNET = 0x40000000  # linux/sched.h
_IP = shutil.which("ip") or "/usr/sbin/ip"
_numbers = itertools.count(1)


def _setns(handle: int) -> None:
    # os.setns came with Python 3.12.
    if ctypes.CDLL(None, use_errno=True).setns(handle, _CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


class Namespace:
    """A network namespace; ``name`` is what ``ip netns`` knows it by."""

    def __init__(self) -> None:
        self.name = f"logban-test-{os.getpid()}-{next(_numbers)}"
        subprocess.run([_IP, "netns", "add", self.name], check=True)
        self.run(["ip", "link", "set", "lo", "up"])

    def run(self, argv: Sequence[str], given: str | None = None) -> str:
        """Run a program inside and give what it prints; CalledProcessError if it fails."""
        command = [_IP, "netns", "exec", self.name, *argv]
        done = subprocess.run(command, check=True, capture_output=True, text=True, input=given)
        return done.stdout

    @contextmanager
    def enter(self) -> Iterator[Namespace]:
        """Put the calling thread inside, and back where it was at the end."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            inside = os.open(Path("/run/netns", self.name), os.O_RDONLY | os.O_CLOEXEC)
            try:
                _setns(inside)
            finally:
                os.close(inside)
            try:
                yield self
            finally:
                _setns(before)
        finally:
            os.close(before)

    def udp(self, address: str, port: int = 0) -> socket.socket:
        """Open a UDP socket inside, bound to one of its addresses."""
        return self._bound(socket.SOCK_DGRAM, address, port)

    def tcp(self, address: str, port: int = 0) -> socket.socket:
        """Open a TCP socket inside, bound to one of its addresses."""
        return self._bound(socket.SOCK_STREAM, address, port)

    def raw_icmp(self, address: str) -> socket.socket:
        """Open a raw socket for ICMP inside, bound to one of its IPv4 addresses."""
        return self._bound(socket.SOCK_RAW, address, 0, socket.IPPROTO_ICMP)

    def _bound(self, kind: int, address: str, port: int, protocol: int = 0) -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.enter():
            made = socket.socket(family, kind, protocol)
        made.settimeout(LIMIT)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        return made

    def remove(self) -> None:
        """Take it away with all that is in it."""
        subprocess.run([_IP, "netns", "del", self.name], check=True)


def connect(one: Namespace, other: Namespace, ones: Sequence[str], others: Sequence[str]) -> None:
    """Lay a cable between two namespaces; its ends get these addresses, written as 192.0.2.1/24."""
    ends = [f"v{os.getpid() % 10**6}-{next(_numbers)}" for _ in range(2)]
    one.run(["ip", "link", "add", ends[0], "type", "veth", "peer", ends[1], "netns", other.name])
    for space, end, addresses in ((one, ends[0], ones), (other, ends[1], others)):
        for address in addresses:
            nodad = ["nodad"] if ":" in address else []
            space.run(["ip", "address", "add", address, "dev", end, *nodad])
        space.run(["ip", "link", "set", end, "up"])


# TEST-NET-2 and the documentation prefix: a bad and a good source, a neighbour of the bad one in
# its /24 and its /64, and one that is in neither.
HOST, FAR_HOST, HOST6 = "198.51.100.1", "203.0.113.1", "2001:db8:1::1"
BAD, NEIGHBOUR, FAR = "198.51.100.7", "198.51.100.8", "203.0.113.9"
BAD6, NEIGHBOUR6, FAR6 = "2001:db8:66::7", "2001:db8:66::8", "2001:db8:67::9"


@dataclass(frozen=True)
class Network:
    """A host that protects itself and a peer with good and bad addresses, on one cable."""

    host: Namespace
    peer: Namespace

    def arrives(self, source: str, port: int = 5060) -> bool:
        """Say whether a datagram from that address gets to the host.

        A second one from an address that nobody bans follows it, on a cable that keeps order
        among what one CPU sends.
        """
        is_six = ":" in source
        target, honest = (HOST6, FAR6) if is_six else (HOST, FAR)
        with self.host.udp(target, port) as server, on_one_cpu():
            for sender, text in ((source, b"asked"), (honest, b"marker")):
                with self.peer.udp(sender) as client:
                    client.sendto(text, (target, port))
            first = server.recv(100)
            if first == b"asked":
                server.recv(100)
        return first == b"asked"

    def wait_until_arrives(self, source: str, port: int = 5060) -> None:
        """Ask again and again until a datagram from there gets to the host."""
        wait(lambda: self.arrives(source, port))

    def wait_until_dropped(self, source: str, seconds: float = LIMIT) -> None:
        """Ask again and again until no datagram from there gets to the host any more."""
        wait(lambda: not self.arrives(source), seconds)

    def connects(self, source: str, port: int = 5060) -> bool:
        """Say whether a TCP connection from that address reaches the host's listener."""
        is_six = ":" in source
        target, honest = (HOST6, FAR6) if is_six else (HOST, FAR)
        with self.host.tcp(target, port) as server:
            server.listen()
            with self.peer.tcp(source) as asking, self.peer.tcp(honest) as marker, on_one_cpu():
                asking.setblocking(False)
                asking.connect_ex((target, port))
                marker.connect((target, port))
                accepted, peer = server.accept()
                accepted.close()
        return bool(peer[0] == source)

    def pings(self, source: str) -> bool:
        """Say whether an ICMP echo request from that IPv4 address gets to the host."""
        request = struct.pack("!BBHHH", 8, 0, 0xF7FF - 1, 1, 0)  # with its checksum
        with self.host.raw_icmp(HOST) as server, on_one_cpu():
            for sender in (source, FAR):
                with self.peer.raw_icmp(sender) as client:
                    client.sendto(request, (HOST, 0))
            packet, peer = server.recvfrom(100)
            while packet[20] != 8:
                packet, peer = server.recvfrom(100)
        return bool(peer[0] == source)


@contextmanager
def on_one_cpu() -> Iterator[None]:
    """Keep the calling thread on one CPU: what two have sent may come in another order."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def lay_network() -> Iterator[Network]:
    """Give a host and a peer that can talk, for as long as it is entered."""
    host = Namespace()
    try:
        peer = Namespace()
        try:
            connect(
                host,
                peer,
                [f"{HOST}/24", f"{FAR_HOST}/24", f"{HOST6}/32"],
                [
                    *(f"{address}/24" for address in (BAD, NEIGHBOUR, FAR)),
                    *(f"{address}/32" for address in (BAD6, NEIGHBOUR6, FAR6)),
                ],
            )
            yield Network(host, peer)
        finally:
            peer.remove()
    finally:
        host.remove()
