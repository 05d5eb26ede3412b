#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Let a real daemon work under mixed load for a while, and see that nothing grows or is lost.

    soak.py --seconds 600 --rate 2000

In a network namespace of its own: attacks and other lines, rotation by rename and by
copytruncate, bans that end, reloads that change the jails, questions and orders of admins.
Exits with 1 if memory, descriptors or threads grow once it is warm, if a line was lost or
doubled, if drift was found, or if the daemon itself says that something is wrong.  Root is needed.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from logban.errors import LogbanError
from logban.testing.lines import LogFile, asterisk_line, wrong_password
from logban.testing.namespaces import Namespace
from logban.testing.running import RunningServer

ROOT = Path(__file__).parent.parent
SLACK_KIB = 6 * 1024
SLACK_SHARE = 0.05
"""What memory may differ by between the third and the last quarter: the larger of the two."""

ATTACKERS = 1000
"""Addresses that attack, again and again: what is remembered of each has its bounds, and is to have
reached them when memory is first looked at."""

BENIGN = (
    "chan_sip.c: -- Registered SIP '2001' at 192.0.2.10:5060",
    'pbx.c: -- Executing [100@internal:1] Answer("SIP/2001-0000", "") in new stack',
    "chan_sip.c: Peer '2001' is now Reachable. (12ms / 2000ms)",
)


@dataclass(frozen=True)
class Sample:
    """What the daemon holds at one moment."""

    memory: int
    descriptors: int
    threads: int


@dataclass
class Load:
    """What is done to the daemon, and how often it was."""

    server: RunningServer
    log: LogFile
    rate: int
    rotate_every: float
    is_long: bool
    over: threading.Event = field(default_factory=threading.Event)
    lines: int = 0
    rotations: int = 0
    reloads: int = 0
    orders: int = 0
    faults: list[str] = field(default_factory=list)

    def write(self) -> None:
        """Write lines at the rate, an attack of five now and then, and rotate the log."""
        draw = random.Random(7)
        begun = rotated = time.monotonic()
        while not self.over.is_set():
            due = int((time.monotonic() - begun) * self.rate) - self.lines
            for _ in range(min(due, self.rate)):
                if draw.random() < 0.02:
                    number = draw.randrange(ATTACKERS)
                    address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
                    # Not the customer of the other lines: what is his is judged otherwise.
                    tried = (wrong_password(address, user="admin") for _ in range(5))
                    self.log.write("".join(tried))
                    self.lines += 5
                else:
                    self.log.write(asterisk_line(draw.choice(BENIGN)))
                    self.lines += 1
            if time.monotonic() - rotated > self.rotate_every:
                rotated = time.monotonic()
                self._rotate()
            self.over.wait(0.02)

    def _rotate(self) -> None:
        """Rotate by rename and by copytruncate in turns; of the older logs few are kept."""
        path = self.log.path
        older = path.with_name(f"{path.name}.1")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.2"))
        if self.rotations % 2:
            # Lines that are written between copy and truncation nobody could see: none are.
            self._let_it_catch_up()
            shutil.copyfile(path, older)
            with path.open("r+b") as file:
                file.truncate(0)
        else:
            path.replace(older)
            self.log.reopen()
        self.rotations += 1

    def _let_it_catch_up(self) -> None:
        while not self.over.is_set() and lag(self.server):
            time.sleep(0.01)

    def reload(self) -> None:
        """Change a jail, and let the daemon read its configuration anew."""
        self.reloads += 1
        write_jail(self.server, self.log.path, maxretry=4 + self.reloads % 2)
        self.server.ask("reload")

    def order(self) -> None:
        """Do what admins do."""
        self.orders += 1
        address = f"203.0.113.{self.orders % 250 + 1}"
        subject = {"kind": "ip", "ip": address}
        self.server.ask("ban", subjects=[subject], seconds=60, reason="soak")
        for command in ("status", "banned", "health", "unmatched", "allow-list"):
            self.server.ask(command)
        self.server.ask("why", subject=subject)
        self.server.ask("unban", subjects=[subject])

    def again(self, work: Callable[[], None], every: float) -> Callable[[], None]:
        """Make what does something again and again; a refusal is a fault."""

        def run() -> None:
            while not self.over.wait(every):
                try:
                    work()
                except LogbanError as error:
                    self.faults.append(f"{work.__name__}: {error}")

        return run


def lag(server: RunningServer) -> int:
    """Give the bytes that are not read yet."""
    sources = server.ask("status")["sources"]
    return sum(source["lag"] for source in sources)  # type: ignore[attr-defined]  # JSON


