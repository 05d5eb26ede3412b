# SPDX-License-Identifier: MIT
"""Clients that flood the control socket, while bans have to happen and others to be answered."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from logban.errors import TryAgain
from logban.testing.lines import LogFile
from logban.testing.namespaces import Network
from logban.testing.running import Answer, RunningServer
from logban.testing.waiting import wait

# Each connection does one bad thing, and again when it is cut off: nonsense, a request without
# an end, one in drops, questions without a pause whose answers nobody reads, connecting alone.
FLOOD = """
import json, os, selectors, socket, sys
ask = b'{"schema":"logban/1","command":"status"}\\n'
giant, deep = b'{"x":"' + b"y" * 2_000_000, b"[" * 1_000_000 + b"\\n"
bad = [b"nonsense\\n", giant, deep, b"{", ask * 200, b""]
chooser = selectors.DefaultSelector()
begun = [0]
def begin(number):
    client = socket.socket(socket.AF_UNIX)
    client.setblocking(False)
    try:
        client.connect(sys.argv[1])
    except BlockingIOError:
        client.close()
        return None
    begun[0] += 1
    data = bad[number % len(bad)]
    client.settimeout(1)
    try:
        client.sendall(data)
    except OSError:
        pass
    client.setblocking(False)
    chooser.register(client, selectors.EVENT_READ, number)
    return client
for number in range(int(sys.argv[2])):
    begin(number)
print("flooding", flush=True)
left = []
while True:
    for key, _ in chooser.select(0.05):
        if key.data % len(bad) == 4 and begun[0] % 2:
            continue
        try:
            data = key.fileobj.recv(65536)
        except OSError:
            data = b""
        if not data:
            chooser.unregister(key.fileobj)
            key.fileobj.close()
            left.append(key.data)
    left = [number for number in left if begin(number) is None]
"""


def test_a_flood_of_requests_holds_up_no_ban(
    network: Network,
    server: RunningServer,
    log: LogFile,
    jail: Callable[..., None],
    figures: list[str],
) -> None:
    jail()
    server.start()
    attackers = [f"203.0.113.{number}" for number in range(100, 120)]
    calm = _bans(network, log, attackers[:10])
    before = _memory(server.pid)
    command = [sys.executable, "-c", FLOOD, str(server.socket), "50"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as flood:
        assert flood.stdout is not None
        flood.stdout.readline()
        try:
            busy = _bans(network, log, attackers[10:])
            asked = time.monotonic()
            assert server.wait(lambda: server.client("ping").code == 0)
            answered = time.monotonic() - asked
            assert flood.poll() is None
        finally:
            flood.kill()
    server.wait(lambda: len(server.bans()) == len(attackers))
    grown = _memory(server.pid) - before
    figures.append(
        f"ban under a flood of the control socket: p50 {1000 * busy[5]:.0f} ms "
        f"(without it {1000 * calm[5]:.0f} ms), ping answered in {1000 * answered:.0f} ms, "
        f"memory grown by {grown // 1024} MiB"
    )
    # 50 connections of at most two requests' length each; nothing is kept of what was refused.
    assert grown < 300 * 1024


# Connects again and again, as many times at once as it may, and says nothing.
CROWD = """
import resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
held = []
print("coming", flush=True)
while True:
    client = socket.socket(socket.AF_UNIX)
    client.setblocking(False)
    try:
        client.connect(sys.argv[1])
        held.append(client)
    except OSError:
        client.close()
    if len(held) > 4000:
        del held[:2000]
"""


def test_a_crowd_that_connects_takes_nobodys_descriptors(
    network: Network, server: RunningServer, log: LogFile, jail: Callable[..., None]
) -> None:
    """libnftables ends the process where it gets a descriptor beyond 1023."""
    jail(maxretry="2")
    server.start()
    command = [sys.executable, "-c", CROWD, str(server.socket)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as crowd:
        assert crowd.stdout is not None
        crowd.stdout.readline()
        try:
            for number in range(100, 110):
                network.host.run(["nft", "flush ruleset"])
                address = f"203.0.113.{number}"
                log.fail(address, 2)
                server.wait(partial(_is_held, network, address))
        finally:
            crowd.kill()
    assert len(server.wait(partial(_bans_of, server))) == 10


def _bans_of(server: RunningServer) -> dict[str, Answer] | None:
    """Give the bans; None while the daemon has not seen yet that the crowd is gone."""
    with suppress(TryAgain):
        return server.bans()
    return None


def _is_held(network: Network, address: str) -> bool:
    return address in network.host.run(["nft", "list", "ruleset"])


def _bans(network: Network, log: LogFile, attackers: list[str]) -> list[float]:
    """Let one after the other attack; give the seconds until the kernel holds each."""
    waits = []
    for address in attackers:
        begun = time.monotonic()
        log.fail(address, 5)
        wait(lambda: address in network.host.run(["nft", "list", "table", "inet", "logban"]))  # noqa: B023  # it is called at once
        waits.append(time.monotonic() - begun)
    return sorted(waits)


def _memory(pid: int) -> int:
    """Give the KiB that a process holds."""
    with Path(f"/proc/{pid}/status").open(encoding="ascii") as status:
        (line,) = [line for line in status if line.startswith("VmRSS:")]
    return int(line.split()[1])
