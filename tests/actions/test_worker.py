# SPDX-License-Identifier: MIT
"""What keeps an enforcer at what the ledger says, whatever becomes of it on the way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from logban.actions.attempting import CLOSE_WITHIN, FIRST_RETRY, LONGEST_RETRY
from logban.actions.comparison import END_TOLERANCE
from logban.actions.declaration import ActionSpec
from logban.actions.protocols import Missing
from logban.actions.worker import RECONCILE_EVERY, EnforcerWorker
from logban.errors import ActionError
from logban.model import Ban, Change, ChangeKind, Subject
from logban.testing import FakeClock, FakeEnforcer
from logban.testing.actions import at_work
from logban.testing.clock import ToldClock
from logban.testing.waiting import LIMIT

SPEC = ActionSpec("jail", "fake", "fake", {})

BAN, EXTEND, LIFT, EXPIRE = ChangeKind.BAN, ChangeKind.EXTEND, ChangeKind.LIFT, ChangeKind.EXPIRE


def who(number: int) -> Subject:
    return Subject.parse(f"198.51.100.{number}")


class Bench:
    """An enforcer at work, and the ledger that it follows."""

    def __init__(self, enforcer: FakeEnforcer) -> None:
        self.clock = ToldClock()
        self.enforcer = enforcer
        self.ledger: dict[Subject, Ban] = {}
        self.worker = EnforcerWorker(SPEC, enforcer, self.clock, self.ledger.values)

    def ban(self, number: int, seconds: float | None = 600.0) -> Ban:
        """Give a ban of the ledger; nobody is told of it."""
        until = None if seconds is None else self.clock.now() + seconds
        ban = Ban("jail", who(number), self.clock.now(), until)
        self.ledger[ban.subject] = ban
        return ban

    def change(self, kind: ChangeKind, number: int, seconds: float | None = 600.0) -> Change:
        """Change the ledger and give what is to be told of it."""
        if kind in (BAN, EXTEND):
            return Change(kind, self.ban(number, seconds), self.clock.now())
        return Change(kind, self.ledger.pop(who(number)), self.clock.now())

    def submit(self, kind: ChangeKind, number: int, seconds: float | None = 600.0) -> None:
        """Change the ledger and tell the worker."""
        self.worker.submit([self.change(kind, number, seconds)])

    async def sleeps(self, seconds: float) -> None:
        """Return when the worker has gone to sleep for that long."""
        while await self.clock.slept.get() != pytest.approx(seconds):
            pass

    async def yielded(self) -> None:
        """Let the loop run everything that is ready, and what that makes ready."""
        for _ in range(10):
            await asyncio.sleep(0)

    async def settled(self) -> None:
        """Return when the worker has done everything and waits for more."""
        await self.worker.settled()

    def in_force(self) -> dict[Subject, float | None]:
        """Give what the ledger wants."""
        return {ban.subject: ban.until for ban in self.ledger.values()}

    def running(self) -> AbstractAsyncContextManager[None]:
        """Let the worker run."""
        return at_work(self.worker, self.enforcer)


def run(tell: Callable[[Bench], Awaitable[None]], enforcer: FakeEnforcer | None = None) -> Bench:
    """Tell a story with a bench made inside its loop."""

    async def told() -> Bench:
        bench = Bench(enforcer or FakeEnforcer())
        await tell(bench)
        return bench

    return asyncio.run(told())


def test_at_start_everything_is_brought_into_force_and_only_that() -> None:
    async def tell(bench: Bench) -> None:
        kept, moved = bench.ban(1), bench.ban(2)
        bench.ban(3)
        over = bench.ban(4, seconds=-1)
        bench.enforcer.in_force = {
            kept.subject: kept.until,
            moved.subject: (moved.until or 0) - 60,
            who(9): None,
        }
        assert bench.worker.report().state == "starting"
        async with bench.running():
            await bench.settled()
            assert bench.enforcer.calls == ["prepare", "read", "apply", "lift"]
            assert [ban.subject for ban in bench.enforcer.applied] == [who(2), who(3)]
            assert [ban.subject for ban in bench.enforcer.lifted] == [who(9)]
            report = bench.worker.report()
            assert (report.state, report.error, report.drift) == ("ok", "", 0)
            assert bench.worker.ready.is_set()
            assert bench.worker.holds(who(2))
            assert not bench.worker.holds(who(9))
            assert over.subject not in bench.enforcer.in_force

    run(tell)


def test_what_is_right_already_is_not_touched() -> None:
    async def tell(bench: Bench) -> None:
        forever, soon = bench.ban(1, None), bench.ban(2)
        bench.enforcer.in_force = {
            forever.subject: None,
            soon.subject: (soon.until or 0) + END_TOLERANCE,
            who(3): bench.clock.now() + END_TOLERANCE,  # ends by itself at once
        }
        async with bench.running():
            await bench.settled()
            assert bench.enforcer.calls == ["prepare", "read"]

    run(tell)


@pytest.mark.parametrize("wanted", [None, 600.0])
def test_for_ever_and_for_a_time_are_not_the_same(wanted: float | None) -> None:
    async def tell(bench: Bench) -> None:
        ban = bench.ban(1, wanted)
        bench.enforcer.in_force = {ban.subject: 1e10 if wanted is None else None}
        async with bench.running():
            await bench.settled()
            assert bench.enforcer.in_force == {ban.subject: ban.until}

    run(tell)


def test_changes_are_passed_on_as_they_come() -> None:
    async def tell(bench: Bench) -> None:
        async with bench.running():
            await bench.settled()
            for kind, number in ((BAN, 1), (BAN, 2), (EXTEND, 1), (LIFT, 2), (EXPIRE, 1)):
                bench.submit(kind, number, seconds=600.0 if kind is BAN else 900.0)
                await bench.settled()
                assert bench.enforcer.in_force == bench.in_force()
                assert all(bench.worker.holds(subject) for subject in bench.ledger)
            assert bench.enforcer.calls[2:] == ["apply", "apply", "apply", "lift", "lift"]
            assert not bench.worker.holds(who(1))
            assert bench.worker.report().in_force == 0

    run(tell)


def test_changes_that_come_together_are_one_call_and_the_last_of_a_subject_counts() -> None:
    async def tell(bench: Bench) -> None:
        async with bench.running():
            await bench.settled()
            bench.enforcer.calls.clear()
            changes = [bench.change(BAN, number) for number in range(100)]
            changes += [bench.change(LIFT, 7), bench.change(EXPIRE, 8), bench.change(LIFT, 9)]
            changes += [bench.change(BAN, 9, seconds=50.0)]
            bench.worker.submit(changes)
            assert bench.worker.report().pending == 100
            await bench.settled()
            assert bench.enforcer.calls == ["apply", "lift"]
            assert bench.enforcer.in_force == bench.in_force()
            assert [ban.subject for ban in bench.enforcer.lifted] == [who(7), who(8)]
            assert bench.worker.report().pending == 0

    run(tell)


def test_a_failure_is_tried_again_ever_more_seldom(caplog: pytest.LogCaptureFixture) -> None:
    async def tell(bench: Bench) -> None:
        bench.enforcer.fail("prepare", *(ActionError("no kernel") for _ in range(9)))
        bench.ban(1)
        async with bench.running():
            waits = []
            for number in range(9):
                waits.append(await bench.clock.slept.get())
                report = bench.worker.report()
                assert (report.state, report.error) == ("retrying", "no kernel")
                assert (report.retries, report.since) == (number + 1, report_since(bench))
                bench.clock.advance(waits[-1])
            await bench.settled()
            assert waits == [FIRST_RETRY, 2, 4, 8, 16, 32, LONGEST_RETRY, LONGEST_RETRY, 60]
            assert bench.enforcer.in_force == bench.in_force()
            report = bench.worker.report()
            assert (report.state, report.error, report.retries) == ("ok", "", 0)

    started = FakeClock().now()

    def report_since(bench: Bench) -> float:
        assert bench.clock.now() >= started
        return started

    with caplog.at_level(logging.INFO):
        run(tell)
    said = [record.message for record in caplog.records]
    assert said == ["[jail] action fake: no kernel", "[jail] action fake works again"]


@pytest.mark.parametrize("verb", ["prepare", "read", "apply", "lift"])
@pytest.mark.parametrize("readable", [True, False])
@pytest.mark.parametrize("fault", [ActionError("no"), ZeroDivisionError("a mistake")])
def test_whatever_fails_everything_is_in_force_in_the_end(
    verb: str, readable: bool, fault: Exception
) -> None:
    """At the first comparison and when changes are passed on, with what can't be read as well."""

    async def tell(bench: Bench) -> None:
        bench.ban(1)
        bench.ban(2)
        bench.enforcer.in_force = {who(2): None}
        bench.enforcer.fail(verb, fault)
        bench.submit(LIFT, 2)
        async with bench.running():
            if verb != "lift" or bench.enforcer.in_force:
                await bench.sleeps(FIRST_RETRY)
                bench.clock.advance(FIRST_RETRY)
            await bench.settled()
            assert bench.enforcer.in_force == bench.in_force()
            # And once more, in the middle of the work.
            bench.enforcer.fail(verb, fault)
            bench.submit(LIFT, 1)
            bench.submit(BAN, 3)
            if verb in ("apply", "lift"):
                await bench.sleeps(FIRST_RETRY)
                bench.clock.advance(FIRST_RETRY)
            await bench.settled()
            assert bench.enforcer.in_force == bench.in_force()
            assert bench.worker.report().drift == 0

    run(tell, FakeEnforcer(readable=readable))


