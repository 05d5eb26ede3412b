# SPDX-License-Identifier: MIT
"""A flood of changes is told in few mails, and all of it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from logban.actions import catalogue
from logban.actions.notifying import EVIDENCE_KEPT, MAX_DIGEST, NotifierWorker
from logban.actions.pacing import Pace, Pacing
from logban.errors import ActionError
from logban.model import Ban, Change, ChangeKind, Evidence, Subject
from logban.testing.actions import FakeNotifier
from logban.testing.clock import FakeClock
from logban.testing.waiting import until

PACE = Pace(5, 600.0)
LINES = (Evidence(0.0, "rule", "a line", "/log"),)


class Gathering(FakeNotifier):
    """A notifier that tells many in one; ``mails`` are the changes of each."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[list[Change]] = []
        self.dropped = 0

    @property
    def pace(self) -> Pace:
        return PACE

    def wants(self, change: Change) -> bool:
        return change.kind is ChangeKind.BAN

    def notify(self, change: Change) -> None:
        super().notify(change)
        self.mails.append([change])

    def digest(self, changes: Sequence[Change], dropped: int) -> None:
        self._called("digest")
        self.mails.append(list(changes))
        self.dropped += dropped


class Bench:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.notifier = Gathering()
        spec = catalogue.parse("pbx", "email", {})
        self.worker = NotifierWorker(spec, self.notifier, self.clock)
        self.count = 0
        self.tried = 0

    def ban(self, times: int = 1, kind: ChangeKind = ChangeKind.BAN) -> None:
        now = self.clock.now()
        changes = []
        for _ in range(times):
            self.count += 1
            subject = Subject.parse(
                f"10.{self.count >> 16}.{self.count >> 8 & 255}.{self.count & 255}"
            )
            changes.append(Change(kind, Ban("pbx", subject, now, now + 60, 5, "r", LINES), now))
        self.worker.submit(changes)

    async def let_pass(self, seconds: float) -> None:
        for _ in range(int(seconds / 10)):
            await self.settle()
            self.clock.advance(10)
        await self.settle()

    async def settle(self) -> None:
        """Wait until the worker waits for something."""
        await until(
            lambda: (
                not self.worker._queue or any(not each[2].done() for each in self.clock._sleepers)
            )
        )

    @property
    def sizes(self) -> list[int]:
        return [len(mail) for mail in self.notifier.mails]


async def work(bench: Bench) -> asyncio.Task[None]:
    return asyncio.create_task(bench.worker.run())


def test_a_few_are_told_one_by_one_and_a_flood_in_one() -> None:
    async def story() -> None:
        bench = Bench()
        task = await work(bench)
        bench.ban(3)
        await bench.settle()
        assert bench.sizes == [1, 1, 1]
        bench.ban(500)
        await bench.let_pass(590)
        assert bench.sizes == [1] * 5
        bench.ban(7)
        await bench.let_pass(10)
        assert bench.sizes == [1] * 5 + [505]
        for _ in range(30):  # it goes on: a mail every ten minutes
            bench.ban(10)
            await bench.let_pass(60)
        assert bench.sizes == [1] * 5 + [505] + [100] * 3
        await bench.let_pass(600)
        bench.ban(2)  # it is over: one by one again
        await bench.settle()
        assert bench.sizes[-2:] == [1, 1]
        told = [change.ban.subject for mail in bench.notifier.mails for change in mail]
        assert len(told) == len(set(told)) == bench.count
        task.cancel()
        await bench.worker.close()

    asyncio.run(story())


def test_what_nobody_wants_to_know_does_not_wait() -> None:
    async def story() -> None:
        bench = Bench()
        task = await work(bench)
        bench.ban(50, ChangeKind.EXPIRE)
        assert bench.worker.report().pending == 0
        task.cancel()
        await bench.worker.close()

    asyncio.run(story())


def test_what_was_gathered_is_told_at_the_end() -> None:
    async def story() -> None:
        bench = Bench()
        task = await work(bench)
        bench.ban(20)
        await bench.settle()
        task.cancel()
        await bench.worker.close()
        assert bench.sizes == [1] * 5 + [15]

    asyncio.run(story())


def test_a_digest_that_fails_is_tried_again_with_all_of_it() -> None:
    async def story() -> None:
        bench = Bench()
        bench.notifier.fail("digest", ActionError("no server"), OSError("none"))
        task = await work(bench)
        bench.ban(20)
        await bench.let_pass(600)
        assert bench.worker.report().state == "retrying"
        bench.ban(3)
        await bench.let_pass(20)
        assert bench.sizes == [1] * 5 + [18]
        assert bench.worker.report().pending == 0
        task.cancel()
        await bench.worker.close()

    asyncio.run(story())


def test_there_are_bounds_and_they_are_told() -> None:
    async def story() -> None:
        bench = Bench()
        task = await work(bench)
        bench.ban(5)
        await bench.settle()
        bench.ban(MAX_DIGEST + 11)
        assert bench.worker.report().dropped == 11
        await bench.let_pass(600)
        mail = bench.notifier.mails[-1]
        assert (len(mail), bench.notifier.dropped) == (MAX_DIGEST, 11)
        with_lines = sum(bool(change.ban.evidence) for change in mail)
        assert with_lines <= EVIDENCE_KEPT
        task.cancel()
        await bench.worker.close()

    asyncio.run(story())


def test_a_clock_that_is_set_back_holds_nothing_up() -> None:
    pacing = Pacing(PACE)
    for _ in range(5):
        assert pacing.pause(10_000.0) == 0
        pacing.told(10_000.0)
    assert pacing.pause(10_000.0) == 600.0
    assert pacing.pause(50.0) == 0.0


@given(st.lists(st.floats(0.0, 2000.0), min_size=1, max_size=200), st.integers(0, 8))
def test_there_are_never_more_than_the_pace_allows(pauses: list[float], most: int) -> None:
    """However changes come: within any span there are no more than the burst and one digest."""
    pacing, now, told = Pacing(Pace(most, 600.0)), 1.0, []
    for pause in pauses:
        now += pause
        now += pacing.pause(now)
        assert pacing.pause(now) == 0.0
        told.append(now)
        pacing.told(now)
    for begin in told:
        assert sum(begin <= time < begin + 600.0 for time in told) <= max(1, most) + 1
