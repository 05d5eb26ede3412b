# SPDX-License-Identifier: MIT
"""kill -9 at random instants, under load: nothing is lost, resurrected or doubled."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import pytest

from logban.actions.nftables import reading
from logban.actions.nftables.nfnetlink import Requests
from logban.actions.protocols import Missing
from logban.errors import LogbanError
from logban.testing.forking import QuickServer
from logban.testing.lines import LogFile, asterisk_line, wrong_password
from logban.testing.namespaces import Network

KILLS = 100
KILLS_OF_A_RUN = 500  # each start takes up all that the database holds: more would be slower
LONGEST = 1.2  # times what a start takes until all is in force
OTHER = "198.51.100.250"
FILTERS = Path(__file__).parents[2] / "filters.d"
ROUNDS = 10
PACKET = "pjproject: \t        sip_endpoint.c Error processing packet from 198.51.100.7:5060: x"
COUNTED = [f"192.0.2.{number}" for number in range(100, 150)]


def attacker(number: int) -> str:
    return f"203.{number >> 16}.{number >> 8 & 255}.{number & 255}"


class Attack:
    """A log under load: noise, failures that are counted, one attacker after another, rotation."""

    def __init__(self, path: Path) -> None:
        self.log = LogFile(path)
        self.written: Counter[str] = Counter()
        self.lines = 0
        self.rotations = 0
        self.attackers: list[str] = []
        self._chance = random.Random(1)  # noqa: S311  # it need not be secret
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def _write(self) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            noise = asterisk_line(f"pbx.c: call {number} goes its way, as nearly all", level="V")
            self._lines(noise * 20)
            for address in self._chance.sample(COUNTED, 3):
                self.written[address] += 1
                self._lines(wrong_password(address))
            if number % 5 == 0:
                address = attacker(number)
                for _ in range(5):
                    self._lines(wrong_password(address))
                self.attackers.append(address)
            if number % 60 == 0:
                self._rotate()
            time.sleep(0.01)

    def _lines(self, text: str) -> None:
        self.log.write(text)
        self.lines += text.count("\n")

    def _rotate(self) -> None:
        """Rename, and remove nothing: what nobody could have read is another matter."""
        self.rotations += 1
        self.log.path.rename(self.log.path.with_name(f"{self.log.path.name}.{self.rotations}"))
        self.log.reopen()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.log.close()


class Kernel:
    """Who is in the set, watched all the time: whoever was in it must stay, unless lifted."""

    def __init__(self, network: Network) -> None:
        with network.host.enter():
            self._requests = Requests()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.must: set[str] = set()
        self.gaps: list[tuple[str, float]] = []
        self.looks = 0
        self._thread = threading.Thread(target=self._watch)

    def read(self) -> set[str]:
        with self._lock:
            try:
                keys = [key for key, _ in reading.elements(self._requests, "pbx-ipv4")]
            except Missing:
                return set()
        return {socket.inet_ntoa(key) for key in keys}

    def _watch(self) -> None:
        while not self._over.wait(0.005):
            must = set(self.must)
            found = self.read()
            self.looks += 1
            absent = must - found
            for _ in range(5):  # a list that is read while one is extended may not show him at all
                absent = absent and absent - self.read()
            self.gaps += [(each, time.time()) for each in absent if each in self.must]

    @contextmanager
    def watched(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join()
            self._requests.close()


@dataclass
class Tally:
    """What came of all kills so far, of whichever run."""

    kills: int = 0
    lines: int = 0
    rotations: int = 0
    bans: int = 0
    lost: int = 0
    lifted: int = 0
    resurrected: int = 0
    failures: int = 0
    uncounted: int = 0
    doubled: int = 0
    gaps: int = 0
    looks: int = 0

    def add(self, run: Tally) -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(run, field.name))


@pytest.fixture(scope="module")
def tally(figures: list[str]) -> Iterator[Tally]:
    """Sum up what the runs have come to, for one sentence when all are over."""
    made = Tally()
    yield made
    figures.append(
        f"kill -9: {made.kills} times, {made.lines} lines, {made.rotations} rotations meanwhile; "
        f"{made.bans} bans to be in force, {made.lost} lost; {made.lifted} lifted by hand, "
        f"{made.resurrected} resurrected; {made.failures} failures written, {made.uncounted} "
        f"not counted, {made.doubled} doubled; {made.gaps} gaps in {made.looks} looks at the kernel"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Part the kills into runs, each with a database of its own."""
    if "kills" in metafunc.fixturenames:
        left = KILLS * int(os.environ.get("LOGBAN_FAULTS", "1"))
        runs = range(0, left, KILLS_OF_A_RUN)
        metafunc.parametrize("kills", [range(at, min(left, at + KILLS_OF_A_RUN)) for at in runs])