def test_what_came_while_it_failed_is_not_forgotten() -> None:
    """An enforcer that can't be read has no other way to learn what is to be lifted."""

    async def tell(bench: Bench) -> None:
        async with bench.running():
            await bench.settled()
            bench.submit(BAN, 1)
            bench.submit(BAN, 2)
            await bench.settled()
            bench.enforcer.fail("lift", ActionError("busy"))
            bench.submit(LIFT, 1)
            await bench.sleeps(FIRST_RETRY)
            bench.submit(LIFT, 2)
            bench.submit(BAN, 3)
            bench.submit(BAN, 1)
            bench.clock.advance(FIRST_RETRY)
            await bench.settled()
            assert bench.enforcer.in_force == bench.in_force()

    run(tell, FakeEnforcer(readable=False))


def test_drift_is_repaired_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    async def tell(bench: Bench) -> None:
        bench.ban(1)
        bench.ban(2, None)
        async with bench.running():
            await bench.sleeps(RECONCILE_EVERY)
            bench.enforcer.in_force = {who(9): None}  # somebody flushed the set, and added one
            bench.clock.advance(RECONCILE_EVERY)
            await bench.sleeps(RECONCILE_EVERY)
            assert bench.enforcer.in_force == bench.in_force()
            assert bench.worker.report().drift == 3
            bench.clock.advance(RECONCILE_EVERY)
            await bench.sleeps(RECONCILE_EVERY)
            assert bench.worker.report().drift == 3

    run(tell)
    (record,) = [record for record in caplog.records if "drift" in record.message]
    assert "2 bans were not in force, 1 were that should not be" in record.message


