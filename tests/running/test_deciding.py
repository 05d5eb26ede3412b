# SPDX-License-Identifier: MIT
"""From the verdict to the ledger, with slow sources in between, in the whole machine."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from logban.config import load
from logban.daemon import Daemon
from logban.judging.exemptions.enquiries import Unanswered
from logban.model import Subject
from logban.testing.enquiries import FakeEnquiry
from logban.testing.machine import BAD, NOW, OTHER, Machine, once
from logban.testing.waiting import until

WHO, ELSE = Subject.parse(BAD), Subject.parse(OTHER)


def enquiry(daemon: Daemon, **how: Unanswered) -> FakeEnquiry:
    """Let every jail of a daemon ask one source."""
    made = FakeEnquiry(**how)
    daemon.deciding.enquiries.set_everywhere([made])
    return made


def test_lines_are_read_on_while_somebody_is_asked_about(bench: Machine) -> None:
    async def story() -> None:
        bench.jail()
        async with bench.running() as daemon:
            source = enquiry(daemon)
            source.may_answer.clear()
            bench.fail(times=2)
            await until(lambda: source.asked == [WHO])
            assert not list(daemon.ledger.active())
            # Meanwhile he goes on and is judged again: it is still one question, one ban.
            bench.fail(times=2)
            bench.fail(OTHER, 2)
            await until(lambda: len(daemon.deciding.pending) == 2)
            await until(lambda: daemon.jails.running["pbx"].judge.counters.counted == 6)
            source.may_answer.set()
            await until(lambda: bench.enforcer().in_force.keys() == {WHO, ELSE})
            assert source.asked == [WHO, ELSE]
            (ban,) = (ban for ban in daemon.ledger.active() if ban.subject == WHO)
            assert (ban.failures, ban.until) == (4, NOW + 60)
            assert not daemon.deciding.pending

    once(story)


def test_whom_a_source_exempts_is_not_banned_and_loses_his_bans(
    bench: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        bench.jail()
        bench.jail("web")
        async with bench.running() as daemon:
            bench.fail(times=2)
            await until(lambda: len(daemon.ledger) == 2)
            source = enquiry(daemon)
            source.exempt = {WHO}
            bench.fail(times=2)
            await until(lambda: not list(daemon.ledger.active()))
            await until(lambda: not bench.enforcer().in_force)
            bench.fail(times=2)
            bench.fail(OTHER, 2)
            await until(lambda: ELSE in bench.enforcer().in_force)
            assert [ban.subject for ban in daemon.ledger.active()] == [ELSE, ELSE]

    with caplog.at_level(logging.INFO):
        once(story)
    assert "198.51.100.7 is spared: fake (a test)" in caplog.text


def test_one_that_a_jail_asks_alone_decides_for_that_jail(bench: Machine) -> None:
    async def story() -> None:
        bench.jail()
        bench.jail("web")
        async with bench.running() as daemon:
            source = FakeEnquiry()
            source.exempt = {WHO}
            daemon.deciding.enquiries.set_jail("web", [source])
            bench.fail(times=2)
            await until(lambda: source.asked and len(daemon.ledger))
            assert [ban.jail for ban in daemon.ledger.active()] == ["pbx"]

    once(story)


def test_an_unban_by_hand_ends_what_waits(bench: Machine) -> None:
    async def story() -> None:
        bench.jail()
        async with bench.running() as daemon:
            source = enquiry(daemon)
            source.may_answer.clear()
            bench.fail(times=2)
            await until(lambda: source.asked)
            daemon.forgive(WHO, bench.clock.now(), jail=None, by="hand")
            assert not daemon.deciding.pending
            source.may_answer.set()
            bench.clock.advance(1)
            bench.fail(OTHER, 2)
            await until(lambda: ELSE in bench.enforcer().in_force)
            assert WHO not in bench.enforcer().in_force

    once(story)


def test_an_exemption_that_comes_meanwhile_holds(bench: Machine) -> None:
    async def story() -> None:
        bench.jail()
        async with bench.running() as daemon:
            source = enquiry(daemon)
            source.may_answer.clear()
            bench.fail(times=2)
            await until(lambda: source.asked)
            daemon.exemptions.set_own([BAD])
            source.may_answer.set()
            await until(lambda: not daemon.deciding.pending)
            assert not list(daemon.ledger.active())

    once(story)


def test_a_crash_while_somebody_is_asked_about_loses_nothing(
    bench: Machine, tmp_path: Path
) -> None:
    """The database of any moment holds the lines' place and what they led to, or neither."""
    kept = tmp_path / "kept"

    async def crashes() -> None:
        bench.jail(maxretry="3")
        async with bench.running() as daemon:
            source = enquiry(daemon)
            source.may_answer.clear()
            bench.fail(times=3)
            await until(lambda: source.asked)
            await daemon.checkpoints.commit()
            shutil.copytree(bench.folder / "state", kept)

    async def starts_again() -> None:
        shutil.rmtree(bench.folder / "state")
        shutil.copytree(kept, bench.folder / "state")
        store = bench.store()
        stored = store.load()
        assert list(stored.pending) == [("pbx", WHO)]
        assert stored.positions[0].offset == bench.log.path.stat().st_size
        store.close()
        async with bench.running() as daemon:
            await until(lambda: WHO in bench.enforcer().in_force)
            (ban,) = daemon.ledger.active()
            assert ban.failures == 3
            await daemon.checkpoints.commit()
            store = daemon.checkpoints.store
            (past,) = await daemon.checkpoints.in_database(store.history, WHO, 5)
            assert len(past.ban.evidence) == 3

    once(crashes)
    once(starts_again)
    store = bench.store()
    assert store.load().pending == {}
    store.close()


def test_a_jail_that_is_gone_takes_what_waits_with_it(bench: Machine) -> None:
    async def story() -> None:
        bench.jail()
        bench.jail("web")
        async with bench.running() as daemon:
            source = enquiry(daemon)
            source.may_answer.clear()
            bench.fail(times=2)
            await until(lambda: len(daemon.deciding.pending) == 2)
            (bench.folder / "jails.d/web.conf").unlink()
            await daemon.reload(load(bench.folder))
            assert [waiting.verdict.jail for waiting in daemon.deciding.pending] == ["pbx"]

    once(story)
