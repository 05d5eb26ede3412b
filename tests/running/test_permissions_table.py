# SPDX-License-Identifier: MIT
"""Exemptions from the table of a real Kamailio's module permissions, in a database."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from logban.actions import catalogue
from logban.actions.kamailio.rpc import Answer, Call, Method, Struct, Value, call
from logban.config import parsers
from logban.config.parsers import exempt_or_list
from logban.judging.exemptions.exemption import Exemptions
from logban.model import Subject
from logban.running.permissions_table import PermissionsTable
from logban.testing import FakeClock
from logban.testing.kamailio import Kamailio
from logban.testing.machine import BAD, Machine
from logban.testing.waiting import LIMIT, until

COLUMNS = "id(int,auto) grp(int) ip_addr(string) mask(int) port(int) tag(string,null)\n"
ROWS = (
    "1:192.0.2.1:32:0:office",
    "1:192.0.2.2:32:5060:with a port",
    "1:198.51.100.0:25:0:",
    "1:2001\\:db8\\:\\:1:128:0:six",
    "1:2001\\:db8\\:1\\:\\::48:0:a network",
    "1:sip.example.org:32:0:a name",
    "1:trunk.example.org:32:0:another",
    "2:203.0.113.7:32:0:of another group",
    "1:203.0.113.8:32:0:logban/kamailio/1",
)


def write(kamailio: Kamailio, *rows: str) -> None:
    """Write the table as a program of the admin's would."""
    text = COLUMNS + "".join(f"{number}:{row}\n" for number, row in enumerate(rows, 1))
    path = kamailio.directory / "db" / "address"
    before = path.stat().st_mtime if path.exists() else 0.0
    path.write_text(text)
    after = max(path.stat().st_mtime, before + 1)  # db_text looks at the second
    os.utime(path, (after, after))


def change(kamailio: Kamailio, *rows: str) -> None:
    """Write the table, and let Kamailio read it."""
    write(kamailio, *rows)
    rpc = kamailio.rpc()
    assert call(rpc, Method.ADDRESS_RELOAD) == "Reload OK"
    rpc.close()


@pytest.fixture(scope="module")
def proxy() -> Iterator[Kamailio]:
    made = Kamailio.of(Path(__file__).with_name("permissions.cfg").read_text())
    columns = "id(int,auto) src_ip(string) proto(string) from_pattern(string,null) "
    columns += "ruri_pattern(string,null) tag(string,null) priority(int)\n"
    (made.directory / "db" / "trusted").write_text(columns)
    versions = "table_name(string) table_version(int)\naddress:6\ntrusted:6\nversion:1\n"
    (made.directory / "db" / "version").write_text(versions)
    write(made)
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture
def kamailio(proxy: Kamailio) -> Kamailio:
    if proxy.process is None:
        proxy.start()
    change(proxy, *ROWS)
    return proxy


def table(kamailio: Kamailio, group: int = 1, clock: FakeClock | None = None) -> PermissionsTable:
    return PermissionsTable(f"permissions:{group}:{kamailio.socket}", clock or FakeClock())


def entries(networks: Exemptions, *addresses: str) -> list[str]:
    """Give the entries under which these fall."""
    found = (networks.find(address) for address in addresses)
    return [each.entry for each in found if each is not None]


def test_addresses_networks_and_names_of_the_group_are_exempt(kamailio: Kamailio) -> None:
    kept = table(kamailio)
    listing = kept.read()
    assert listing is not None
    assert len(listing.networks) == 5
    inside = ("192.0.2.1", "192.0.2.2", "198.51.100.127", "2001:db8::1", "2001:db8:1:ff::9")
    assert entries(listing.networks, *inside) == [
        "192.0.2.1", "192.0.2.2", "198.51.100.0/25", "2001:db8::1", "2001:db8:1::/48",
    ]  # fmt: skip
    # Neither another group's, nor what logban has banned by way of the table.
    assert entries(listing.networks, "203.0.113.7", "203.0.113.8", "198.51.100.128") == []
    assert listing.names.keys() == {"sip.example.org", "trunk.example.org"}
    found = listing.networks.find("192.0.2.1")
    assert found is not None
    assert found.origin == f"group 1 of Kamailio's permissions at {kamailio.socket}"
    assert kept.problem == ""
    assert kept.read() is None  # nothing is new
    other = table(kamailio, group=2).read()
    assert other is not None
    assert entries(other.networks, "203.0.113.7", "192.0.2.1") == ["203.0.113.7"]
    assert other.names == {}


def test_an_empty_table_exempts_nobody(kamailio: Kamailio) -> None:
    kept = table(kamailio)
    assert kept.read() is not None
    change(kamailio)
    listing = kept.read()
    assert listing is not None
    assert len(listing.networks) == 0
    assert listing.names == {}


def test_a_table_that_fits_into_no_datagram_is_read(kamailio: Kamailio) -> None:
    change(kamailio, *(f"1:10.1.{number // 250}.{number % 250}:32:0:x" for number in range(3000)))
    kept = table(kamailio)
    listing = kept.read()
    assert (kept.problem, listing and len(listing.networks)) == ("", 3000)


def test_what_kamailio_said_last_holds_while_it_is_away(kamailio: Kamailio) -> None:
    kept = table(kamailio)
    assert kept.read() is not None
    kamailio.kill()
    assert kept.read() is None
    assert kept.problem.startswith("Kamailio's table of addresses can't be read: ")
    assert kept.problem.endswith("; what the table held last is still exempt")
    kamailio.start()
    assert kept.read() is None
    assert kept.problem == ""


