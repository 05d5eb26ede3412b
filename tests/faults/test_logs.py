# SPDX-License-Identifier: MIT
"""What can happen to a log and to what it takes to read it: nothing of it loses a line."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from logban.testing.forking import QuickServer
from logban.testing.lines import LogFile, asterisk_line
from logban.testing.namespaces import BAD, NEIGHBOUR, Network
from logban.testing.running import Answer, RunningServer
from logban.testing.waiting import LIMIT

MEGABYTE = 1_000_000
NOISE = asterisk_line(
    "pbx.c: " + "a call goes its way, as nearly all of them do " * 3, level="V[1]"
)
OTHER = "203.0.113.50"


def source(server: RunningServer, path: Path) -> Answer:
    """Give what ``status`` says of a file."""
    sources = cast("list[Answer]", server.ask("status")["sources"])
    return next(each for each in sources if each["path"] == str(path))


@pytest.mark.parametrize("thing", ["directory", "FIFO"])
def test_a_log_that_is_replaced_by_something_else(
    thing: str, server: QuickServer, jail: Callable[..., None], log: LogFile
) -> None:
    jail(action="nftables")
    jail("other", logpath=str(log.path.with_name("other")), action="nftables")
    server.start()
    log.fail(BAD, 4)
    server.wait(lambda: server.jail("pbx")["failures"] == 4)
    log.path.rename(log.path.with_name("full.1"))
    if thing == "directory":
        log.path.mkdir()
    else:
        os.mkfifo(log.path)
    server.wait(lambda: thing.lower() in str(source(server, log.path)["reason"]).lower())
    log.fail(BAD)  # into the one that was renamed: it is read on
    server.ban_of(BAD)
    other = LogFile(log.path.with_name("other"))
    other.fail(OTHER, 5)
    server.ban_of(OTHER)
    other.close()
    if thing == "directory":
        log.path.rmdir()
    else:
        log.path.unlink()
    log.reopen()
    log.fail(NEIGHBOUR, 5)
    server.ban_of(NEIGHBOUR)
    assert source(server, log.path)["reason"] == ""


def test_a_log_that_grows_by_a_hundred_megabytes_at_once(
    server: QuickServer,
    jail: Callable[..., None],
    log: LogFile,
    figures: list[str],
    factor: int,
) -> None:
    jail(action="nftables")
    server.start()
    log.fail(BAD, 4)
    server.wait(lambda: server.jail("pbx")["failures"] == 4)
    size = 100 * MEGABYTE * min(factor, 10)
    chunk = (NOISE * (MEGABYTE // len(NOISE))).encode()
    lines = 0
    begun = time.monotonic()
    with log.path.open("ab") as handle:
        while handle.tell() < size:
            lines += chunk.count(b"\n")
            handle.write(chunk)
    log.fail(BAD)
    longest = 0.0

    def is_banned() -> bool:
        nonlocal longest
        asked = time.monotonic()
        server.ask("status")
        longest = max(longest, time.monotonic() - asked)
        return BAD in server.bans()

    server.wait(is_banned, 5 * LIMIT)
    took = time.monotonic() - begun
    server.wait(lambda: server.jail("pbx")["lines"] == lines + 5)
    figures.append(
        f"a log that grew by {size // MEGABYTE} MB at once: {lines + 1} lines, all counted; banned "
        f"by the last one after {took:.1f} s; the slowest answer took {1000 * longest:.0f} ms"
    )


def test_ten_thousand_rotations(
    server: QuickServer,
    jail: Callable[..., None],
    log: LogFile,
    figures: list[str],
    factor: int,
) -> None:
    """In bursts: a program may rotate a hundred times before anybody has looked once."""
    jail("counting", maxretry="1000000", maxmatches="1", action="")
    server.start()
    rotations = 1000 if factor == 1 else 10_000
    kept = 200
    begun = time.monotonic()
    for number in range(1, rotations + 1):
        log.fail(OTHER)
        log.path.rename(log.path.with_name(f"full.{number}"))
        log.reopen()
        log.path.with_name(f"full.{number - kept}").unlink(missing_ok=True)
        if number % 100 == 0:
            server.wait(lambda: server.jail("counting")["failures_total"] == number)  # noqa: B023  # it is called at once
    took = time.monotonic() - begun
    server.wait(lambda: source(server, log.path)["lag"] == 0)
    descriptors = len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
    counted = server.jail("counting")["failures_total"]
    figures.append(
        f"{rotations} rotations within {took:.0f} s: {rotations} lines written, {counted} counted, "
        f"{descriptors} descriptors open at the end"
    )
    assert counted == rotations


def test_too_few_descriptors(
    server: QuickServer, jail: Callable[..., None], tmp_path: Path, figures: list[str]
) -> None:
    logs = [LogFile(tmp_path / "logs" / f"full-{number:03}") for number in _made(tmp_path, 150)]
    try:
        jail(logpath=str(tmp_path / "logs" / "full-*"), action="nftables", backend="polling")
        server.start()
        server.wait(lambda: server.jail("pbx")["lines"] == len(logs))
        usual = len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
        server.stop()
        with server.few_descriptors(usual - len(logs) // 2):
            server.start()
        unread = server.wait(lambda: unopened(server))
        assert "Too many open files" in str(source(server, Path(unread[0]))["reason"])
        for log in logs:
            log.fail(NEIGHBOUR)
        server.ban_of(NEIGHBOUR)  # from those that could be opened
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (4096, 4096))
        server.wait(lambda: not unopened(server))
        server.wait(lambda: server.jail("pbx")["failures_total"] == len(logs))
        figures.append(
            f"descriptors for half of {len(logs)} logs: {len(unread)} were not read and named; "
            f"{len(logs)} lines written, all counted once there were enough"
        )
    finally:
        for log in logs:
            log.close()


def _made(folder: Path, number: int) -> range:
    (folder / "logs").mkdir()
    for each in range(number):
        (folder / "logs" / f"full-{each:03}").write_text(NOISE)
    return range(number)


def status(server: RunningServer) -> str:
    return server.client("status").out


def unopened(server: RunningServer) -> list[str]:
    sources = cast("list[Answer]", server.ask("status")["sources"])
    return [str(each["path"]) for each in sources if "open files" in str(each["reason"])]


class Poor(RunningServer):
    """A daemon that may not watch a single directory by inotify: its user has used them up."""

    def command(self) -> list[str]:
        command = super().command()
        poor = 'echo 0 > /proc/sys/user/max_inotify_watches; exec "$@"'
        at = len(command) - 7  # behind `ip netns exec NAME`
        return [*command[:at], "unshare", "--user", "--map-root-user", "sh", "-c", poor, "sh",
                *command[at:]]  # fmt: skip


def test_no_inotify_watches_are_left(
    network: Network, tmp_path: Path, log: LogFile, figures: list[str]
) -> None:
    server = Poor(network.host, tmp_path)
    server.write("filters.d/sip.conf", "[Definition]\nfailregex = failed for '<HOST>:\\d+' -\n")
    server.write(
        "jails.d/pbx.conf",
        f"[pbx]\nenabled = yes\nfilter = sip\nlogpath = {log.path}\naction =\n",
    )
    server.write("jails.d/manual.conf", "[manual]\naction =\n")
    try:
        server.start()
        assert "WARNING" in next(
            line
            for line in server.log.splitlines()
            if "is not watched by inotify but by polling: inotify can't be had" in line
        )
        assert source(server, log.path)["watching"] == "polling"
        shown = server.wait(lambda: "alarm source-polled" in (out := status(server)) and out)
        assert "inotify can't be had" in shown
        assert server.client("health").code == 6
        log.fail(BAD, 5)
        begun = time.monotonic()
        server.ban_of(BAD)
        took = time.monotonic() - begun
        log.path.rename(log.path.with_name("full.1"))
        log.fail(NEIGHBOUR, 4)
        log.reopen()
        log.fail(NEIGHBOUR)
        server.ban_of(NEIGHBOUR)
        figures.append(f"no inotify watches: polling, a ban after {took:.1f} s, 0 lines lost")
    finally:
        server.stop()
