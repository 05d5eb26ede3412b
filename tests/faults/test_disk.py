# SPDX-License-Identifier: MIT
"""The database's disk is full, read-only, or has damaged it: bans go on, and it is said aloud."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from logban.testing.forking import QuickServer
from logban.testing.lines import LogFile
from logban.testing.namespaces import BAD, BAD6, NEIGHBOUR, Network

OTHER = "203.0.113.50"


class Disk:
    """A small file system for the daemon's state, to be filled and locked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self._mount("-t", "tmpfs", "-o", "size=1m", "none")

    def fill(self) -> None:
        with (self.path / "ballast").open("ab", 0) as ballast:
            for size in (4096, 1):
                try:
                    while True:
                        ballast.write(b"x" * size)
                except OSError:
                    continue

    def clear(self) -> None:
        (self.path / "ballast").unlink()

    def make_read_only(self, yes: bool) -> None:
        self._mount("-o", f"remount,{'ro' if yes else 'rw'}")

    def _mount(self, *words: str) -> None:
        subprocess.run(["mount", *words, str(self.path)], check=True)

    def remove(self) -> None:
        subprocess.run(["umount", str(self.path)], check=True)


@pytest.fixture
def disk(server: QuickServer) -> Iterator[Disk]:
    made = Disk(server.state)
    try:
        yield made
    finally:
        server.stop()
        made.remove()


def is_dirty(server: QuickServer) -> bool:
    return bool(server.ask("status")["ledger"]["dirty"])  # type: ignore[index]  # JSON


def alarms(server: QuickServer) -> set[str]:
    return {str(each["kind"]) for each in server.ask("health")["alarms"]}  # type: ignore[attr-defined]  # JSON


def warnings(server: QuickServer) -> str:
    return str(server.ask("status")["warnings"])


def test_a_disk_that_is_full_while_the_daemon_runs(
    network: Network,
    server: QuickServer,
    disk: Disk,
    log: LogFile,
    jail: Callable[..., None],
    figures: list[str],
) -> None:
    jail(action="nftables")
    server.start()
    disk.fill()
    addresses = [f"203.0.113.{number}" for number in range(100, 200)]
    for address in (*addresses, BAD):
        log.fail(address, 5)
    server.ban_of(BAD)
    server.wait(lambda: "full" in warnings(server))
    assert not network.arrives(BAD), "it is in force all the same"
    assert "full; trying again" in server.log
    disk.clear()
    server.wait(lambda: "full" not in warnings(server))
    server.kill()
    server.start()
    kept = server.bans()
    figures.append(f"full disk: {len(addresses) + 1} bans meanwhile, {len(kept)} after a crash")
    assert kept.keys() == {*addresses, BAD}


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_a_start_with_a_bad_disk(
    fault: str,
    network: Network,
    server: QuickServer,
    disk: Disk,
    log: LogFile,
    jail: Callable[..., None],
) -> None:
    jail(action="nftables")
    server.start()
    log.fail(BAD, 5)
    server.ban_of(BAD)
    server.stop()
    if fault == "full":
        disk.fill()
    else:
        disk.make_read_only(True)
    server.start()
    assert "Bans are kept in memory until it can be written" in server.log
    assert server.bans().keys() == {BAD}, "what is there can be read"
    log.fail(NEIGHBOUR, 5)
    server.ban_of(NEIGHBOUR)
    assert not network.arrives(NEIGHBOUR)
    assert server.client("why", BAD).code == 0
    server.wait(lambda: "sqlite3" in warnings(server))
    if fault == "full":
        disk.clear()
    else:
        disk.make_read_only(False)
    server.wait(lambda: "can be written again" in server.log)
    server.wait(lambda: "sqlite3" not in warnings(server))
    server.kill()
    server.start()
    assert server.bans().keys() == {BAD, NEIGHBOUR}


