#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure the daemon that reads logs: against fail2ban's, with many jails, during a catch-up.

    bench/serving.py             all of it; some minutes
    bench/serving.py --smoke     a little of each: does it run at all?
    bench/serving.py jails       one part: servers, jails, catch-up

*servers*: the same lines are appended to a log that logban-server and fail2ban-server follow, one
after the other, each with its own filter for Asterisk, five failures within an hour, and no action
but to ban.  A part is over when an attacker in the log's last lines is banned.  *jails*: ninety
jails with different filters on a log, or with the same one, against one.  *catch-up*: how long the
control socket takes to answer while a big file is read.  CPU is user and system time, of the daemon
alone, from the first line on, until all is in its database.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Final, cast

from logban.errors import DaemonNotRunning, TryAgain
from logban.ledger.checkpoints import LATEST
from logban.testing.namespaces import Namespace
from logban.testing.running import RunningServer

ROOT: Final = Path(__file__).parent.parent
LAST: Final = "203.0.113.250"
JAILS: Final = 90
COMMITTED: Final = LATEST + 0.5
"""Seconds after which what the last lines led to has been written to the database as well."""
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_WITHIN: Final = 600.0

LOGBAN_JAIL: Final = """[{name}]
enabled = true
filter = {filter}
logpath = {log}
maxretry = 5
findtime = 1h
bantime = 1h
action =
max_bans_per_minute = 0
"""
FAIL2BAN: Final = """[Definition]
loglevel = ERROR
logtarget = {folder}/fail2ban.log
syslogsocket = auto
socket = {folder}/f
pidfile = {folder}/pid
dbfile = {folder}/fail2ban.sqlite3
dbpurgeage = 1d
"""
FAIL2BAN_JAIL: Final = """[asterisk]
enabled = true
filter = asterisk
logpath = {log}
backend = auto
maxretry = 5
findtime = 1h
bantime = 1h
action = nothing
"""
# The shipped filter's lines for Asterisk are the first jail's; the others know programs of theirs.
OTHER: Final = """[Definition]
datepattern = {{^LN-BEG}}
_head = ^ \\S+ program-{number}\\[\\d+\\]:
failregex = %(_head)s login of \\S+ from <HOST> refused$
            %(_head)s <HOST> sent what nobody asked for: .+$
            %(_head)s too many calls from <HOST>, code {number}$
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything there is: lines by the share of attacks, jails, bytes."""

    lines: dict[float, int]
    jails: int
    jail_lines: int
    catch_up: int
    times: int = 3


@dataclass(frozen=True, slots=True)
class Spent:
    """What a part took, and how many are banned behind it."""

    wall: float
    cpu: float
    bans: int