def seconds_to_start(server: QuickServer) -> float:
    """Start it and give how long it takes until what is in the ledger is in force."""
    begun = time.monotonic()
    server.start()
    server.wait(lambda: server.jail("pbx")["actions"][0]["state"] == "ok")  # type: ignore[index]  # JSON
    return time.monotonic() - begun


def unban_one(server: QuickServer, kernel: Kernel, lifted: dict[str, str]) -> None:
    """Lift a ban as an admin would; ``lifted`` tells whether the daemon said that it was done."""
    # One whose attack is over: nobody may ban him again.
    candidates = sorted(kernel.must - lifted.keys() - set(COUNTED))
    if not candidates:
        return
    address = random.choice(candidates)  # noqa: S311  # it need not be secret
    kernel.must.discard(address)
    lifted[address] = "asked"
    try:
        server.ask("unban", subjects=[{"kind": "ip", "ip": address}])
    except (LogbanError, OSError):
        return
    lifted[address] = "done"


def test_kill_at_any_instant(
    network: Network,
    server: QuickServer,
    jail: Callable[..., None],
    tmp_path: Path,
    kills: range,
    tally: Tally,
) -> None:
    jail(action="nftables")
    jail("counting", maxretry="1000000", maxmatches="1", action="")
    chance = random.Random(kills.start)  # noqa: S311  # it need not be secret
    kernel = Kernel(network)
    lifted: dict[str, str] = {}
    killed = 0
    start = seconds_to_start(server)  # who has never come to his first commit promises nothing
    server.kill()
    with Attack(tmp_path / "full") as attack, kernel.watched():
        while killed < len(kills) or len(kernel.must) <= 100 or "done" not in lifted.values():
            if killed % 10 == 0:  # what else the machine does decides how long a start takes
                start = seconds_to_start(server)
            else:
                server.launch()
                time.sleep(chance.uniform(0, LONGEST * start))
            if killed % 4 == 3 or killed % 10 == 0:
                unban_one(server, kernel, lifted)
            server.kill()
            killed += 1
            found = kernel.read()
            back = {address for address, how in lifted.items() if how == "done"} & found
            assert back == set(), f"resurrected after kill {killed}"
            assert kernel.must <= found, f"lost after kill {killed}: {kernel.must - found}"
            # From now on it is for the next daemon to keep them.
            kernel.must |= found - lifted.keys()
        server.start()
        before = len(kernel.must)
    server.wait(lambda: server.jail("counting")["failures_total"])
    size = attack.log.path.stat().st_size

    def has_read_all() -> bool:
        (source,) = server.ask("status")["sources"]  # type: ignore[misc]  # JSON
        return source["offset"] == size and source["lag"] == 0  # type: ignore[index]  # JSON

    server.wait(has_read_all)
    expected = set(attack.attackers) - lifted.keys()
    banned = server.bans()
    server.wait(lambda: all(ban["in_force"] for ban in server.bans().values()))
    found = kernel_of(network)
    server.stop()
    counted = counts(server.state / "logban.sqlite3")
    done = {address for address, how in lifted.items() if how == "done"}
    back = done & (found | banned.keys())
    lost = expected - (found & banned.keys())
    uncounted, doubled = attack.written - counted, counted - attack.written
    tally.add(
        Tally(
            kills=killed,
            lines=attack.lines,
            rotations=attack.rotations,
            bans=len(expected),
            lost=len(lost),
            lifted=len(done),
            resurrected=len(back),
            failures=attack.written.total(),
            uncounted=uncounted.total(),
            doubled=doubled.total(),
            gaps=len(kernel.gaps),
            looks=kernel.looks,
        )
    )
    assert before > 100
    assert done
    assert (uncounted, doubled) == (Counter(), Counter())
    assert lost == set()
    assert back == set()
    assert kernel.gaps == []