@pytest.mark.parametrize("damage", ["garbage", "pages", "truncated"])
def test_a_damaged_database_is_kept_aside_and_a_new_one_begun(
    damage: str,
    network: Network,
    server: QuickServer,
    log: LogFile,
    jail: Callable[..., None],
    figures: list[str],
) -> None:
    jail(action="nftables")
    server.start()
    for address in (BAD, BAD6, OTHER):
        log.fail(address, 5)
        server.ban_of("2001:db8:66::/64" if address == BAD6 else address)
    ends = {text: ban["until"] for text, ban in server.bans().items()}
    server.stop()
    path = server.state / "logban.sqlite3"
    data = path.read_bytes()
    new = {"garbage": b"no database\n" * 1000, "truncated": data[:6000]}
    path.write_bytes(new.get(damage, data[:4096] + b"\xff" * (len(data) - 4096)))
    damaged = path.read_bytes()
    log.path.write_bytes(b"")  # so that no line of before leads to these bans again
    server.start()
    server.wait(lambda: "took over 3 bans that were found in force" in server.log)
    (kept,) = server.state.glob("logban.sqlite3.damaged-*[0-9]")
    assert kept.read_bytes() == damaged
    assert str(kept) in warnings(server)
    server.wait(lambda: alarms(server) == {"ledger-lost"})
    found = server.bans()
    assert found.keys() == ends.keys()
    for text, ban in found.items():
        assert abs(float(str(ban["until"])) - float(str(ends[text]))) < 60
    for source in (BAD, BAD6, OTHER):
        if source != OTHER:
            assert not network.arrives(source)
    server.wait(lambda: not is_dirty(server))
    server.restart()
    assert server.bans().keys() == ends.keys()
    figures.append(f"damaged database ({damage}): 3 bans before, {len(found)} after")


def test_a_database_that_is_not_there_any_more(
    network: Network,
    server: QuickServer,
    log: LogFile,
    jail: Callable[..., None],
    figures: list[str],
) -> None:
    jail(action="nftables")
    server.start()
    server.wait(lambda: server.client("health").code == 0)
    for address in (BAD, OTHER):
        log.fail(address, 5)
        server.ban_of(address)
    server.stop()
    for part in server.state.glob("logban.sqlite3*"):
        part.unlink()
    log.path.write_bytes(b"")
    server.start()
    server.wait(lambda: server.bans().keys() == {BAD, OTHER})
    server.wait(lambda: alarms(server) == {"ledger-lost"})
    assert not network.arrives(BAD)
    figures.append(f"removed database: 2 bans before, {len(server.bans())} after")
    server.restart()
    assert server.bans().keys() == {BAD, OTHER}
    assert alarms(server) == set()


def test_a_second_daemon_is_no_reason_to_put_anything_aside(
    server: QuickServer, jail: Callable[..., None], tmp_path: Path
) -> None:
    jail()
    server.start()
    second = QuickServer(server.namespace, tmp_path / "second")
    second.state = server.state
    second.launch()
    with pytest.raises(RuntimeError, match="another logban uses the ledger"):
        second.wait(lambda: False)
    assert second.close() == 75
    assert list(server.state.glob("*damaged*")) == []


def test_a_second_daemon_with_a_state_of_its_own_touches_nothing(
    network: Network,
    server: QuickServer,
    log: LogFile,
    jail: Callable[..., None],
    tmp_path: Path,
) -> None:
    jail(action="nftables")
    server.start()
    log.fail(BAD, 5)
    server.ban_of(BAD)
    second = QuickServer(server.namespace, tmp_path / "second")
    bans_there = "[manual]\naction = nftables[name=other]\n"
    second.write("jails.d/manual.conf", bans_there)
    assert second.run().code == 75
    said = second.run().err
    assert f"another logban (process {server.pid}) keeps bans in this kernel" in said
    # One that keeps none there may run, and does not come to it by a reload either.
    second.write("jails.d/manual.conf", "[manual]\naction =\n")
    second.start()
    second.write("jails.d/manual.conf", bans_there)
    refused = second.client("reload")
    assert refused.code == 75
    assert "another logban" in refused.err
    assert not network.arrives(BAD)
    server.kill()
    assert second.client("reload").code == 0
    assert second.close() == 0
