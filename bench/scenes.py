#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure what logban and fail2ban make of the same scenes, both as they are shipped.

The scenes are those of tests/scenarios.  logban replays each with the shipped jail.  fail2ban's
part is played by its own asterisk filter (fail2ban-regex) and its own counting (FailManager of the
installed package), with the settings of the [asterisk] jail in its jail.conf.

    bench/scenes.py > table.md
"""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "scenarios"))

from catalogue import ALL  # noqa: E402  # found by the line above
from scenes import Scene, beginning_of  # noqa: E402  # likewise

CLIENT = Path(sys.executable).with_name("logban-client")
FILTER = "/etc/fail2ban/filter.d/asterisk.conf"
ENVIRONMENT = {**os.environ, "TZ": "UTC"}
MOST_NAMED = 10
"""Customers of a scene that are named one by one."""
MARKS = ("failed", "rejected", "Error", "Invalid")

# jail.conf of fail2ban 1.0.2: [DEFAULT] findtime and bantime, [asterisk] maxretry.
COUNTING = """
import ast, sys
from fail2ban.server.failmanager import FailManager, FailManagerEmpty
from fail2ban.server.ticket import FailTicket
counted = FailManager()
counted.setMaxRetry(10)
counted.setMaxTime(600)
until = {}
for line in sys.stdin:
    ip, time, _ = ast.literal_eval(line.strip().rstrip(","))
    if until.get(ip, 0) > time:
        continue
    counted.addFailure(FailTicket(ip, time))
    try:
        while True:
            ticket = counted.toBan(ip)
            until[ticket.getID()] = time + 600
            print(ticket.getID(), time)
    except FailManagerEmpty:
        pass
"""


@dataclass(slots=True)
class Bans:
    """Who was banned when first, and what else was done."""

    first: list[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, float]] = field(
        default_factory=list
    )
    others: set[str] = field(default_factory=set)

    def of(self, address: str) -> float | None:
        """Give when an address or a network was first banned as a whole."""
        asked = ipaddress.ip_network(address)
        times = [
            time
            for network, time in self.first
            if network.version == asked.version and asked.subnet_of(network)
        ]
        return min(times, default=None)


def by_logban(scene: Scene, path: Path) -> Bans:
    """Replay a scene with the shipped jail."""
    command = [str(CLIENT), "--config", str(ROOT), "replay", str(path), "--jail", scene.jail]
    command += ["--json", "--now", "2026-11-22T00:00:00+00:00"]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    if done.returncode not in {0, 1}:
        sys.exit(done.stderr)
    bans = Bans()
    for line in done.stdout.splitlines():
        event = json.loads(line)
        subject = event["subject"]
        where = subject.get("net") or subject.get("ip")
        if event["event"] == "ban" and subject["kind"] in {"ip", "net"}:
            bans.first.append((ipaddress.ip_network(where), event["time"]))
        elif event["event"] in {"suspend", "notice"}:
            bans.others.add("@".join(filter(None, (subject.get("user"), where))))
    return bans


def by_fail2ban(path: Path) -> Bans:
    """Let fail2ban's filter find the failures and its counting judge them."""
    rows = subprocess.run(
        ["fail2ban-regex", "-o", "row", str(path), FILTER],
        capture_output=True, text=True, env=ENVIRONMENT, check=True,
    )  # fmt: skip
    said = subprocess.run(
        ["/usr/bin/python3", "-c", COUNTING],
        input="".join(f"{row}\n" for row in rows.stdout.splitlines() if row.startswith("[")),
        capture_output=True, text=True, env=ENVIRONMENT, check=True,
    )  # fmt: skip
    found = (line.split() for line in said.stdout.splitlines())
    return Bans([(ipaddress.ip_network(ip), float(time)) for ip, time in found])


def told(scene: Scene, bans: Bans, began: dict[str, float]) -> str:
    """Say in a few words what became of a scene, and whether that is right."""
    expected = scene.expected
    words = []
    hit = [address for address in expected.safe if bans.of(address) is not None]
    if len(expected.safe) > MOST_NAMED:
        words.append(f"{len(expected.safe) - len(hit)} households: safe")
        words += [f"**{len(hit)} households: banned**"] if hit else []
    else:
        words += [
            f"**{each}: banned**" if each in hit else f"{each}: safe" for each in expected.safe
        ]
    for address, within in expected.banned.items():
        at = bans.of(address)
        if at is None:
            words.append(f"**{address}: never banned**")
        else:
            late = at - began[address]
            text = f"{address}: after {late:.0f} s"
            words.append(text if late <= within else f"**{text}**")
    if expected.quiet:
        words.append("**customers banned**" if bans.first else "nobody banned")
    if expected.most_bans is not None:
        text = f"{len(bans.first)} bans"
        words.append(text if len(bans.first) <= expected.most_bans else f"**{text}**")
    words += [f"{other}: held" for other in sorted(bans.others)[:3]]
    return "; ".join(words)


def beginnings(scene: Scene) -> dict[str, float]:
    """Give when each address that is to be banned first fails, as the log has it."""
    found: dict[str, float] = {}
    for time, line in scene.write().lines():
        for address in scene.expected.banned:
            if beginning_of(address) in line and any(mark in line for mark in MARKS):
                found.setdefault(address, time)
    return found


def main() -> None:
    """Print the table."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "full"
        for scene in ALL:
            path.write_text("".join(f"{line}\n" for _, line in scene.write().lines()))
            began = beginnings(scene)
            logban = told(scene, by_logban(scene, path), began)
            # fail2ban ships no filter for Kamailio.
            other = (
                "no filter" if scene.jail == "kamailio" else told(scene, by_fail2ban(path), began)
            )
            name, _, program = scene.name.rpartition(" (")
            rows.setdefault((name, logban, other), []).append(program.removesuffix(")"))
    print("| scene | logban | fail2ban |")
    print("| --- | --- | --- |")
    for (name, logban, other), programs in rows.items():
        print(f"| {name} ({', '.join(programs)}) | {logban} | {other} |")


if __name__ == "__main__":
    main()