def cpu(pid: int) -> float:
    """Give the CPU time of a process so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def until(look: Callable[[], bool], pause: float = 0.1) -> None:
    """Wait until something is so; TimeoutError if it is not in time."""
    deadline = time.monotonic() + _WITHIN
    while not look():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(pause)


def at_rest(pid: int) -> bool:
    """Wait until a process seems to have nothing to do: to ask it is work, too."""
    before = -1.0
    while before != (before := cpu(pid)):
        time.sleep(0.5)
    return True


def generate(path: Path, lines: int, share: float, ips: int) -> str:
    """Write a log whose lines are of the last minute; give its text, and at the end the last one.

    ``ips`` is the number of attackers.
    """
    command = [sys.executable, str(ROOT / "bench" / "genlog.py"), "--lines", str(lines)]
    command += ["--attack", str(share), "--ips", str(ips), "-o", str(path)]
    command += ["--start", str(int(time.time()) - 60), "--span", "60"]
    subprocess.run(command, check=True)
    now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    last = (
        f"[{now}] NOTICE[1234] chan_sip.c: Registration from '<sip:9@203.0.113.5>' failed for "
        f"'{LAST}:5060' - Wrong password\n"
    )
    return path.read_text() + last * 5


def answers(server: RunningServer, command: str, **arguments: object) -> dict[str, object]:
    """Ask a daemon that may not answer yet."""
    with suppress(DaemonNotRunning, TryAgain):
        return server.ask(command, **arguments)
    return {}


@contextmanager
def logban(folder: Path, filters: dict[str, str], log: Path) -> Iterator[RunningServer]:
    """Run our daemon with a jail for each of some filters; their engines are made."""
    namespace = Namespace()
    server = RunningServer(namespace, folder)
    try:
        for name in ("asterisk.conf",):
            shutil.copy(ROOT / "filters.d" / name, server.config / "filters.d" / name)
        for name, filter_ in filters.items():
            server.write(
                f"jails.d/{name}.conf", LOGBAN_JAIL.format(name=name, filter=filter_, log=log)
            )
        for number in range(JAILS):
            server.write(f"filters.d/other-{number}.conf", OTHER.format(number=number))
        server.launch()  # ninety filters take their time
        until(lambda: all(engine == "full" for engine in _engines(server)))
        yield server
    finally:
        server.kill()
        namespace.remove()


def _engines(server: RunningServer) -> list[str]:
    jails = cast("list[dict[str, str]]", answers(server, "status").get("jails", []))
    return [jail["engine"] for jail in jails if jail["name"] != "manual"] or [""]


@contextmanager
def fail2ban(folder: Path, log: Path) -> Iterator[tuple[int, Callable[..., str]]]:
    """Run fail2ban's; give its number, and what asks it."""
    config = folder / "fail2ban"
    for part in ("filter.d", "action.d"):
        (config / part).mkdir(parents=True)
        for path in Path("/etc/fail2ban", part).iterdir():
            (config / part / path.name).symlink_to(path)
    (config / "action.d" / "nothing.conf").write_text("[Definition]\nactionban =\nactionunban =\n")
    (config / "fail2ban.conf").write_text(FAIL2BAN.format(folder=folder))
    (config / "jail.conf").write_text(FAIL2BAN_JAIL.format(log=log))
    where = ["-c", str(config), "-s", f"{folder}/f", "-p", f"{folder}/pid"]
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"}
    process = subprocess.Popen(
        ["fail2ban-server", "-xf", *where, "start"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment,
    )  # fmt: skip

    def ask(*words: str) -> str:
        done = subprocess.run(
            ["fail2ban-client", *where, *words], capture_output=True, text=True, check=False
        )
        return done.stdout

    try:
        until(lambda: "asterisk" in ask("status"))
        yield process.pid, ask
    finally:
        process.terminate()
        process.wait()


def of_logban(folder: Path, text: str) -> Spent:
    """Let our daemon read some lines that are appended to its log."""
    log, last = folder / "full", {"kind": "ip", "ip": LAST}
    log.touch()
    with logban(folder, {"asterisk": "asterisk"}, log) as server:
        began, before = time.monotonic(), cpu(server.pid)
        with log.open("a") as file:
            file.write(text)
        until(lambda: at_rest(server.pid) and bool(server.ask("banned", subjects=[last])["bans"]))
        wall = time.monotonic() - began
        time.sleep(COMMITTED)
        return Spent(wall, cpu(server.pid) - before, len(server.bans()))


def of_fail2ban(folder: Path, text: str) -> Spent:
    """Let fail2ban's daemon read the same."""
    log = folder / "full"
    log.touch()
    with fail2ban(folder, log) as (pid, ask):
        began, before = time.monotonic(), cpu(pid)
        with log.open("a") as file:
            file.write(text)
        until(lambda: at_rest(pid) and LAST in ask("get", "asterisk", "banip"))
        bans = ask("get", "asterisk", "banip").split()
        return Spent(time.monotonic() - began, cpu(pid) - before, len(bans))


@contextmanager
def scratch() -> Iterator[Path]:
    """Give a directory that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="logban-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def servers(size: Size) -> None:
    """Measure daemon against daemon."""
    for share, lines in size.lines.items():
        with scratch() as folder:
            text = generate(folder / "log", lines, share, max(1, round(lines * share / 10)))
            (folder / "ours").mkdir()
            (folder / "theirs").mkdir()
            ours = of_logban(folder / "ours", text)
            theirs = of_fail2ban(folder / "theirs", text)
        print(
            f"servers, {lines} lines, {share:.0%} attacks:"
            f" logban {ours.cpu:.2f} s CPU ({ours.wall:.1f} s), {ours.bans} bans;"
            f" fail2ban {theirs.cpu:.2f} s ({theirs.wall:.1f} s), {theirs.bans} bans;"
            f" {theirs.cpu / max(ours.cpu, 1 / _TICKS):.1f} times"
        )


def of_jails(filters: dict[str, str], text: str) -> float:
    """Give the CPU time of reading some lines with some jails."""
    with scratch() as folder:
        log = folder / "full"
        log.touch()
        with logban(folder, filters, log) as server:
            before = 0.0
            # From the first lines it is learned what to look for.
            for part in (text[: text.index("\n", 100_000) + 1], text):
                before = cpu(server.pid)
                with log.open("a") as file:
                    file.write(part)
                until(lambda: at_rest(server.pid) and _read(server) == log.stat().st_size)
            return cpu(server.pid) - before


def _read(server: RunningServer) -> int:
    (source,) = cast("list[dict[str, int]]", answers(server, "status").get("sources", [{}]))
    return source.get("offset", -1)


def jails(size: Size) -> None:
    """Measure many jails on a log against one."""
    one = {"asterisk": "asterisk"}
    others = {f"other-{number}": f"other-{number}" for number in range(size.jails - 1)}
    same = {f"same-{number}": "asterisk" for number in range(size.jails - 1)}
    for share in size.lines if size.times == 1 else (0.01, 0.5):
        with scratch() as folder:
            text = generate(folder / "log", size.jail_lines, share, 100_000)
        taken = [
            median(of_jails(one | more, text) for _ in range(size.times))
            for more in ({}, others, same)
        ]
        print(
            f"jails, {size.jail_lines} lines, {share:.0%} attacks: one {taken[0]:.2f} s CPU,"
            f" {size.jails} different ones {taken[1]:.2f} s"
            f" ({taken[1] / max(taken[0], 1 / _TICKS):.2f} times),"
            f" {size.jails} of one filter {taken[2]:.2f} s"
            f" ({taken[2] / max(taken[0], 1 / _TICKS):.2f} times)"
        )


def catch_up(size: Size) -> None:
    """Measure what the control socket takes to answer while a big file is read."""
    with scratch() as folder:
        log = folder / "full"
        log.touch()
        with logban(folder, {"asterisk": "asterisk"}, log) as server:
            text = generate(folder / "log", 100_000, 0.01, 1_000).encode()
            big = folder / "big"
            with big.open("wb") as file:
                while file.tell() < size.catch_up:
                    file.write(text)
            began, before = time.monotonic(), cpu(server.pid)
            big.rename(log)  # a file that nobody has read from
            took: list[float] = []
            until(lambda: _read(server) > 0, 0.005)
            while True:
                asked = time.monotonic()
                done = _read(server) == log.stat().st_size
                took.append((time.monotonic() - asked) * 1000)
                if done:
                    break
                time.sleep(0.02)
            wall, used = time.monotonic() - began, cpu(server.pid) - before
    took += took[:1]
    print(
        f"catch-up, {size.catch_up / 1e6:.0f} MB in {wall:.1f} s, {used:.1f} s CPU:"
        f" status answered {len(took)} times, p50 {median(took):.1f} ms,"
        f" p99 {quantiles(took, n=100)[98]:.1f} ms, most {max(took):.1f} ms"
    )


PARTS: Final[dict[str, Callable[[Size], None]]] = {
    "servers": servers,
    "jails": jails,
    "catch-up": catch_up,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="all, if none is named")
    parser.add_argument("--smoke", action="store_true", help="a little of each")
    options = parser.parse_args(arguments)
    size = Size({0.01: 1_000_000, 0.5: 200_000, 1.0: 100_000}, JAILS, 1_000_000, 1_000_000_000)
    if options.smoke:
        size = Size({0.5: 2_000}, 5, 5_000, 5_000_000, 1)
    for name in options.parts or PARTS:
        PARTS[name](size)


if __name__ == "__main__":
    main()