def test_without_the_module_it_is_told_what_to_load(tmp_path: Path) -> None:
    kept = PermissionsTable(f"permissions:1:{tmp_path}/none.sock", FakeClock())
    assert kept.read() is None
    assert f"there is no RPC socket {tmp_path}/none.sock" in kept.problem
    assert "held last" not in kept.problem


@pytest.mark.parametrize("where", ["http://:5060/RPC", "http://host:port/RPC", "http://[::1/RPC"])
def test_an_address_that_is_none_is_told_and_stops_nobody(where: str) -> None:
    kept = PermissionsTable(exempt_or_list(f"permissions:{where}"), FakeClock())
    assert asyncio.run(kept.refresh()) is None
    assert kept.problem.startswith(f"permissions:1:{where}: ")


class Odd:
    """A Kamailio that answers as none does."""

    where = "/odd"

    def __init__(self, answer: Value) -> None:
        self._answer = answer

    def call_many(self, calls: Sequence[Call]) -> list[Answer]:
        return [self._answer for _ in calls]

    def close(self) -> None:
        """Do nothing."""


def group(number: Value, *pairs: tuple[str, Value]) -> Struct:
    return Struct((("group", number), ("item", Struct(pairs))))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("no list", "answered permissions.addressDump with 'no list'"),
        ([1], "answered permissions.addressDump with [1]"),
        ([group(1)], "has ?, which is no address"),
        ([group(1, ("ip", None))], "has ?, which is no address"),
        ([group(1, ("ip", 7), ("mask", 8))], "has ?, which is no address"),
        ([group(1, ("ip", "192.0.2.1"), ("mask", 77))], "has 192.0.2.1/77, which is no address"),
        ([group(1, ("domain_name", "a\x1b[2Jb"))], "has a\\x1b[2Jb, which is no address"),
        ([group("1", ("ip", "192.0.2.1"))], ""),  # of no group of ours
        ([Struct((("item", Struct((("ip", "192.0.2.1"),))),))], ""),
        (Struct(()), ""),
    ],
)
def test_what_is_no_table_exempts_nobody(answer: Value, said: str) -> None:
    kept = PermissionsTable("permissions:1:/odd", FakeClock(), lambda _: Odd(answer))
    listing = kept.read()
    assert said in kept.problem
    assert bool(said) == bool(kept.problem)
    assert listing is None or (len(listing.networks), listing.names) == (0, {})


def test_it_is_asked_now_and_then_and_at_a_reload(kamailio: Kamailio) -> None:
    clock = FakeClock()
    kept = table(kamailio, clock=clock)

    async def story() -> None:
        assert await kept.refresh() is not None
        change(kamailio, "1:192.0.2.1:32:0:office")
        clock.advance(29)
        assert await kept.refresh() is None
        clock.advance(1)
        listing = await kept.refresh()
        assert listing is not None
        assert len(listing.networks) == 1
        change(kamailio)
        assert await kept.refresh() is None
        kept.hurry()
        assert await kept.refresh() is not None
        # While it is away it is asked again sooner, for it may come back any moment.
        kamailio.kill()
        clock.advance(30)
        assert await kept.refresh() is None
        assert kept.problem
        kamailio.start()
        clock.advance(4)
        await kept.refresh()
        assert kept.problem
        clock.advance(1)
        await kept.refresh()
        assert kept.problem == ""

    asyncio.run(story())


def test_a_row_that_is_added_lifts_a_ban_in_the_running_daemon(
    kamailio: Kamailio,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    machine = Machine(tmp_path)
    monkeypatch.setattr(catalogue, "build", machine.build)
    monkeypatch.setattr(catalogue, "sweep", machine.sweep)
    change(kamailio)

    async def story() -> None:
        machine.jail(ignoreip=f"permissions:{kamailio.socket}", bantime="1h")
        machine.names.known["sip.example.org"] = frozenset({"203.0.113.77"})
        async with asyncio.timeout(LIMIT), machine.running() as daemon:
            assert daemon.problems == []
            machine.fail()
            who = Subject.parse(BAD)
            await until(lambda: who in machine.enforcer().in_force)
            change(kamailio, f"1:{BAD}:32:0:a customer", "1:sip.example.org:32:0:a name")
            await machine.let_pass(31)
            await until(lambda: who not in machine.enforcer().in_force)
            exempt = daemon.exemptions.exempt
            await until(lambda: exempt("pbx", Subject.parse("203.0.113.77")))
            kamailio.kill()
            await machine.let_pass(31)
            await until(lambda: daemon.problems)
            assert exempt("pbx", who) is not None
        kamailio.start()

    with caplog.at_level(logging.WARNING):
        asyncio.run(story())
    assert "exemptions: Kamailio's table of addresses can't be read" in caplog.text


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("permissions:/run/k.sock", "permissions:1:/run/k.sock"),
        ("permissions:07:/run/k.sock", "permissions:7:/run/k.sock"),
        ("permissions:fifo:/run/k.fifo", "permissions:1:fifo:/run/k.fifo"),
        ("permissions:2:http://[::1]:5060/RPC", "permissions:2:http://[::1]:5060/RPC"),
    ],
)
def test_the_entry_of_ignoreip(written: str, read: str) -> None:
    assert exempt_or_list(written) == read


@pytest.mark.parametrize("written", ["permissions:", "permissions:x:/a", "permissions:1:k.sock"])
def test_what_names_no_kamailio_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="write permissions:GROUP:"):
        parsers.exempt_or_list(written)
