# SPDX-License-Identifier: MIT
"""Telling people of changes, whatever becomes of the notifier on the way."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, suppress

import pytest

from logban.actions.attempting import FIRST_RETRY
from logban.actions.declaration import ActionSpec
from logban.actions.notifying import MAX_NOTICES, NOTICE_AGE, NotifierWorker
from logban.errors import ActionError
from logban.model import Ban, Change, ChangeKind, Subject
from logban.testing import FakeNotifier
from logban.testing.actions import at_work
from logban.testing.clock import ToldClock
from logban.testing.waiting import LIMIT

SPEC = ActionSpec("jail", "fake", "fake", {})

BAN, EXTEND, LIFT, EXPIRE = ChangeKind.BAN, ChangeKind.EXTEND, ChangeKind.LIFT, ChangeKind.EXPIRE


def who(number: int) -> Subject:
    return Subject.parse(f"198.51.100.{number}")


class Notices:
    """A notifier at work."""

    def __init__(self) -> None:
        self.clock = ToldClock()
        self.notifier = FakeNotifier()
        self.worker = NotifierWorker(SPEC, self.notifier, self.clock)

    def changes(self, *numbers: int) -> list[Change]:
        now = self.clock.now()
        return [Change(BAN, Ban("jail", who(number), now, None), now) for number in numbers]

    async def until_told(self, count: int) -> None:
        """Return when that many have been told and the worker knows it."""
        async with asyncio.timeout(LIMIT):
            # The notifier's thread runs beside this loop and can set no event of it.
            while len(self.notifier.told) < count or self.worker.report().pending:  # noqa: ASYNC110  # see above
                await asyncio.sleep(0)

    def running(self) -> AbstractAsyncContextManager[None]:
        """Let the worker run."""
        return at_work(self.worker, self.notifier)


def test_changes_are_told_once_and_in_order() -> None:
    async def tell() -> None:
        notices = Notices()
        assert notices.worker.report().state == "ok"
        async with notices.running():
            first, second = notices.changes(1, 2, 3), notices.changes(4, 1)
            notices.worker.submit(first)
            await notices.until_told(3)
            notices.worker.submit(second)
            await notices.until_told(5)
            assert notices.notifier.told == first + second
            report = notices.worker.report()
            assert (report.pending, report.dropped, report.in_force) == (0, 0, None)
        assert notices.notifier.calls == ["notify"] * 5 + ["close"]

    asyncio.run(tell())


def test_a_notice_that_fails_is_told_again_before_those_behind_it() -> None:
    async def tell() -> None:
        notices = Notices()
        notices.notifier.fail("notify", ActionError("no network"), OSError("still none"))
        async with notices.running():
            changes = notices.changes(1, 2)
            notices.worker.submit(changes)
            assert await notices.clock.slept.get() == FIRST_RETRY
            assert notices.worker.report().error == "no network"
            notices.clock.advance(FIRST_RETRY)
            assert await notices.clock.slept.get() == 2 * FIRST_RETRY
            assert notices.worker.report().state == "retrying"
            notices.clock.advance(2 * FIRST_RETRY)
            await notices.until_told(2)
            assert notices.notifier.told == changes
            assert notices.worker.report().state == "ok"

    asyncio.run(tell())


def test_of_too_many_notices_the_oldest_are_dropped_and_counted() -> None:
    async def tell() -> None:
        notices = Notices()
        notices.notifier.gate.clear()
        async with notices.running():
            changes = notices.changes(*(number % 250 for number in range(MAX_NOTICES + 10)))
            notices.worker.submit(changes[:5])
            await asyncio.sleep(0)  # the first of them is being told now
            notices.worker.submit(changes[5:])
            assert notices.worker.report().dropped == 10
            notices.notifier.gate.set()
            await notices.until_told(MAX_NOTICES + 1)
            assert notices.notifier.told == [changes[0], *changes[10:]]

    asyncio.run(tell())


def test_a_notice_that_is_a_day_old_is_news_no_more() -> None:
    async def tell() -> None:
        notices = Notices()
        old = notices.changes(1)
        notices.clock.advance(NOTICE_AGE + 1)
        new = notices.changes(2)
        notices.worker.submit(old + new)
        async with notices.running():
            await notices.until_told(1)
            assert notices.notifier.told == new
            assert notices.worker.report().dropped == 1

    asyncio.run(tell())


def test_what_waits_at_the_end_is_told_and_what_is_being_told_is_not_told_again() -> None:
    async def tell() -> None:
        notices = Notices()
        changes = notices.changes(1, 2, 3)
        notices.notifier.gate.clear()
        task = asyncio.create_task(notices.worker.run())
        notices.worker.submit(changes)
        for _ in range(10):  # the worker is on its way to the gate, and waits there
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        notices.notifier.gate.set()
        await notices.worker.close()
        assert notices.notifier.told == changes

    asyncio.run(tell())


def test_a_notifier_that_fails_is_not_waited_for_at_the_end() -> None:
    async def tell() -> None:
        notices = Notices()
        notices.notifier.fail("notify", ActionError("no server"))
        task = asyncio.create_task(notices.worker.run())
        notices.worker.submit(notices.changes(1, 2))
        async with asyncio.timeout(LIMIT):
            while notices.worker.report().state == "ok":  # noqa: ASYNC110  # told by no event
                await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await notices.worker.close()
        assert notices.notifier.told == []

    asyncio.run(tell())


def test_a_notifier_that_fails_to_close(caplog: pytest.LogCaptureFixture) -> None:
    async def tell() -> None:
        notices = Notices()
        notices.notifier.fail("close", ActionError("already gone"))
        await notices.worker.close()

    asyncio.run(tell())
    assert "at its end: already gone" in caplog.text
