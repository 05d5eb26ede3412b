# SPDX-License-Identifier: MIT
"""Nobody waits for the database who need not."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from logban.ledger.checkpoints import Checkpoints
from logban.ledger.records import BanRow, Checkpoint
from logban.ledger.store import Store
from logban.model import Ban, Subject
from logban.testing import FakeClock
from logban.testing.waiting import LIMIT

NOW = 1_795_168_800.0


class Slow(Store):
    """A database that is busy until it is told to go on."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.go = threading.Event()
        self.begun = threading.Event()

    def commit(self, checkpoint: Checkpoint) -> None:
        self.begun.set()
        assert self.go.wait(LIMIT)
        super().commit(checkpoint)


def ban(last: int) -> Checkpoint:
    who = Subject.parse(f"198.51.100.{last}")
    return Checkpoint(bans=(BanRow(Ban("pbx", who, NOW, NOW + 60)),))


def test_the_number_of_bans_is_the_last_one_known_while_something_is_committed(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        store = Slow(tmp_path / "db")
        store.go.set()
        checkpoints = Checkpoints(store, FakeClock(NOW), Checkpoint)
        checkpoints.add(ban(1))
        await checkpoints.commit()
        assert await checkpoints.count() == 1
        store.go.clear()
        store.begun.clear()
        checkpoints.add(ban(2))
        committing = asyncio.create_task(checkpoints.commit())
        await asyncio.to_thread(store.begun.wait, 5)
        async with asyncio.timeout(LIMIT):
            assert [await checkpoints.count() for _ in range(3)] == [1, 1, 1]
        store.go.set()
        await committing
        assert await checkpoints.count() == 2
        assert await checkpoints.count() == 2
        await checkpoints.close()

    asyncio.run(story())


def test_the_longer_a_commit_takes_the_longer_the_next_one_waits(tmp_path: Path) -> None:
    async def story() -> None:
        store, clock, ended = Slow(tmp_path / "db"), FakeClock(NOW), asyncio.Event()
        begun: list[float] = []

        def gather() -> Checkpoint:
            begun.append(clock.steady())
            return ban(len(begun))

        async def take_turns() -> None:
            for _ in range(20):
                await asyncio.sleep(0)

        async def next_begins() -> None:
            before = len(begun)
            while len(begun) == before:
                clock.advance(0.05)
                await take_turns()

        checkpoints = Checkpoints(store, clock, gather, ended.set)
        running = asyncio.create_task(checkpoints.run())
        await take_turns()
        for took, least, most in ((0.05, 0.95, 1.05), (0.0, 0.05, 0.15), (60.0, 1.95, 2.05)):
            checkpoints.hurry()
            await next_begins()
            clock.advance(took)
            end = clock.steady()
            ended.clear()
            store.go.set()
            await ended.wait()
            await take_turns()
            store.go.clear()
            checkpoints.hurry()
            await next_begins()
            assert least <= begun[-1] - end <= most
            ended.clear()
            store.go.set()
            await ended.wait()
            await take_turns()
            store.go.clear()
        running.cancel()
        store.go.set()
        await checkpoints.close()

    asyncio.run(story())