def test_what_holds_the_bans_is_made_anew_at_once_when_it_is_gone() -> None:
    async def tell(bench: Bench) -> None:
        bench.ban(1)
        async with bench.running():
            await bench.sleeps(RECONCILE_EVERY)
            bench.enforcer.in_force.clear()
            bench.enforcer.calls.clear()
            bench.enforcer.fail("apply", Missing("the table is gone"))
            bench.submit(BAN, 2)
            await bench.settled()
            assert bench.enforcer.in_force == bench.in_force()
            assert bench.enforcer.calls == ["apply", "prepare", "read", "apply"]
            assert bench.worker.report().drift == 1

    run(tell)


def test_what_is_missing_just_after_it_was_made_is_not_hurried() -> None:
    async def tell(bench: Bench) -> None:
        bench.enforcer.fail("read", Missing("the table is gone"), Missing("the table is gone"))
        bench.ban(1)
        async with bench.running():
            assert await bench.clock.slept.get() == FIRST_RETRY
            bench.clock.advance(FIRST_RETRY)
            assert await bench.clock.slept.get() == 2 * FIRST_RETRY
            bench.clock.advance(2 * FIRST_RETRY)
            await bench.settled()
            assert bench.enforcer.in_force == bench.in_force()

    run(tell)


def test_one_that_is_replaced_leaves_what_is_pending_to_the_other() -> None:
    async def tell(bench: Bench) -> None:
        bench.submit(BAN, 1)
        await bench.worker.close(is_replaced=True)
        assert bench.enforcer.calls == ["close"]

    run(tell)


