# SPDX-License-Identifier: MIT
"""The actions of one jail at work: started, replaced by others without a gap, closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from logban.actions import catalogue
from logban.actions.declaration import ActionSpec
from logban.actions.notifying import NotifierWorker
from logban.actions.protocols import Cautious, Inquiring, Notifier, Particulars
from logban.actions.worker import Adopt, EnforcerWorker
from logban.clock import Clock
from logban.model import Ban, Change, Subject

Worker = EnforcerWorker | NotifierWorker

IN_FORCE_WITHIN: Final = 10.0
"""Seconds that new actions have to take the bans over before the old ones are let go anyway."""


class Actions:
    """The actions of one jail and their workers."""

    def __init__(
        self,
        specs: Iterable[ActionSpec],
        clock: Clock,
        wanted: Callable[[], Iterable[Ban]],
        earlier: Actions | None = None,
        exempt: Callable[[Subject], str] = lambda _: "",
        particulars: Callable[[], Particulars] | None = None,
        bantime: float | None = 0.0,
    ) -> None:
        """Make the actions; ``wanted`` gives the bans that should be in force.

        ``exempt`` tells by what entry somebody is exempt in any jail, "" if by none;
        ``particulars`` makes what tells an action's thread of the lines behind a ban;
        ``bantime`` is that of the jail.
        Those of ``earlier`` that are asked for just as they are go on here; see ``replace``.
        """
        self.workers: list[Worker] = []
        self._tasks: dict[Worker, asyncio.Task[None]] = {}
        spare = [] if earlier is None else list(earlier.workers)
        for spec in specs:
            worker = next((each for each in spare if each.spec == spec), None)
            if worker is None:
                worker = _make_worker(spec, clock, wanted, exempt, particulars)
            else:
                spare.remove(worker)
            if isinstance(worker, EnforcerWorker):
                worker.foresee(bantime)
            self.workers.append(worker)

    def start(self) -> None:
        """Let the workers work."""
        for worker in self.workers:
            self._tasks[worker] = asyncio.create_task(worker.run())

    async def replace(self, earlier: Actions, bans: Callable[[], Iterable[Ban]]) -> None:
        """Start in the place of ``earlier`` ones, and let go of those that are no more.

        What is not kept anywhere any more is lifted, but not before everything new is in force:
        no ban has a gap.
        """
        left = [worker for worker in earlier.workers if worker not in self.workers]
        await earlier.stop(left)
        for worker in self.workers:
            running = earlier.take_task(worker)
            self._tasks[worker] = running or asyncio.create_task(worker.run())
        in_force = await self.in_force()
        targets = {catalogue.target_of(worker.spec) for worker in self.workers} - {None}
        for worker in left:
            if isinstance(worker, NotifierWorker):
                await worker.close()
            elif catalogue.target_of(worker.spec) in targets:
                await worker.close(is_replaced=True)
            else:
                await worker.close(lift=list(bans()) if in_force else ())

    def take_task(self, worker: Worker) -> asyncio.Task[None] | None:
        """Give the running task of a worker away, if there is one."""
        return self._tasks.pop(worker, None)

    async def in_force(self) -> bool:
        """Wait until every enforcer has what it should; tell whether they got there."""
        try:
            async with asyncio.timeout(IN_FORCE_WITHIN):
                await asyncio.gather(*(worker.ready.wait() for worker in self.enforcers()))
        except TimeoutError:
            return False
        return True

    def submit(self, changes: Iterable[Change]) -> None:
        """Hand changes of the ledger to those who enforce."""
        taken = list(changes)
        for worker in self.enforcers():
            worker.submit(taken)

    def tell(self, changes: Iterable[Change]) -> None:
        """Hand changes of the ledger to those who tell of them."""
        taken = list(changes)
        for worker in self.workers:
            if isinstance(worker, NotifierWorker):
                worker.submit(taken)

    def disown(self, subject: Subject) -> None:
        """Have a subject taken out wherever it is in force for nobody's sake; see the worker."""
        for worker in self.enforcers():
            worker.disown(subject)

    def spare_strangers(self, spared: bool, adopt: Adopt | None = None) -> None:
        """Leave alone, or no longer, what is in force and not in the ledger; see the worker."""
        for worker in self.enforcers():
            worker.spare_strangers(spared, adopt)

    def recall(self, bans: Sequence[Ban]) -> None:
        """Name to those who enforce the ended bans that an earlier run may have left behind."""
        for worker in self.enforcers():
            worker.recall(bans)

    async def settled(self) -> None:
        """Return when every enforcer has done what it was told so far."""
        await asyncio.gather(*(worker.settled() for worker in self.enforcers()))

    def enforcers(self) -> list[EnforcerWorker]:
        """Give the workers that keep bans in force."""
        return [worker for worker in self.workers if isinstance(worker, EnforcerWorker)]

    async def stop(self, workers: Iterable[Worker]) -> None:
        """Let some workers work no longer; they are still to be closed."""
        tasks = [task for task in map(self.take_task, workers) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """Let go of everything; bans stay in force."""
        await self.stop(self.workers)
        await asyncio.gather(*(worker.close() for worker in self.workers))


def _make_worker(
    spec: ActionSpec,
    clock: Clock,
    wanted: Callable[[], Iterable[Ban]],
    exempt: Callable[[Subject], str],
    particulars: Callable[[], Particulars] | None,
) -> Worker:
    action = catalogue.build(spec, clock)
    if isinstance(action, Inquiring) and particulars is not None:
        action.inquire_of(particulars())
    if isinstance(action, Cautious):
        action.exempt_by(exempt)
    if isinstance(action, Notifier):
        return NotifierWorker(spec, action, clock)
    return EnforcerWorker(spec, action, clock, wanted)