def write_jail(server: RunningServer, log: Path, maxretry: int) -> None:
    """Write the jails: bans are short, so that they end all the time."""
    text = (
        "[soak]\nenabled = yes\nfilter = asterisk\n"
        f"logpath = {log}\nmaxretry = {maxretry}\nfindtime = 20\nbantime = 5\naction = nftables\n"
    )
    server.write("jails.d/soak.conf", text)


def sample(pid: int) -> Sample:
    """Look at a process from outside."""
    process = Path(f"/proc/{pid}")
    values = dict(
        line.split(":", 1) for line in (process / "status").read_text("ascii").splitlines()
    )
    return Sample(
        int(values["VmRSS"].split()[0]),
        len(list((process / "fd").iterdir())),
        int(values["Threads"]),
    )


def soak(directory: Path, seconds: float, rate: int) -> list[str]:
    """Let it work; print the figures, give what is wrong."""
    space = Namespace()
    server = RunningServer(space, directory)
    log = LogFile(directory / "full")
    try:
        shutil.copytree(ROOT / "filters.d", server.config / "filters.d", dirs_exist_ok=True)
        server.write("logban.conf", f"[server]\nmetrics_file = {directory}/logban.prom\n")
        write_jail(server, log.path, maxretry=5)
        server.start()
        load = Load(server, log, rate, rotate_every=max(3.0, seconds / 100), is_long=seconds > 240)
        samples = under_load(load, seconds)
        return judge(load, samples)
    finally:
        log.close()
        server.stop()
        space.remove()


def under_load(load: Load, seconds: float) -> list[Sample]:
    """Put the daemon under load for so long; give what it held, second by second."""
    works = [
        load.write,
        load.again(load.reload, max(1.0, seconds / 60)),
        load.again(load.order, 0.5),
    ]
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    samples = []
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end and all(thread.is_alive() for thread in threads):
            time.sleep(min(1.0, seconds / 40))
            samples.append(sample(load.server.pid))
    finally:
        load.over.set()
        for thread in threads:
            thread.join()
    return samples


def judge(load: Load, samples: list[Sample]) -> list[str]:
    """Wait until the last line is read; print what there is to tell, give what is wrong."""
    server = load.server
    server.wait(lambda: lag(server) == 0, 60)
    status = server.ask("status")
    (jail,) = [each for each in status["jails"] if each["name"] == "soak"]  # type: ignore[index,attr-defined]  # JSON
    read = sum(each["lines"] for each in status["sources"])  # type: ignore[attr-defined]  # JSON
    drift = sum(action["drift"] for action in jail["actions"])
    alarms = [alarm["message"] for alarm in server.ask("health")["alarms"]]  # type: ignore[attr-defined]  # JSON
    third, last = samples[len(samples) // 2 : -len(samples) // 4], samples[-len(samples) // 4 :]
    print(f"lines written {load.lines}, read {read}; bans {jail['banned_total']}, in force now "
          f"{jail['banned']}; rotations {load.rotations}, reloads {load.reloads}, "
          f"rounds of orders {load.orders}, drift {drift}")  # fmt: skip
    wrong = [*load.faults, *alarms]
    if read != load.lines:
        wrong.append(f"{load.lines - read} lines lost (less than 0: doubled)")
    if drift:
        said = [line for line in server.log.splitlines() if "repaired drift" in line]
        wrong.append("\n".join([f"drift: {drift} bans", *said]))
    if not jail["banned_total"]:
        wrong.append("nobody was banned")
    # A log that was rotated is kept open for a minute: in a short run they only become more.
    few = 2 if load.is_long else 2 + load.rotations
    for name, slack in (("memory", SLACK_KIB), ("descriptors", few), ("threads", 2)):
        values = [[getattr(each, name) for each in part] for part in (samples[:5], third, last)]
        first, before, after = map(median, values)
        unit = " KiB" if name == "memory" else ""
        print(f"{name}: {first:.0f}{unit} at first, {before:.0f}{unit} in the third quarter, "
              f"{after:.0f}{unit} in the last, {max(values[2]):.0f}{unit} at the most")  # fmt: skip
        if after - before > max(slack, before * SLACK_SHARE if name == "memory" else 0):
            wrong.append(f"{name} grows: {before:.0f} -> {after:.0f}{unit}")
    return wrong


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--rate", type=int, default=2000, help="lines a second (%(default)s)")
    options = parser.parse_args()
    # A socket's path has 107 bytes.
    directory = Path(tempfile.mkdtemp(prefix="logban-soak-"))
    try:
        wrong = soak(directory, options.seconds, options.rate)
    finally:
        shutil.rmtree(directory)
    for each in wrong:
        print(f"WRONG: {each}")  # asked for
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