def test_what_is_still_to_be_done_is_no_drift() -> None:
    """Changes that come while everything is being compared."""

    async def tell(bench: Bench) -> None:
        bench.ban(1)
        async with bench.running():
            await bench.sleeps(RECONCILE_EVERY)
            bench.enforcer.gate.clear()
            bench.clock.advance(RECONCILE_EVERY)
            await bench.yielded()  # now it hangs in read
            bench.submit(EXTEND, 1, seconds=9999.0)
            bench.submit(BAN, 2)
            bench.enforcer.gate.set()
            await bench.settled()
            assert bench.enforcer.in_force == bench.in_force()
            assert bench.worker.report().drift == 0
            assert bench.enforcer.calls.count("read") == 2

    run(tell)


def test_how_long_an_enforcer_has_been_at_one_job_is_told() -> None:
    async def tell(bench: Bench) -> None:
        async with bench.running():
            await bench.worker.ready.wait()
            await bench.settled()
            assert bench.worker.report().busy == 0
            bench.enforcer.gate.clear()
            bench.submit(BAN, 1)
            await bench.yielded()
            bench.clock.advance(130)
            assert bench.worker.report().busy == 130
            bench.enforcer.gate.set()
            await bench.settled()
            assert bench.worker.report().busy == 0

    run(tell)


def test_an_enforcer_that_hangs_holds_up_no_other() -> None:
    async def tell(bench: Bench) -> None:
        other = Bench(FakeEnforcer())
        bench.enforcer.gate.clear()
        async with bench.running(), other.running():
            other.submit(BAN, 1)
            await other.settled()
            assert other.enforcer.in_force == other.in_force()
            assert bench.enforcer.calls == []
            assert bench.worker.report().state == "starting"

    run(tell)


def test_close_does_what_is_pending_and_what_it_is_asked_to_lift() -> None:
    async def tell(bench: Bench) -> None:
        bench.ban(1)
        async with bench.running():
            await bench.settled()
        assert bench.enforcer.calls[-1] == "close"

    run(tell)

    async def end(bench: Bench) -> None:
        bench.enforcer.in_force = {who(1): None, who(2): None, who(3): None}
        given_up = bench.ban(1)
        bench.ban(2)
        bench.submit(LIFT, 2)
        bench.submit(BAN, 4)
        await bench.worker.close(lift=[given_up])
        assert bench.enforcer.in_force.keys() == {who(3), who(4)}
        assert bench.enforcer.calls == ["apply", "lift", "lift", "close"]

    run(end)


@pytest.mark.parametrize("fault", [ActionError("no"), ZeroDivisionError("a mistake")])
@pytest.mark.parametrize("verb", ["apply", "lift", "close"])
def test_what_fails_at_the_end_is_logged_and_the_rest_still_done(
    verb: str, fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def tell(bench: Bench) -> None:
        bench.enforcer.in_force = {who(1): None}
        given_up = bench.ban(1)
        bench.submit(BAN, 2)
        bench.enforcer.fail(verb, fault)
        await bench.worker.close(lift=[given_up])
        assert bench.enforcer.calls[-1] == "close"
        assert who(2) in bench.enforcer.in_force or verb == "apply"
        assert who(1) not in bench.enforcer.in_force or verb == "lift"

    run(tell)
    assert "[jail] action fake, at its end" in caplog.text


def test_an_action_that_hangs_at_the_end_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    async def tell(bench: Bench) -> None:
        bench.enforcer.gate.clear()
        closing = asyncio.create_task(bench.worker.close())
        await bench.sleeps(CLOSE_WITHIN)
        bench.clock.advance(CLOSE_WITHIN)
        try:
            await asyncio.wait_for(closing, LIMIT)
        finally:
            bench.enforcer.gate.set()

    run(tell)
    assert "[jail] action fake hangs; left alone" in caplog.text
