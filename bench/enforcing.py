#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure the way of a ban: from the log into nftables, back after a restart, and what it costs.

    bench/enforcing.py                    100,000 bans, 300 single ones, a flood of a million
    bench/enforcing.py --flood 5000000    the whole flood
    bench/enforcing.py --smoke            a few of each: does it run at all?

A real daemon in a network namespace of its own.  Bans are decided from the log, one failure each;
the single ones from the fifth.  CPU time is that of the daemon alone, and tells more than the wall
where the machine does other things as well.  Root is needed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Final, cast

from logban.actions.nftables import reading as nft_reading
from logban.actions.nftables.nfnetlink import FAMILY, Requests
from logban.errors import LogbanError
from logban.testing.namespaces import Namespace
from logban.testing.running import RunningServer

FILTER: Final = Path(__file__).parent.parent / "filters.d" / "sshd.conf"
JAIL: Final = """[{name}]
enabled = true
filter = sshd
judging = plain
logpath = {log}
maxretry = {maxretry}
findtime = 10m
bantime = 1h
action = nftables
max_bans_per_minute = 0
"""
NOISE: Final = (
    "pbx sshd[811]: Accepted publickey for deploy from 192.0.2.10 port 50122 ssh2",
    "pbx systemd[1]: Started Session 88 of user deploy.",
    "pbx kernel: eth0: link is up, 1000 Mbit/s, full duplex",
)
NOISE_RATE: Final = 25_000
_NEW_ELEMENT: Final = (10 << 8 | 12).to_bytes(2, sys.byteorder)  # NFT_MSG_NEWSETELEM
_SOL_NETLINK, _ADD_MEMBERSHIP, _NFTABLES = 270, 1, 7
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything there is."""

    bans: int
    singles: int
    flood: int
    statuses: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What something took: seconds of the wall clock, and of the daemon's CPU time."""

    wall: float
    user: float
    system: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} s, CPU {self.user:.2f} s user, {self.system:.2f} s system"


class Watch:
    """Tells what a daemon has spent since it was made."""

    def __init__(self, server: RunningServer, *, is_new: bool = False) -> None:
        self._server = server
        self._began = time.monotonic()
        self._user, self._system = (0.0, 0.0) if is_new else self._spent()

    def spent(self) -> Spent:
        """Give it."""
        user, system = self._spent()
        return Spent(time.monotonic() - self._began, user - self._user, system - self._system)

    def _spent(self) -> tuple[float, float]:
        fields = Path(f"/proc/{self._server.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) / _TICKS, int(fields[12]) / _TICKS


def line(address: str, number: int = 0) -> str:
    """Write a line of now in which an address fails, in a connection of its own."""
    now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    port = 40_000 + number
    return f"{now} pbx sshd[811]: Failed password for root from {address} port {port} ssh2\n"


def address(number: int, net: int = 0) -> str:
    """Give one of 16 million addresses."""
    return f"{20 + net}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def in_force(server: RunningServer, jail: str) -> int:
    """Give how many bans of a jail the daemon says are in force; 0 if it does not answer yet."""
    try:
        jails = cast("list[dict[str, object]]", server.ask("status")["jails"])
    except LogbanError:
        return 0
    (found,) = (each for each in jails if each["name"] == jail)
    (action,) = cast("list[dict[str, int]]", found["actions"])
    return action["in_force"] or 0


def in_kernel(namespace: Namespace, jail: str) -> int:
    """Count the elements of a jail's set."""
    with namespace.enter():
        kernel = Requests()
    try:
        return sum(1 for _ in nft_reading.elements(kernel, f"{jail}-ipv4"))
    finally:
        kernel.close()


def memory(server: RunningServer) -> str:
    """Tell what the daemon holds, and has held at the most."""
    text = Path(f"/proc/{server.pid}/status").read_text()
    now, most = (re.search(rf"{name}:\s+(\d+)", text) for name in ("VmRSS", "VmHWM"))
    return (
        f"{int(now[1]) / 1024:.0f} MB, at the most {int(most[1]) / 1024:.0f}"
        if now and most
        else ""
    )


def wait(server: RunningServer, jail: str, count: int, pause: float = 0.02) -> None:
    """Wait until so many are in force; to ask is work for the daemon as well."""
    deadline = time.monotonic() + 600
    while in_force(server, jail) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(server.log[-4000:])
        time.sleep(pause)


def many(server: RunningServer, log: Path, count: int) -> None:
    """Measure many bans at once, and their return after everything was flushed."""
    text = "".join(line(address(number)) for number in range(count))
    watch = Watch(server)
    with log.open("a") as file:
        file.write(text)
    wait(server, "many", count, 0.2)
    spent = watch.spent()
    found = in_kernel(server.namespace, "many")
    print(f"{count} bans from the log: {spent}; {count / spent.wall:,.0f} a second,"
          f" {count / spent.user:,.0f} a second of CPU; {found} in the kernel")  # fmt: skip
    print(f"memory with them: {memory(server)}")
    server.stop()
    server.namespace.run(["nft", "flush", "ruleset"])
    server.launch()
    watch = Watch(server, is_new=True)
    wait(server, "many", count)
    spent = watch.spent()
    found = in_kernel(server.namespace, "many")
    print(
        f"{count} bans restored after a start with an empty kernel: {spent}; {found} in the kernel"
    )


def status(server: RunningServer, times: int) -> None:
    """Measure the client's ``status``, and the daemon's part in it."""
    took = []
    asked = []
    for _ in range(times):
        began = time.monotonic()
        server.client("status")
        took.append(time.monotonic() - began)
        began = time.monotonic()
        server.ask("status")
        asked.append(time.monotonic() - began)
    print(f"logban-client status: {median(took) * 1000:.0f} ms,"
          f" the daemon's answer {median(asked) * 1000:.1f} ms")  # fmt: skip


@contextmanager
def told(namespace: Namespace) -> Iterator[socket.socket]:
    """Give a socket at which the kernel tells of each new element."""
    with namespace.enter():
        hearing = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, FAMILY)
    with hearing:
        hearing.bind((0, 0))
        hearing.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _NFTABLES)
        hearing.settimeout(30)
        yield hearing


