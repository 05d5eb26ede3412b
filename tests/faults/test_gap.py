# SPDX-License-Identifier: MIT
"""A banned address gets no packet through while the daemon is stopped, killed, replaced."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from logban.testing.forking import QuickServer
from logban.testing.lines import LogFile
from logban.testing.namespaces import BAD, BAD6, FAR, HOST, HOST6, Network

EVERY = 0.005
PORT = 5060
ROUNDS = 3
RCVBUFFORCE = 33  # asm-generic/socket.h


class Probe:
    """Sends a datagram from a banned and from an honest address every 5 ms, and counts both."""

    def __init__(self, network: Network, banned: str) -> None:
        is_six = ":" in banned
        target = HOST6 if is_six else HOST
        self.banned = self.honest = self.sent = 0
        self._to = (target, PORT)
        self._receiver = network.host.udp(target, PORT)
        # So that none is dropped while this process waits for a CPU.
        self._receiver.setsockopt(socket.SOL_SOCKET, RCVBUFFORCE, 1 << 24)
        self._senders = [
            (network.peer.udp(banned), b"banned"),
            (network.peer.udp("2001:db8:67::9" if is_six else FAR), b"honest"),
        ]
        self._over = threading.Event()
        self._threads = [threading.Thread(target=each) for each in (self._send, self._receive)]

    def _send(self) -> None:
        while not self._over.wait(EVERY):
            for sender, text in self._senders:
                sender.sendto(text, self._to)
            self.sent += 1
        self._senders[1][0].sendto(b"over", self._to)

    def _receive(self) -> None:
        while (text := self._receiver.recv(100)) != b"over":
            if text == b"banned":
                self.banned += 1
            else:
                self.honest += 1

    @contextmanager
    def running(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join()
            self._receiver.close()
            for sender, _ in self._senders:
                sender.close()


@pytest.mark.parametrize("action", ["nftables", "iptables"])
def test_no_packet_gets_through(
    action: str,
    network: Network,
    server: QuickServer,
    jail: Callable[..., None],
    log: LogFile,
    figures: list[str],
    factor: int,
) -> None:
    jail(action=action)
    server.start()
    for address in (BAD, BAD6):
        log.fail(address, 5)
    server.wait(lambda: [ban["in_force"] for ban in server.bans().values()] == [True, True])
    probes = [Probe(network, BAD), Probe(network, BAD6)]
    rounds = ROUNDS * factor
    with probes[0].running(), probes[1].running():
        for number in range(rounds):
            for end in (server.stop, server.kill):
                end()
                time.sleep(10 * EVERY)
                server.start()
                in_force(server)
            # An upgrade: the new one has other settings of the action, so its rules are made anew.
            server.stop()
            jail(action=action if number % 2 else f"{action}[port=1024:65535]")
            server.start()
            in_force(server)
            server.client("reload")
            time.sleep(10 * EVERY)
    sent = sum(probe.sent for probe in probes)
    passed = sum(probe.banned for probe in probes)
    figures.append(
        f"{action}: {rounds} stops, kills, upgrades and reloads: {sent} datagrams from banned "
        f"addresses, {passed} got through; {sum(probe.honest for probe in probes)} from honest ones"
    )
    assert passed == 0
    assert all(probe.honest == probe.sent for probe in probes)


def in_force(server: QuickServer) -> None:
    server.wait(lambda: all(ban["in_force"] for ban in server.bans().values()))


@pytest.mark.parametrize("action", ["nftables", "iptables"])
def test_bans_are_in_force_before_the_network_is_up(
    action: str,
    network: Network,
    server: QuickServer,
    jail: Callable[..., None],
    log: LogFile,
) -> None:
    jail(action=action)
    server.start()
    for address in (BAD, BAD6):
        log.fail(address, 5)
    server.wait(lambda: [ban["in_force"] for ban in server.bans().values()] == [True, True])
    server.stop()
    boot(network)
    assert network.arrives(BAD)
    done = server.run("--restore-only")
    assert done.code == 0
    assert "2 bans" in done.err
    for source in (BAD, BAD6):
        assert not network.arrives(source)
    server.start()
    in_force(server)


def boot(network: Network) -> None:
    """Leave in the kernel what a boot leaves."""
    for words in (
        "nft flush ruleset",
        "iptables-legacy -t raw -F",
        "iptables-legacy -t raw -X",
        "ip6tables-legacy -t raw -F",
        "ip6tables-legacy -t raw -X",
        "ipset destroy",
    ):
        with suppress(Exception):
            network.host.run(words.split())
