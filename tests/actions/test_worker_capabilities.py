# SPDX-License-Identifier: MIT
"""What only some enforcers want of their worker: to be asked often, to choose, to remark."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest

from logban.actions import worker as workers
from logban.actions.declaration import ActionSpec
from logban.actions.protocols import Missing
from logban.actions.worker import EnforcerWorker
from logban.errors import ActionError
from logban.model import Ban, Change, ChangeKind, Subject, SubjectKind
from logban.testing import FakeClock
from logban.testing.actions import FakeEnforcer
from logban.testing.waiting import LIMIT, run

SPEC = ActionSpec("jail", "kamailio-htable", "kamailio-htable", {})
USER = Subject(SubjectKind.USER, user="6003")
ADDRESS = Subject(SubjectKind.IP, "198.51.100.7")
T = TypeVar("T")
STRANGER = Subject(SubjectKind.IP, "192.0.2.1")


class Particular(FakeEnforcer):
    """An enforcer with everything that can be wanted."""

    check_every = 2.0
    notice = ""

    def check(self) -> None:
        self._called("check")

    def takes(self, subject: Subject) -> bool:
        return subject.kind is SubjectKind.IP


class Heard(EnforcerWorker):
    """A worker that tells when its thread has done something."""

    def __init__(self, enforcer: FakeEnforcer, clock: FakeClock, bans: list[Ban]) -> None:
        super().__init__(SPEC, enforcer, clock, lambda: bans)
        self.done = asyncio.Event()

    async def _call(self, work: Callable[..., T], *arguments: object) -> T:
        try:
            return await super()._call(work, *arguments)
        finally:
            self.done.set()

    def is_held_up(self, enforcer: FakeEnforcer) -> bool:
        """Tell whether the thread has nothing to do that it could get on with."""
        return self._busy_since is None or not enforcer.gate.is_set()


class Story:
    """A worker at work, and the ledger behind it."""

    def __init__(self, enforcer: FakeEnforcer) -> None:
        self.clock = FakeClock()
        self.enforcer = enforcer
        self.bans: list[Ban] = []
        self.worker = Heard(enforcer, self.clock, self.bans)

    def ban(self, subject: Subject) -> None:
        now = self.clock.now()
        ban = Ban("jail", subject, now, now + 600)
        self.bans.append(ban)
        self.worker.submit([Change(ChangeKind.BAN, ban, now)])

    async def until(self, seen: Callable[[], bool]) -> None:
        """Wait until the worker has come to something, and to rest."""
        async with asyncio.timeout(LIMIT):
            await self.rest()
            while not seen():
                await self.rest()

    async def _step(self) -> None:
        """Let the loop do all that is to be done by now, and the thread what it is at."""
        self.worker.done.clear()
        for _ in range(20):
            await asyncio.sleep(0)
        if not self.worker.is_held_up(self.enforcer):
            await self.worker.done.wait()

    async def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            await self.rest()
            self.clock.advance(0.5)
        await self.rest()

    async def rest(self) -> None:
        """Let the worker do all that is to be done by now, unless its thread is held up."""
        await self._step()
        while not self.worker.is_held_up(self.enforcer):
            await self._step()


@asynccontextmanager
async def working(enforcer: FakeEnforcer, *, spares: bool = False) -> AsyncIterator[Story]:
    story = Story(enforcer)
    story.worker.spare_strangers(spares)
    task = asyncio.create_task(story.worker.run())
    await story.until(lambda: story.worker.report().state != "starting")
    try:
        yield story
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        closing = asyncio.create_task(story.worker.close())
        await closing


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


class Told(FakeEnforcer):
    """An enforcer whose place tells of changes, through a pipe, and that can be filled."""

    def __init__(self) -> None:
        super().__init__()
        self.reader, self.writer = os.pipe()
        self.heard: list[bool] = []

    def news(self) -> int:
        return self.reader

    def hear(self) -> bool:
        os.read(self.reader, 100)
        heard = self.heard.pop(0)
        self._called("hear")
        return heard

    def fill(self, bans: Sequence[Ban]) -> None:
        self._called("fill")
        for ban in bans:  # as the kernel, which keeps the end of what is there
            self.in_force.setdefault(ban.subject, ban.until)

    def tell(self, is_of_others: bool) -> None:
        self.heard.append(is_of_others)
        os.write(self.writer, b"!")


@pytest.fixture
def told_of() -> Iterator[Told]:
    made = Told()
    yield made
    os.close(made.reader)
    os.close(made.writer)


def test_what_others_take_away_is_back_as_soon_as_it_is_told(told_of: Told) -> None:
    async def story() -> None:
        async with working(told_of) as told:
            told.ban(ADDRESS)
            await told.until(lambda: told.worker.holds(ADDRESS))
            await told.pass_time(1)
            told_of.in_force.clear()
            told_of.tell(is_of_others=True)
            await told.until(lambda: ADDRESS in told_of.in_force)
            await told.until(lambda: told.worker.report().drift == 1)
            assert told_of.calls[-3:] == ["hear", "read", "fill"]

    run(story)


def test_what_is_gone_is_made_anew_at_once_though_others_change_it_all_the_time(
    told_of: Told,
) -> None:
    async def story() -> None:
        async with working(told_of) as told:
            told.ban(ADDRESS)
            await told.until(lambda: told.worker.holds(ADDRESS))
            await told.pass_time(1)
            for _ in range(5):
                told_of.tell(is_of_others=True)
                await told.until(lambda: not told_of.heard)
            told_of.in_force.clear()
            told_of.fail("hear", Missing("gone"))
            told_of.tell(is_of_others=True)
            await told.until(lambda: ADDRESS in told_of.in_force)  # no time goes by
            assert told_of.calls.count("prepare") == 2
            assert told.worker.report().drift == 1
            told_of.in_force.clear()
            told_of.fail("hear", Missing("gone"))
            told_of.tell(is_of_others=True)
            await told.until(lambda: not told_of.heard)
            assert told_of.calls.count("prepare") == 2, "it was made a moment ago"
            await told.pass_time(1)
            await told.until(lambda: ADDRESS in told_of.in_force)

    run(story)


def test_a_first_ban_is_filled_in_and_a_longer_one_put_in_its_place(told_of: Told) -> None:
    async def story() -> None:
        async with working(told_of) as told:
            told.ban(ADDRESS)
            await told.until(lambda: told.worker.holds(ADDRESS))
            longer = Ban("jail", ADDRESS, 0.0, told.clock.now() + 6000)
            told.worker.submit([Change(ChangeKind.EXTEND, longer, told.clock.now())])
            await told.until(lambda: told_of.in_force[ADDRESS] == longer.until)
            assert told_of.calls[-2:] == ["fill", "apply"]

    run(story)


@pytest.mark.parametrize("is_in_force", [True, False])
def test_a_ban_behind_one_that_is_still_in_force_gets_its_own_end(
    told_of: Told, *, is_in_force: bool
) -> None:
    async def story() -> None:
        async with working(told_of) as told:
            if not is_in_force:
                told_of.gate.clear()
            told.ban(ADDRESS)
            if is_in_force:
                await told.until(lambda: told.worker.holds(ADDRESS))
                told_of.gate.clear()
            else:
                await told.pass_time(1)  # the worker's thread is at it
            now = told.clock.now()
            told.worker.submit([Change(ChangeKind.LIFT, told.bans.pop(), now)])
            again = Ban("jail", ADDRESS, now, now + 60)
            told.bans.append(again)
            told.worker.submit([Change(ChangeKind.BAN, again, now)])
            told_of.gate.set()
            await told.until(lambda: told_of.in_force.get(ADDRESS) == again.until)

    run(story)


def test_what_may_be_in_force_for_nobodys_sake_is_put_in_its_place(told_of: Told) -> None:
    async def story() -> None:
        told_of.in_force[ADDRESS] = 5.0
        async with working(told_of, spares=True) as told:
            told.ban(ADDRESS)
            await told.until(lambda: told_of.in_force[ADDRESS] == told.bans[0].until)

    run(story)


def test_what_is_told_of_oneself_leads_to_nothing(told_of: Told) -> None:
    async def story() -> None:
        async with working(told_of) as told:
            for _ in range(3):
                told_of.tell(is_of_others=False)
                await told.until(lambda: not told_of.heard)
            await told.pass_time(10)
            assert told_of.calls.count("hear") == 3
            assert told_of.calls.count("read") == 1

    run(story)


def test_who_changes_it_all_the_time_is_looked_after_now_and_then(told_of: Told) -> None:
    async def story() -> None:
        async with working(told_of) as told:
            await told.pass_time(1)
            for _ in range(100):
                told_of.tell(is_of_others=True)
                await told.until(lambda: not told_of.heard)
            assert told_of.calls.count("read") == 2  # no time goes by but what is let
            await told.pass_time(1)
            assert told_of.calls.count("read") == 3

    run(story)


@pytest.mark.parametrize("seconds", [-7200.0, 7200.0])
def test_a_clock_that_is_set_holds_up_no_comparison(seconds: float) -> None:
    async def story() -> None:
        enforcer = FakeEnforcer()
        async with working(enforcer) as told:
            told.clock.step(seconds)
            await told.pass_time(61)
            assert enforcer.calls.count("read") == 2

    run(story)


def test_verifying_tells_and_repairs_nothing() -> None:
    async def story() -> None:
        enforcer = FakeEnforcer()
        async with working(enforcer) as told:
            told.ban(ADDRESS)
            await told.until(lambda: told.worker.holds(ADDRESS))
            assert not await told.worker.verify()
            enforcer.in_force = {STRANGER: None}
            difference = await told.worker.verify()
            assert list(difference.subjects()) == [ADDRESS, STRANGER]
            assert enforcer.in_force == {STRANGER: None}
            await told.worker.repair()
            assert enforcer.in_force.keys() == {ADDRESS}
            assert told.worker.report().drift == 2
            assert not await told.worker.verify()

    run(story)


def test_what_is_on_its_way_is_no_difference() -> None:
    async def story() -> None:
        enforcer = FakeEnforcer()
        async with working(enforcer) as told:
            enforcer.gate.clear()
            told.ban(ADDRESS)
            verifying = asyncio.create_task(told.worker.verify())
            await asyncio.sleep(0)
            enforcer.gate.set()
            assert not await verifying

    run(story)


def test_where_nothing_can_be_told_verifying_says_why() -> None:
    async def story() -> None:
        enforcer = FakeEnforcer()
        enforcer.fail("prepare", ActionError("down"))
        async with working(enforcer) as told:
            with pytest.raises(ActionError, match="down"):
                await told.worker.verify()
        async with working(FakeEnforcer(readable=False)) as told:
            with pytest.raises(ActionError, match="can't be read"):
                await told.worker.verify()

    run(story)