def single(server: RunningServer, log: Path, count: int, net: int) -> list[float]:
    """Give the seconds from the write of a fifth failing line to the kernel's word of the ban."""
    took = []
    with told(server.namespace) as hearing, log.open("a") as file:
        for number in range(count):
            who = address(number, net)
            for nth in range(4):
                file.write(line(who, nth))
            file.flush()
            time.sleep(0.03)  # the four are read, and the daemon waits
            last, key = line(who, 4), socket.inet_aton(who)
            began = time.monotonic()
            file.write(last)
            file.flush()
            while True:
                heard = hearing.recv(1 << 16)
                if _NEW_ELEMENT in heard and key in heard:
                    break
            took.append(time.monotonic() - began)
    return took


def latency(server: RunningServer, log: Path, count: int) -> None:
    """Measure single bans, while nothing else happens and while the log grows fast."""
    for net, rate in enumerate((0, NOISE_RATE), 1):
        writer = None
        if rate:
            command = [sys.executable, __file__, "--noise", str(log), "--rate", str(rate)]
            writer = subprocess.Popen(command)
            time.sleep(1)
        try:
            took = [each * 1000 for each in single(server, log, count, net)]
        finally:
            if writer is not None:
                writer.terminate()
                writer.wait()
        last = quantiles(took, n=100)[98]
        print(f"from the fifth line to the kernel, beside {rate} lines a second:"
              f" p50 {median(took):.2f} ms, p99 {last:.2f} ms, most {max(took):.2f}")  # fmt: skip


def make_noise(path: Path, rate: int) -> None:
    """Write lines that are nobody's failure until ended."""
    began, written = time.monotonic(), 0
    with path.open("a") as file:
        while True:
            now = time.strftime("%Y-%m-%d %H:%M:%S ", time.gmtime())
            due = int((time.monotonic() - began) * rate) - written
            file.write("".join(f"{now}{NOISE[number % 3]}\n" for number in range(due)))
            file.flush()
            written += due
            time.sleep(0.002)


def flood(server: RunningServer, log: Path, count: int) -> None:
    """Measure the memory after one failure each from very many addresses."""
    watch = Watch(server)
    portion = 100_000
    for start in range(0, count, portion):
        numbers = range(start, min(start + portion, count))
        with log.open("a") as file:
            file.write("".join(line(address(number, 10)) for number in numbers))
        while _lag(server):
            time.sleep(0.5)
    print(f"one failure each from {count} addresses: {watch.spent()}; memory {memory(server)}")


def _lag(server: RunningServer) -> int:
    sources = cast("list[dict[str, int]]", server.ask("status")["sources"])
    return sum(source["lag"] for source in sources)


def measure(directory: Path, size: Size) -> None:
    """Measure all of it."""
    namespace = Namespace()
    server = RunningServer(namespace, directory)
    try:
        logs = {name: directory / f"{name}.log" for name in ("many", "single")}
        server.write("filters.d/sshd.conf", FILTER.read_text())
        for (name, log), maxretry in zip(logs.items(), (1, 5), strict=True):
            log.touch()
            text = JAIL.format(name=name, log=log, maxretry=maxretry)
            server.write(f"jails.d/{name}.conf", text)
        server.start()
        print(f"memory after the start: {memory(server)}")
        latency(server, logs["single"], size.singles)
        many(server, logs["many"], size.bans)
        flood(server, logs["single"], size.flood)
        status(server, size.statuses)
    finally:
        server.kill()
        namespace.remove()


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--bans", type=int, default=100_000)
    parser.add_argument("--singles", type=int, default=300)
    parser.add_argument("--flood", type=int, default=1_000_000)
    parser.add_argument("--smoke", action="store_true", help="a few of each")
    parser.add_argument("--noise", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--rate", type=int, default=NOISE_RATE, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.noise is not None:
        make_noise(options.noise, options.rate)
    size = Size(options.bans, options.singles, options.flood, 10)
    directory = Path(tempfile.mkdtemp(prefix="logban-bench-"))
    try:
        measure(directory, Size(500, 5, 2000, 1) if options.smoke else size)
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
