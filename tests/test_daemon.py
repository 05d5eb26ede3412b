# SPDX-License-Identifier: MIT
"""The machine as a whole, with a clock that stands still and a kernel that is a dictionary."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

from logban import daemon as daemon_module
from logban.config import load
from logban.errors import ActionError, LedgerError
from logban.judging.counting.entries import UNIT
from logban.ledger.records import Allowed, BanRow, Checkpoint
from logban.ledger.store import Store
from logban.model import Ban, ChangeKind, Subject
from logban.running import handing
from logban.supervision import supervise
from logban.testing.machine import BAD, NOW, OTHER, Machine, once
from logban.testing.waiting import LIMIT, until

WHO = Subject.parse(BAD)


def test_a_ban_from_the_line_to_its_end(bench: Machine) -> None:
    async def story() -> None:
        bench.jail(action="nftables\n  sendmail", bantime="30")
        async with bench.running() as daemon:
            bench.fail(times=1)
            await until(lambda: len(daemon.jails.running["pbx"].judge.tracker))
            assert not list(daemon.ledger.active())
            bench.fail(times=1)
            await until(lambda: WHO in bench.enforcer().in_force)
            assert bench.enforcer().in_force == {WHO: NOW + 30}
            assert daemon.jails.running["pbx"].banned_total == 1
            await bench.let_pass(31)
            await until(lambda: not bench.enforcer().in_force)
            assert not list(daemon.ledger.active())
            notifier = bench.notifier("pbx sendmail")
            # Nobody is told before the database is, which has a thread and a pace of its own.
            while len(notifier.told) < 2:
                await bench.let_pass(1)
                await asyncio.sleep(0.01)
        assert [change.kind for change in notifier.told] == [ChangeKind.BAN, ChangeKind.EXPIRE]
        store = bench.store()
        (past,) = store.history(WHO, 5)
        assert past.ended_by == "time"
        assert len(past.ban.evidence) == 2
        store.close()

    once(story)


def test_a_flood_of_bans_does_not_flood_the_log(
    bench: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        bench.jail(maxretry="1")
        async with bench.running() as daemon:
            caplog.set_level(logging.INFO)
            for number in range(1, 51):
                bench.fail(f"203.0.113.{number}", times=1)
            await until(lambda: len(daemon.ledger) == 50)
        assert len(caplog.text.splitlines()) < 50
        assert "[pbx] ban 50 subjects: 203.0.113.1, 203.0.113.2, " in caplog.text
        assert "203.0.113.40" not in caplog.text

    once(story)


def test_what_is_taken_up_at_a_start(bench: Machine, caplog: pytest.LogCaptureFixture) -> None:
    other = Subject.parse(OTHER)
    tracked = json.dumps([[[NOW, 0, UNIT]], [[NOW, "rule", "line", "full", ""]], None])
    store = bench.store()
    store.commit(
        Checkpoint(
            bans=(
                BanRow(Ban("pbx", WHO, NOW - 5, NOW + 55)),
                BanRow(Ban("gone", WHO, NOW - 5, NOW + 55)),
                BanRow(Ban("pbx", Subject.parse("192.0.2.1"), NOW - 5, NOW + 55)),
                BanRow(Ban("pbx", Subject.parse("192.0.2.2"), NOW - 50, NOW - 5)),
            ),
            allowed={
                "192.0.2.1": Allowed("192.0.2.1", NOW - 100),
                "192.0.2.9": Allowed("192.0.2.9", NOW - 100, NOW - 1),
            },
            tracked={("pbx", other): tracked, ("gone", other): tracked},
        )
    )
    store.close()

    async def story() -> None:
        bench.jail(action="nftables\n  sendmail")
        async with bench.running() as daemon:
            await until(lambda: bench.enforcer().in_force)
            assert [ban.subject for ban in daemon.ledger.active()] == [WHO]
            assert set(daemon.ledger.allowed) == {"192.0.2.1"}
            bench.fail(OTHER, 1)
            await until(lambda: other in bench.enforcer().in_force)
        notifier = bench.notifier("pbx sendmail")
        assert ChangeKind.BAN not in [c.kind for c in notifier.told if c.ban.subject == WHO]

    once(story)
    assert "1 bans of jails that are no longer configured have ended" in caplog.text
    store = bench.store()
    assert {jail for jail, _ in store.load().tracked} <= {"pbx"}
    store.close()


def test_a_file_that_is_not_followed_ends_no_bans(bench: Machine) -> None:
    """Whose jail it holds can't be told; its bans end at their time, or are taken up again."""

    async def story() -> None:
        bench.jail()
        async with bench.running() as daemon:
            bench.fail()
            await until(lambda: len(daemon.ledger))
        path = bench.folder / "jails.d" / "pbx.conf"
        path.chmod(0o666)
        async with bench.running() as daemon:
            assert "pbx" not in daemon.jails.running
            assert len(daemon.ledger) == 1
        path.chmod(0o644)
        async with bench.running() as daemon:
            await until(lambda: bench.enforcer().in_force)
            assert len(daemon.ledger) == 1

    once(story)


