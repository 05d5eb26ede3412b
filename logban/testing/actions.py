# SPDX-License-Identifier: MIT
"""Actions whose kernel is a dictionary and whose mailbox is a list, and which fail when told to."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from logban.actions.notifying import NotifierWorker
from logban.actions.worker import EnforcerWorker
from logban.model import Ban, Change, Subject
from logban.testing.waiting import LIMIT


class FakeAction:
    """What the fakes share: faults to order, a gate to hang at, and the names of all calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self._faults: dict[str, deque[Exception]] = {}

    def fail(self, verb: str, *faults: Exception) -> None:
        """Let the next calls of a verb raise these, one after another."""
        self._faults.setdefault(verb, deque()).extend(faults)

    def _called(self, verb: str) -> None:
        self.gate.wait()
        self.calls.append(verb)
        if self._faults.get(verb):
            raise self._faults[verb].popleft()


class FakeEnforcer(FakeAction):
    """An :class:`logban.actions.protocols.Enforcer`; ``in_force`` gives the ends by subject."""

    def __init__(self, *, readable: bool = True) -> None:
        super().__init__()
        self.in_force: dict[Subject, float | None] = {}
        self.applied: list[Ban] = []
        self.lifted: list[Ban] = []
        self._readable = readable

    def prepare(self) -> None:
        """Note the call."""
        self._called("prepare")

    def apply(self, bans: Sequence[Ban]) -> None:
        """Put these in force."""
        self._called("apply")
        self.applied += bans
        self.in_force.update({ban.subject: ban.until for ban in bans})

    def lift(self, bans: Sequence[Ban]) -> None:
        """Take these back."""
        self._called("lift")
        self.lifted += bans
        for ban in bans:
            self.in_force.pop(ban.subject, None)

    def read(self) -> Mapping[Subject, float | None] | None:
        """Tell what is in force, unless made not to be readable."""
        self._called("read")
        return dict(self.in_force) if self._readable else None

    def close(self) -> None:
        """Note the call."""
        self._called("close")


class FakeNotifier(FakeAction):
    """A :class:`logban.actions.protocols.Notifier`; ``told`` is what it has told, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Change] = []

    def notify(self, change: Change) -> None:
        """Tell it."""
        self._called("notify")
        self.told.append(change)

    def close(self) -> None:
        """Note the call."""
        self._called("close")


@asynccontextmanager
async def at_work(
    worker: EnforcerWorker | NotifierWorker, action: FakeAction
) -> AsyncIterator[None]:
    """Let the worker of an action run, and close it at the end, whatever it hangs at."""
    task = asyncio.create_task(worker.run())
    try:
        async with asyncio.timeout(LIMIT):
            yield
    finally:
        action.gate.set()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await worker.close()
