# SPDX-License-Identifier: MIT
"""The shipped configuration judges the scenes as it should, with nobody tuning it."""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from catalogue import ALL
from scenes import DAY, START, Scene, beginning_of

ROOT = Path(__file__).parents[2]
CLIENT = Path(sys.executable).with_name("logban-client")


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the replay."""

    kind: str
    subject: dict[str, str]
    time: float

    @property
    def network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
        """The addresses that are banned, if any are."""
        text = self.subject.get("ip") or self.subject.get("net")
        if self.subject["kind"] in ("ip", "net") and text:
            return ipaddress.ip_network(text)
        return None


def replay(scene: Scene, directory: Path) -> list[Event]:
    """Replay a scene as an admin does; give the events."""
    path = directory / "full"
    path.write_text("".join(f"{line}\n" for _, line in scene.write().lines()))
    now = "2026-11-22T00:00:00+00:00"
    done = subprocess.run(
        [str(CLIENT), "--config", str(ROOT), "replay", str(path), "--jail", scene.jail, "--json",
         "--now", now],
        capture_output=True, text=True, check=False, env={**os.environ, "TZ": "UTC"},
    )  # fmt: skip
    assert done.returncode in {0, 1}, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return [Event(each["event"], each["subject"], each["time"]) for each in found]


@pytest.mark.parametrize("scene", ALL, ids=lambda each: each.name)
def test_a_scene(scene: Scene, tmp_path: Path) -> None:
    events = replay(scene, tmp_path)
    expected = scene.expected
    bans = [event for event in events if event.kind == "ban" and event.network is not None]
    said = "\n".join(map(str, events[:20]))
    if expected.quiet:
        assert not events, said
    for address in expected.safe:
        one = ipaddress.ip_address(address)
        assert not [each for each in bans if one in each.network], f"{address} is banned\n{said}"
    for address, within in expected.banned.items():
        network = ipaddress.ip_network(address)
        began = first_failure(scene, address)
        reached = [each for each in bans if covers(each.network, network)]
        assert reached, f"{address} is never banned\n{said}"
        assert reached[0].time - began <= within, f"{reached[0].time - began:.0f} s\n{said}"
    for user, address in expected.held:
        pair = {"kind": "user-ip", "user": user, "ip": address}
        of_pair = [each for each in events if each.subject == pair]
        assert {each.kind for each in of_pair} & {"suspend", "notice"}, said
        notices = [each for each in of_pair if each.kind == "notice"]
        assert len(notices) <= 2, said
    for user in expected.protected:
        subject = {"kind": "user", "user": user}
        kinds = {each.kind for each in events if each.subject == subject}
        assert kinds & {"suspend", "notice"}, said
    if expected.most_bans is not None:
        assert len(bans) <= expected.most_bans, f"{len(bans)} bans"


def covers(outer, inner) -> bool:
    """Tell whether a ban reaches all of a network, or of an attacker's place in it."""
    return outer.version == inner.version and inner.subnet_of(outer)


def first_failure(scene: Scene, address: str) -> float:
    """Give when an address first failed, as the log has it."""
    start = beginning_of(address)
    marks = ("failed", "rejected", "Error", "Invalid")
    for time, line in scene.write().lines():
        if start in line and any(mark in line for mark in marks):
            return time
    raise AssertionError(f"{address} never fails in {scene.name}")


def test_the_scenes_are_of_one_day() -> None:
    for scene in ALL:
        times = [time for time, _ in scene.write().lines()]
        assert min(times) >= START, scene.name
        assert max(times) < START + DAY + 1, scene.name
