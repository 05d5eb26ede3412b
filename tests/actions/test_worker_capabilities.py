# SPDX-License-Identifier: MIT
"""What only some enforcers want of their worker: to be asked often, to choose, to remark."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from logban.actions import worker as workers
from logban.actions.declaration import ActionSpec
from logban.actions.faults import Missing
from logban.actions.worker import EnforcerWorker
from logban.errors import ActionError
from logban.model import Ban, Change, ChangeKind, Subject, SubjectKind
from logban.testing import FakeClock
from logban.testing.actions import FakeEnforcer

SPEC = ActionSpec("jail", "kamailio-htable", "kamailio-htable", {})
USER = Subject(SubjectKind.USER, user="6003")
ADDRESS = Subject(SubjectKind.IP, "198.51.100.7")


class Particular(FakeEnforcer):
    """An enforcer with everything that can be wanted."""

    check_every = 2.0
    notice = ""

    def check(self) -> None:
        self._called("check")

    def takes(self, subject: Subject) -> bool:
        return subject.kind is SubjectKind.IP


class Story:
    """A worker at work, and the ledger behind it."""

    def __init__(self, enforcer: FakeEnforcer) -> None:
        self.clock = FakeClock()
        self.enforcer = enforcer
        self.bans: list[Ban] = []
        self.worker = EnforcerWorker(SPEC, enforcer, self.clock, lambda: self.bans)

    def ban(self, subject: Subject) -> None:
        now = self.clock.now()
        ban = Ban("jail", subject, now, now + 600)
        self.bans.append(ban)
        self.worker.submit([Change(ChangeKind.BAN, ban, now)])

    async def until(self, seen: Callable[[], bool]) -> None:
        """Wait until the worker's thread has come to something."""
        async with asyncio.timeout(10):
            while not seen():  # noqa: ASYNC110  # what is seen is another thread's work
                await asyncio.sleep(0.001)

    async def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            self.clock.advance(0.5)
            for _ in range(20):
                await asyncio.sleep(0)
            await asyncio.sleep(0.002)


@asynccontextmanager
async def working(enforcer: FakeEnforcer) -> AsyncIterator[Story]:
    story = Story(enforcer)
    task = asyncio.create_task(story.worker.run())
    await story.until(lambda: story.worker.report().state != "starting")
    try:
        yield story
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        closing = asyncio.create_task(story.worker.close())
        await closing


def run(story: Callable[[], object]) -> None:
    asyncio.run(story())  # type: ignore[arg-type]  # a coroutine function


def test_it_is_asked_every_two_seconds() -> None:
    async def story() -> None:
        enforcer = Particular()
        async with working(enforcer) as told:
            await told.pass_time(21)
            assert 8 <= enforcer.calls.count("check") <= 11
            assert enforcer.calls.count("read") == 1

    run(story)


def test_what_is_lost_is_back_at_once() -> None:
    async def story() -> None:
        enforcer = Particular()
        async with working(enforcer) as told:
            told.ban(ADDRESS)
            await told.until(lambda: told.worker.holds(ADDRESS))
            enforcer.in_force.clear()
            enforcer.fail("check", Missing("restarted"))
            await told.pass_time(3)
            await told.until(lambda: enforcer.calls.count("prepare") == 2)
            await told.until(lambda: ADDRESS in enforcer.in_force)
            assert told.worker.report().drift == 1
            assert told.worker.report().state == "ok"

    run(story)


def test_the_end_of_a_fault_is_noticed_within_two_seconds() -> None:
    async def story() -> None:
        enforcer = Particular()
        async with working(enforcer) as told:
            enforcer.fail("check", ActionError("down"))
            enforcer.fail("prepare", *(ActionError("down") for _ in range(50)))
            await told.pass_time(100)
            report = told.worker.report()
            assert (report.state, report.error) == ("retrying", "down")
            assert report.retries >= 40
            await told.pass_time(30)
            await told.until(lambda: told.worker.report().state == "ok")

    run(story)


def test_an_enforcer_that_is_not_asked_waits_longer() -> None:
    async def story() -> None:
        enforcer = FakeEnforcer()
        enforcer.fail("prepare", *(ActionError("down") for _ in range(50)))
        async with working(enforcer) as told:
            await told.pass_time(100)
            assert told.worker.report().retries < 10
            assert workers.LONGEST_RETRY == 60

    run(story)


def test_what_it_does_not_take_is_not_handed_to_it() -> None:
    async def story() -> None:
        enforcer = Particular()
        async with working(enforcer) as told:
            told.ban(USER)
            told.ban(ADDRESS)
            await told.until(lambda: told.worker.holds(ADDRESS))
            await told.pass_time(65)
            assert enforcer.in_force.keys() == {ADDRESS}
            assert not told.worker.takes(USER)
            assert not told.worker.holds(USER)
            assert told.worker.report().drift == 0
            assert told.worker.report().pending == 0

    run(story)


@pytest.mark.parametrize("fault", [None, ActionError("down")])
def test_a_remark_is_shown_where_there_is_no_fault(fault: Exception | None) -> None:
    async def story() -> None:
        enforcer = Particular()
        enforcer.notice = "a ban hits others"
        if fault is not None:
            enforcer.fail("prepare", fault)
        async with working(enforcer) as told:
            said = told.worker.report().error
            assert said == ("a ban hits others" if fault is None else "down")

    run(story)


def test_others_take_everything_and_remark_nothing() -> None:
    async def story() -> None:
        async with working(FakeEnforcer()) as told:
            assert told.worker.takes(USER)
            assert told.worker.report().error == ""

    run(story)