def test_a_failure_that_is_held_back_outlasts_the_daemon(
    server: QuickServer, jail: Callable[..., None], log: LogFile, figures: list[str], factor: int
) -> None:
    """A peer's packet is dumped into the log: what follows may be of it, or the program's own."""
    shutil.copytree(FILTERS, server.config / "filters.d", dirs_exist_ok=True)
    jail("counting", filter="asterisk", maxretry="1000000", maxmatches="1", judging="plain",
         action="")  # fmt: skip
    server.start()
    log.fail(OTHER, 10)  # so that the threads of this log tell something
    held = Counter[str]()
    for number in range(ROUNDS * factor):
        address, thread = attacker(number), str(30_000 + number)
        log.write(asterisk_line(PACKET, level="NOTICE[19675]"))
        log.write(wrong_password(address).replace("19675", thread))
        read_all(server, log)
        # What is ordered by hand is in the database when the answer comes, and all else with it.
        server.ask("allow-add", entry="192.0.2.1", note="")
        held[address] += 1
        if number % 3:
            server.kill()
        else:
            server.stop()
        assert address in noted(server.state / "logban.sqlite3")
        server.start()
        log.write(asterisk_line("pbx.c: " + "x" * 1000, level="VERBOSE[1]") * 80)
        log.write(wrong_password(OTHER).replace("19675", thread))
    read_all(server, log)
    # In each round a packet, the line behind it, and one of the same thread when it is over.
    server.wait(lambda: server.jail("counting")["failures"] == 10 + 3 * len(held))
    server.stop()
    found = counts(server.state / "logban.sqlite3", held)
    figures.append(
        f"held back at a kill or stop: {held.total()} failures in as many kills and stops, "
        f"{found.total()} counted, {(held - found).total()} lost, {(found - held).total()} doubled"
    )
    assert found == held


def noted(path: Path) -> str:
    """Give what is not over in the log, as the database has it."""
    database = sqlite3.connect(path)
    try:
        return str(database.execute("SELECT state FROM notes").fetchall())
    finally:
        database.close()


def read_all(server: QuickServer, log: LogFile) -> None:
    size = log.path.stat().st_size
    server.wait(lambda: server.ask("status")["sources"][0]["offset"] == size)  # type: ignore[index]  # JSON


def kernel_of(network: Network) -> set[str]:
    """Give who is in the kernel's set now."""
    with network.host.enter():
        requests = Requests()
    try:
        keys = [key for key, _ in reading.elements(requests, "pbx-ipv4")]
    finally:
        requests.close()
    return {socket.inet_ntoa(key) for key in keys}


def counts(path: Path, of: Iterable[str] = COUNTED) -> Counter[str]:
    """Give the failures that count, by address, as the database has them; it must be whole."""
    database = sqlite3.connect(path)
    try:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = database.execute("SELECT network, state FROM tracked WHERE jail = 'counting'")
        found = {str(network): len(json.loads(state)[0]) for network, state in rows}
    finally:
        database.close()
    return Counter({address: found.get(address, 0) for address in of})
