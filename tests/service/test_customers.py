# SPDX-License-Identifier: MIT
"""What ``status`` and the metrics tell of customers, from a daemon that runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from logban.config import load
from logban.control.payloads import NoticeView, StalePhone, Status
from logban.daemon import Daemon
from logban.health.metrics import METRICS, Look
from logban.judging.scrutiny import crowds
from logban.service.commands import DaemonService
from logban.testing.asterisk_manager import AsteriskManager
from logban.testing.lines import CUSTOMERS, asterisk_line
from logban.testing.machine import NOW, Machine
from logban.testing.waiting import LIMIT, until

OFFICE = "203.0.113.50"


@pytest.fixture
def bench(bench: Machine) -> Machine:
    (bench.folder / "filters.d/sip.conf").write_text(CUSTOMERS)
    return bench


def run(bench: Machine, story: Callable[[Daemon, DaemonService], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(LIMIT), bench.running() as daemon:
            service = DaemonService(daemon, lambda: load(bench.folder))
            await story(daemon, service)

    asyncio.run(limited())


def say(bench: Machine, words: str, *addresses: str) -> None:
    """Write a line of this moment for each address."""
    for address in addresses:
        bench.log.write(asterisk_line(f"{words} {address}", bench.clock.now()))


def metric(service: DaemonService, name: str) -> list[float]:
    (found,) = (each for each in METRICS if each.name == name)
    return [value for _, value in found.samples(Look(service.watch.look()))]


async def status_when(
    service: DaemonService, is_so: Callable[[Status], object], seconds: float = LIMIT
) -> Status:
    """Ask for the status again and again until something is so."""
    async with asyncio.timeout(seconds):
        while True:
            status = await service.status()
            if is_so(status):
                return status
            await asyncio.sleep(0.01)


def test_a_telephone_with_an_old_password_stands_there_until_it_gets_in(bench: Machine) -> None:
    bench.jail(maxretry="5", logtimezone="UTC")

    async def story(_: Daemon, service: DaemonService) -> None:
        say(bench, "in 201", OFFICE, "198.51.100.8")
        say(bench, "in 207", OFFICE)
        say(bench, "refused 207", *[OFFICE] * 5)
        status = await status_when(service, lambda status: status.notices)
        assert status.customers.places == status.customers.trusted == 2
        assert metric(service, "logban_trusted_places") == [2.0]
        assert status.customers.stale == (StalePhone("207", OFFICE, 5, NOW, NOW),)
        (notice,) = status.notices
        assert isinstance(notice, NoticeView)
        assert (notice.jail, str(notice.subject), notice.time) == ("pbx", f"207@{OFFICE}", NOW)
        assert notice.text.startswith(f"extension 207 at {OFFICE} fails again and again")
        await bench.let_pass(7 * 3600 // 60)

    async def later(_: Daemon, service: DaemonService) -> None:
        # What was told of is over with the restart; that the telephone is wrong is not.
        status = await service.status()
        assert status.notices == ()
        assert [phone.user for phone in status.customers.stale] == ["207"]
        say(bench, "in 207", OFFICE)
        status = await status_when(service, lambda status: not status.customers.stale_total)
        assert status.customers.stale == ()

    run(bench, story)
    run(bench, later)


def test_an_account_that_is_attacked_is_counted(bench: Machine) -> None:
    bench.jail(maxretry="5", logtimezone="UTC", **{"user.maxretry": "3"})

    async def story(daemon: Daemon, service: DaemonService) -> None:
        say(bench, "in 201", OFFICE)
        say(bench, "refused 201", *(f"198.51.100.{number}" for number in range(1, 4)))
        status = await status_when(service, lambda status: status.jails[-1].protected)
        assert [jail.protected for jail in status.jails] == [0, 1]
        assert metric(service, "logban_protected_accounts") == [1.0, 0.0]
        assert "account 201 is attacked from 3 places" in status.notices[0].text
        bench.clock.advance(3601)
        assert (await service.status()).jails[-1].protected == 0

    run(bench, story)


def test_what_an_hours_cap_holds_back_is_counted(
    bench: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowds, "MAX_NETWORKS_AN_HOUR", 1)
    bench.jail(maxretry="5", logtimezone="UTC", **{"net.maxretry": "2"})

    async def story(_: Daemon, service: DaemonService) -> None:
        for network in ("198.51.100", "192.0.2", "203.0.113"):
            say(bench, "refused 201", *(f"{network}.{number}" for number in range(1, 3)))
        status = await status_when(service, lambda status: status.jails[-1].capped == 2)
        assert status.jails[-1].banned == 1
        assert metric(service, "logban_capped") == [2.0, 0.0]

    run(bench, story)


@pytest.fixture
def manager() -> Iterator[AsteriskManager]:
    made = AsteriskManager(["7001", "7002"])
    made.start()
    yield made
    made.stop()


def test_how_many_extensions_asterisk_has_is_told(bench: Machine, manager: AsteriskManager) -> None:
    path = bench.folder / "ami.conf"
    path.write_text(manager.login())
    path.chmod(0o600)
    (bench.folder / "logban.conf").write_text(f"[server]\nami = {path}\n")
    bench.jail(extensions="ami")

    async def story(_: Daemon, service: DaemonService) -> None:
        status = await status_when(service, lambda status: status.jails[-1].extensions)
        assert [jail.extensions for jail in status.jails] == [None, 2]

    run(bench, story)


def test_what_a_network_has_done_counts_over_a_restart_and_a_reload(bench: Machine) -> None:
    jail = {"maxretry": "5", "logtimezone": "UTC", "net.maxretry": "6"}
    bench.jail(**jail)
    hosts = [f"198.51.100.{number}" for number in range(1, 4)]
    sites = [f"2001:db8:0:{number:x}::7" for number in range(1, 4)]

    async def before(daemon: Daemon, _: DaemonService) -> None:
        say(bench, "refused 201", *hosts, *sites)
        await until(lambda: daemon.jails.running["pbx"].judge.counters.counted == 6)

    async def after(daemon: Daemon, service: DaemonService) -> None:
        say(bench, "refused 201", "198.51.100.4", "2001:db8:0:4::7")
        await until(lambda: daemon.jails.running["pbx"].judge.counters.counted == 2)
        bench.jail(**jail, findtime="700")
        await daemon.reload(load(bench.folder))
        say(bench, "refused 201", "198.51.100.5", "2001:db8:0:5::7")
        assert not (await service.status()).jails[-1].banned
        say(bench, "refused 201", "198.51.100.6", "2001:db8:0:6::7")
        await until(lambda: len(list(daemon.ledger.active())) == 2)
        banned = {str(ban.subject) for ban in daemon.ledger.active()}
        assert banned == {"198.51.100.0/24", "2001:db8::/56"}

    run(bench, before)
    run(bench, after)


def test_the_days_window_goes_on_over_a_restart(bench: Machine) -> None:
    bench.jail(maxretry="5", findtime="60", logtimezone="UTC", **{"slow.maxretry": "6"})
    who = "198.51.100.7"

    async def three(daemon: Daemon, _: DaemonService) -> None:
        for number in range(1, 4):
            say(bench, "refused 201", who)
            await until(lambda: daemon.jails.running["pbx"].judge.counters.counted == number)  # noqa: B023  # awaited here
            bench.clock.advance(61)

    async def three_more(daemon: Daemon, service: DaemonService) -> None:
        await three(daemon, service)
        await until(lambda: list(daemon.ledger.active()))
        (ban,) = daemon.ledger.active()
        assert (str(ban.subject), ban.until) == (who, ban.time + 86400.0)

    run(bench, three)
    run(bench, three_more)