def test_a_database_that_fails_for_a_while_loses_nothing(
    bench: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    commit = Store.commit
    fails = [True]

    def failing(store: Store, checkpoint: Checkpoint) -> None:
        if fails[0]:
            raise LedgerError("the disk is full")
        commit(store, checkpoint)

    monkeypatch.setattr(Store, "commit", failing)

    async def story() -> None:
        bench.jail()
        async with bench.running() as daemon:
            bench.fail()
            await until(lambda: bench.enforcer().in_force)
            await bench.let_pass(2)
            await until(lambda: daemon.checkpoints.error)
            bench.fail(OTHER)
            await until(lambda: len(bench.enforcer().in_force) == 2)
            await bench.let_pass(3)
            fails[0] = False

            def written() -> bool:
                bench.clock.advance(0.5)
                return not daemon.checkpoints.error

            await until(written)

    once(story)
    assert caplog.text.count("the disk is full; trying again") == 1
    store = bench.store()
    assert len(store.load().active) == 2
    assert len(store.history(WHO, 1)[0].ban.evidence) == 2
    store.close()


def test_a_stop_in_the_middle_of_a_commit_writes_nothing_twice(
    bench: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Store.commit
    begun, gate = threading.Event(), threading.Event()

    def slow(store: Store, checkpoint: Checkpoint) -> None:
        if checkpoint.bans:
            begun.set()
            gate.wait(LIMIT)
        commit(store, checkpoint)

    monkeypatch.setattr(Store, "commit", slow)

    async def story() -> None:
        bench.jail()
        async with bench.running():
            bench.fail()
            await until(lambda: bench.enforcer().in_force)
            await bench.let_pass(1)
            await until(begun.is_set)
            asyncio.get_running_loop().call_later(0.05, gate.set)

    once(story)
    store = bench.store()
    assert len(store.history(WHO, 1)[0].ban.evidence) == 2
    store.close()


def test_a_database_that_fails_at_the_end(
    bench: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(_store: Store, _checkpoint: Checkpoint) -> None:
        raise LedgerError("the disk is full")

    monkeypatch.setattr(Store, "commit", failing)

    async def story() -> None:
        bench.jail()
        async with bench.running():
            bench.fail()
            await until(lambda: bench.enforcer().in_force)

    once(story)
    assert "at the end: the disk is full" in caplog.text
    bench.store().close()  # nobody holds it any more


def test_a_fault_in_one_jail_is_no_other_ones(
    bench: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async def story() -> None:
        bench.jail("bad")
        bench.jail()
        async with bench.running() as daemon:
            monkeypatch.setattr(daemon.jails.running["bad"], "take", broken)
            bench.fail()
            await until(lambda: bench.enforcer().in_force)
            assert not bench.enforcer("bad nftables").in_force

    once(story)
    assert "[bad] 2 failures are lost" in caplog.text


def test_a_fault_in_one_filter_is_no_other_ones(
    bench: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async def story() -> None:
        bench.jail("bad", logencoding="latin-1")
        bench.jail()
        async with bench.running() as daemon:
            monkeypatch.setattr(daemon.jails.running["bad"].matcher, "match", broken)
            bench.fail()
            await until(lambda: bench.enforcer().in_force)
            assert not bench.enforcer("bad nftables").in_force

    once(story)
    assert "[bad] a block of " in caplog.text


def test_a_stage_that_fails_is_started_again(
    bench: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begun: list[float] = []
    lasts = iter([0.0, 0.0, 100.0, 0.0])

    async def stage() -> None:
        begun.append(bench.clock.now() - NOW)
        bench.clock.advance(next(lasts, 0.0))
        raise RuntimeError("unforeseen")

    async def story() -> None:
        bench.jail()
        async with bench.running() as daemon:
            task = asyncio.create_task(supervise(stage, daemon.clock))
            for count in range(2, 6):

                def again(count: int = count) -> bool:
                    bench.clock.advance(0.25)
                    return len(begun) >= count

                await until(again)
            task.cancel()

    once(story)
    gaps = [later - earlier for earlier, later in pairwise(begun)]
    assert gaps[0] == pytest.approx(1, abs=0.5)
    assert gaps[1] == pytest.approx(2, abs=0.5)
    assert gaps[2] == pytest.approx(101, abs=0.5)
    assert "stage failed; it starts again in 2 s" in caplog.text


def test_names_and_own_addresses_are_followed(
    bench: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        bench.jail(ignoreip="office.example.test", maxretry="1", bantime="1h")
        async with bench.running() as daemon:
            bench.fail(times=1)
            bench.fail(OTHER, 1)
            await until(lambda: len(bench.enforcer().in_force) == 2)
            bench.names.known["office.example.test"] = frozenset({BAD})
            bench.own = frozenset({OTHER})
            await bench.let_pass(61)
            await until(lambda: not bench.enforcer().in_force)
            assert not list(daemon.ledger.active())
            bench.own = OSError("no kernel")
            bench.names.known.clear()
            await bench.let_pass(61)
            await until(lambda: "own addresses can't be read: no kernel" in caplog.text)
            bench.fail(times=1)
            await until(lambda: daemon.jails.running["pbx"].judge.counters.exempted == 1)

    once(story)


def test_an_exemption_by_hand_ends_in_time(bench: Machine) -> None:
    async def story() -> None:
        bench.jail(maxretry="1")
        bench.names.known["office.example.test"] = frozenset({BAD})
        async with bench.running() as daemon:
            bench.fail(times=1)
            await until(lambda: bench.enforcer().in_force)
            (lifted,) = await daemon.allow(Allowed("office.example.test", NOW, NOW + 5))
            assert lifted.kind is ChangeKind.LIFT
            await until(lambda: not bench.enforcer().in_force)
            await bench.let_pass(5.5)
            await until(lambda: not daemon.ledger.allowed)
            bench.fail(times=1)
            await until(lambda: bench.enforcer().in_force)

    once(story)


def test_what_earlier_jails_left_is_swept(bench: Machine, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def story() -> None:
        bench.jail(action="nftables[name=PBX]\n  iptables\n  sendmail")
        async with bench.running():
            await until(lambda: "have left in nftables: old-drop" in caplog.text)
        assert bench.swept == [("iptables", {"pbx"}), ("nftables", {"PBX"})]
        for fault in (ActionError("the kernel refuses"), ZeroDivisionError()):
            bench.sweep_fault = fault
            bench.swept.clear()
            async with bench.running():
                await until(lambda: len(bench.swept) == 2)
        bench.sweep_fault = None
        bench.swept.clear()
        bench.jail("broken", maxretry="many")
        async with bench.running():
            bench.fail()
            await until(lambda: bench.enforcer("pbx nftables").in_force)
            await until(lambda: len(bench.swept) == 2)
        bench.swept.clear()
        # From now on it can't run, and what it calls its own is known from when it did.
        bench.jail("broken", action="nftables[name=OWN]")
        async with bench.running():
            await until(lambda: len(bench.swept) == 2)
        bench.swept.clear()
        bench.jail("broken", maxretry="many")
        async with bench.running():
            await until(lambda: len(bench.swept) == 2)
        assert bench.swept == [("iptables", {"pbx"}), ("nftables", {"PBX", "OWN"})]
        bench.swept.clear()
        # It has bans, and nobody knows where: a database of before that was noted.
        store = bench.store()
        ban = Ban("broken", WHO, bench.clock.now(), None)
        store.commit(Checkpoint(bans=(BanRow(ban),), notes={("broken", "places"): None}))
        store.close()
        async with bench.running():
            bench.fail(OTHER)
            await until(lambda: len(bench.enforcer("pbx nftables").in_force) > 1)
        assert bench.swept == []

    once(story)
    assert "can't be removed: the kernel refuses" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_an_order_does_not_wait_for_ever(bench: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handing, "SETTLE_WITHIN", 0.05)

    async def story() -> None:
        bench.jail()
        async with bench.running() as daemon:
            await until(lambda: bench.enforcer().calls)
            bench.enforcer().gate.clear()
            change = daemon.ledger.ban("pbx", WHO, seconds=None, reason="", now=NOW)
            await daemon.handing.order([change])
            assert not bench.enforcer().in_force
            bench.enforcer().gate.set()
            await until(lambda: bench.enforcer().in_force == {WHO: None})

    once(story)


def test_a_reload_hands_over_before_it_lets_go(bench: Machine) -> None:
    async def story() -> None:
        bench.jail()
        bench.jail("gone", maxretry="1")
        async with bench.running() as daemon:
            bench.fail()
            await until(
                lambda: bench.enforcer().in_force and bench.enforcer("gone nftables").in_force
            )
            bench.fail(times=1)
            await until(lambda: len(daemon.jails.running["pbx"].judge.tracker))
            old, gone = bench.enforcer(), bench.enforcer("gone nftables")
            bench.jail(action="iptables", maxretry="3")
            bench.jail("gone", enabled="false")
            bench.jail("new", action="nftables[name=n]")
            (bench.folder / "logban.conf").write_text(
                "[server]\nloglevel = WARNING\nmax_tracked = 500\n"
            )
            configuration = load(bench.folder)
            assert not configuration.failed
            said = await asyncio.gather(daemon.reload(configuration), daemon.reload(configuration))
            assert sorted(said[0]) == [
                "jail gone is gone; 1 ban lifted",
                "jail manual has changed",
                "jail new is new",
                "jail pbx has changed",
            ]
            assert said[1] == []
            new = bench.enforcer("pbx iptables")
            assert new.in_force == {WHO: NOW + 60}
            assert old.in_force == gone.in_force == {}
            assert old.calls[-2:] == gone.calls[-2:] == ["lift", "close"]
            assert ("nftables", {"n"}) in bench.swept
            assert logging.getLogger().level == logging.WARNING
            assert daemon.jails.running["pbx"].banned_total == 1
            bench.fail(times=2)  # one is left from before
            await until(lambda: new.applied[-1].failures == 5)

    level = logging.getLogger().level
    once(story)
    logging.getLogger().setLevel(level)


def test_old_history_is_forgotten(bench: Machine) -> None:
    store = bench.store()
    old = NOW - daemon_module.KEEP_HISTORY
    row = BanRow(Ban("pbx", WHO, old - 100, old - 10), ended=old - 10, ended_by="time")
    store.commit(Checkpoint(bans=(row,), floors={WHO: NOW - 700}))
    store.close()

    async def story() -> None:
        bench.jail()
        async with bench.running() as daemon:
            bench.fail(OTHER, 1)
            await until(lambda: len(daemon.jails.running["pbx"].judge.tracker))
            bench.clock.advance(601)

            async def count() -> int:
                return await daemon.checkpoints.in_database(daemon.checkpoints.store.count)

            await until_async(count)
            assert len(daemon.jails.running["pbx"].judge.tracker) == 0
            assert not daemon.ledger.floors

    once(story)


async def until_async(count: Callable[[], Awaitable[int]]) -> None:
    async with asyncio.timeout(LIMIT):
        while await count():  # noqa: ASYNC110  # a thread has a part in it
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("fails", [False, True])
def test_nobody_is_told_before_the_database_is(
    fails: bool, bench: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between the two would lead to the same ban again; a full disk silences nobody."""
    gate = threading.Event()
    committed = Store.commit

    def commit(store: Store, checkpoint: Checkpoint) -> None:
        if checkpoint.bans:
            gate.wait()
            if fails:
                raise LedgerError("full")
        committed(store, checkpoint)

    async def story() -> None:
        bench.jail(action="nftables\n  sendmail")
        async with bench.running():
            monkeypatch.setattr(Store, "commit", commit)
            bench.fail()
            await until(lambda: WHO in bench.enforcer().in_force)
            await bench.let_pass(3)
            notifier = bench.notifier("pbx sendmail")
            assert notifier.told == []
            gate.set()
            await until(lambda: notifier.told)
            await bench.let_pass(3)
            assert [change.kind for change in notifier.told] == [ChangeKind.BAN]

    once(story)


def test_what_a_crash_left_in_force_is_kept_until_its_lines_are_read_again(bench: Machine) -> None:
    other = Subject.parse(OTHER)

    async def story() -> None:
        bench.jail()
        async with bench.running() as daemon:
            enforcer = bench.enforcer()
            enforcer.in_force = {WHO: NOW + 60, other: NOW + 60}  # as a run of before has left it
            bench.fail()
            await until(lambda: "read" in enforcer.calls)
            await until(lambda: daemon.ledger.get("pbx", WHO))
            assert enforcer.lifted == []
            await bench.let_pass(2)
            assert other in enforcer.in_force
            await bench.let_pass(3)
            await until(lambda: other not in enforcer.in_force)
            assert [ban.subject for ban in enforcer.lifted] == [other]
            (worker,) = daemon.jails.actions["pbx"].enforcers()
            assert worker.report().drift == 0

    once(story)


def test_who_is_lifted_by_hand_meanwhile_is_out_at_once(bench: Machine) -> None:
    async def story() -> None:
        bench.jail()
        async with bench.running() as daemon:
            enforcer = bench.enforcer()
            enforcer.in_force = {WHO: NOW + 60}
            await until(lambda: "read" in enforcer.calls)
            assert daemon.forgive(WHO, NOW, jail=None, by="hand") == []
            await daemon.handing.order([])
            assert enforcer.in_force == {}

    once(story)


def test_the_place_of_each_file_is_on_disk_from_the_start(bench: Machine) -> None:
    async def story() -> None:
        bench.jail()
        bench.fail(times=1)
        async with bench.running():
            database = sqlite3.connect(bench.folder / "state" / "logban.sqlite3")
            assert database.execute("SELECT count(*) FROM positions").fetchall() == [(1,)]
            database.close()

    once(story)
