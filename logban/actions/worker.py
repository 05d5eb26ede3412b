# SPDX-License-Identifier: MIT
"""What keeps an enforcer at what the ledger says.

An enforcer's worker does not queue events: it keeps, for each subject, what is wanted now, and
after any failure it starts over from the ledger (*desired state*).
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final, TypeVar

from logban.actions.attempting import (
    CLOSE_WITHIN,
    FIRST_RETRY,
    LONGEST_RETRY,
    ActionReport,
    Worker,
)
from logban.actions.comparison import Difference, compare
from logban.actions.declaration import ActionSpec
from logban.actions.listening import Listening
from logban.actions.pending import Pending, ended
from logban.actions.protocols import (
    Enforcer,
    Filling,
    Foreseeing,
    Missing,
    Pardoning,
    Recalling,
    Remarking,
    Selective,
    Watched,
)
from logban.clock import Clock
from logban.errors import ActionError, LogbanError
from logban.model import Ban, Change, ChangeKind, Subject

log = logging.getLogger(__name__)

RECONCILE_EVERY: Final = 60.0
"""Seconds between two comparisons of what is in force with what should be."""

REST: Final = 4.0
LEAST_REST: Final = 0.2
"""What follows a comparison that somebody else's change led to: so many times as long as it took,
and at least so many seconds, before another change leads to the next one.  Where all is gone no
comparison has to rest; but what has taken some time to be made anew is not made so for as long."""

T = TypeVar("T")
Adopt = Callable[[Sequence[Ban]], None]
"""What takes over bans that were found in force."""


class EnforcerWorker(Worker):
    """Keeps one enforcer at what the ledger says."""

    kind = "enforcer"

    def __init__(
        self,
        spec: ActionSpec,
        enforcer: Enforcer,
        clock: Clock,
        wanted: Callable[[], Iterable[Ban]],
    ) -> None:
        """Ask ``wanted`` for the bans that should be in force, whenever all is to be compared."""
        super().__init__(spec, clock)
        self._enforcer = enforcer
        # Asked once: to look a protocol up takes longer than to decide on a ban.
        self._selective = enforcer if isinstance(enforcer, Selective) else None
        self._wanted = wanted
        self._pending = Pending()
        self._held: set[Subject] = set()
        self._drift = 0
        self._is_lost = False
        self._listening = Listening(enforcer, self._wake.set)
        self._is_asked = False
        self._spares_strangers = False
        self._adopt: Adopt | None = None
        self._is_settling = False
        self._rested_at = 0.0
        self._mend_after = 0.0
        self._has_heard = False
        self._compared = asyncio.Event()
        self._idle = asyncio.Event()
        self.ready = asyncio.Event()
        self._check_every = RECONCILE_EVERY
        if isinstance(enforcer, Watched):
            # Where a restart is noticed within seconds, its end has to be as well.
            self._check_every = enforcer.check_every
            self._longest_retry = min(LONGEST_RETRY, max(FIRST_RETRY, enforcer.check_every))

    async def settled(self) -> None:
        """Return when all that was submitted is in force."""
        await self._idle.wait()

    def submit(self, changes: Iterable[Change]) -> None:
        """Take over changes of the ledger; the last one of each subject counts."""
        self._pending.add(changes, self._taker(), self._held)
        if self._pending:
            self._idle.clear()
        self._wake.set()

    def takes(self, subject: Subject) -> bool:
        """Tell whether a ban on this subject can be kept here."""
        if not self.spec.is_for(subject):
            return False
        return self._selective is None or self._selective.takes(subject)

    def _taker(self) -> Callable[[Subject], bool]:
        """Give what tells the same as :meth:`takes`, for very many."""
        if self._selective is not None and not self.spec.only:
            return self._selective.takes
        return self.takes

    async def pardon(self, subjects: Sequence[Subject]) -> None:
        """Take out what others have put in against these; a failure is logged, no more."""
        if not isinstance(self._enforcer, Pardoning):
            return
        try:
            await self._call(self._enforcer.pardon, subjects)
        except LogbanError as error:
            log.warning("[%s] action %s: %s", self.spec.jail, self.spec.written, error)

    def foresee(self, bantime: float | None) -> None:
        """Say for how long the jail bans."""
        if isinstance(self._enforcer, Foreseeing):
            self._enforcer.foresee(bantime)

    def recall(self, bans: Sequence[Ban]) -> None:
        """Name bans that an earlier run may have left in force though they have ended."""
        if isinstance(self._enforcer, Recalling):
            self._enforcer.recall([each for each in bans if self.takes(each.subject)])

    def spare_strangers(self, spared: bool, adopt: Adopt | None = None) -> None:
        """Leave alone, or no longer, what is in force though nobody wants it.

        After a crash that may be a ban whose lines have still to be read again.  ``adopt`` takes
        it over, where nobody knows any more what is wanted.
        """
        self._adopt = adopt
        self._is_settling = self._spares_strangers and not spared
        self._spares_strangers = spared
        if self._is_settling:
            self._is_asked = True
            self._wake.set()

    def disown(self, subject: Subject) -> None:
        """Take out what is left alone here as a stranger: an admin has lifted it."""
        now = self._clock.now()
        if self._spares_strangers and subject not in self._pending:
            self.submit([Change(ChangeKind.LIFT, Ban(self.spec.jail, subject, now, now), now)])

    async def verify(self) -> Difference:
        """Compare what is in force with what should be, and repair nothing.

        ActionError where that can't be told; what has been ordered and not been done is left out.
        """
        if not self.ready.is_set() or self._state != "ok":
            raise ActionError(self._error or "it has not begun to work yet")
        before = self._pending.changes()
        bans = list(self._wanted())
        try:
            _, difference = await self._call(self._look, bans)
        except Missing:
            wanted = {ban.subject: ban for ban in bans if self.takes(ban.subject)}
            difference = compare(self.spec.jail, wanted, {}, self._clock.now())
        if difference is None:
            raise ActionError("what is in force can't be read there")
        if self._spares_strangers:
            difference = difference.sparing({})
        return difference.without(before).without(self._pending.changes())

    def _look(self, bans: Iterable[Ban]) -> tuple[dict[Subject, Ban], Difference | None]:
        """Give those of these bans that belong here, and how what is in force differs from them.

        The latter is None where it can't be read.  For the action's thread: they may be a hundred
        thousand.
        """
        takes = self._taker()
        wanted = {ban.subject: ban for ban in bans if takes(ban.subject)}
        found = self._enforcer.read()
        if found is None:
            return wanted, None
        return wanted, compare(self.spec.jail, wanted, found, self._clock.now())

    def wanted_here(self) -> int:
        """Give the number of bans that should be in force here."""
        return sum(self.takes(ban.subject) for ban in self._wanted())

    async def repair(self) -> None:
        """Have everything compared and repaired; return when it is, or after a while."""
        self._is_asked = True
        self._compared.clear()
        self._wake.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN):
                await self._compared.wait()

    def report(self) -> ActionReport:
        """Tell how it does."""
        said = self._error
        if not said and isinstance(self._enforcer, Remarking):
            said = self._enforcer.notice
        return ActionReport(
            self.spec.written, self.kind, self._state, said, self._since, self._retries,
            len(self._held), len(self._pending), self._drift, 0, self._failures, self._busy(),
        )  # fmt: skip

    def holds(self, subject: Subject) -> bool:
        """Tell whether a subject's ban is in force here, as far as is known."""
        return subject in self._held

    async def run(self) -> None:
        """Bring everything into force and keep it there, until cancelled."""
        is_prepared = False
        while True:
            try:
                begun, is_mending = self._clock.steady(), self._is_lost
                await self._reconcile(prepare=not is_prepared)
                if is_mending:
                    ended = self._clock.steady()
                    self._mend_after = ended + max(LEAST_REST, ended - begun)
                is_prepared = True
                self.ready.set()
                await self._follow()
            except Missing as error:
                if not is_prepared:  # it was made a moment ago: to hurry would be no use
                    await self._clock.sleep(self._failed(error))
                else:
                    log.warning("[%s] action %s: %s", self.spec.jail, self.spec.written, error)
                    self._is_lost = True
                    self._held.clear()
                    rest = self._mend_after - self._clock.steady()
                    if rest > 0:
                        await self._clock.sleep(rest)
                is_prepared = False
            except Exception as error:  # noqa: BLE001  # a supervisor: logs, counts, starts over
                await self._clock.sleep(self._failed(error))
                is_prepared = False

    async def close(self, *, lift: Sequence[Ban] = (), is_replaced: bool = False) -> None:
        """End the worker after lifting some bans; what else is in force stays so.

        ``is_replaced`` says that another worker sees to the same place by now: what is pending
        here is that one's business.
        """
        self._listening.end()
        if is_replaced:
            self._pending.clear()
        await self._finish(
            self._apply_pending,
            lambda: self._both((), lift),
            lambda: self._call(self._enforcer.close),
        )

    async def _follow(self) -> None:
        """Pass changes on as they come; return when it is time to compare everything again."""
        now = self._clock.steady()
        again, check = now + RECONCILE_EVERY, now + self._check_every
        while (now := self._clock.steady()) < again and not self._is_asked:
            if self._listening.is_told:
                again = min(again, await self._hear())
            elif now >= check:
                await self._check()
                check = self._clock.steady() + self._check_every
            elif self._pending:
                await self._apply_pending()
                self._well()
            else:
                self._idle.set()
                self._wake.clear()
                await self._pause(min(again, check) - now)

    async def _hear(self) -> float:
        """Take in what the place has told; give when everything is to be compared for that."""
        self._listening.is_told = False
        teller = self._listening.teller
        is_changed = teller is not None and await self._call(teller.hear)
        self._listening.begin()
        if not is_changed:
            return math.inf
        self._has_heard = True
        return self._rested_at

    async def _check(self) -> None:
        """Ask an enforcer whose place can lose everything whether it has."""
        if isinstance(self._enforcer, Watched):
            await self._call(self._enforcer.check)

    async def _apply_pending(self) -> None:
        changes, orders = self._pending.changes(), self._pending.orders()
        put, absent = orders.put, orders.absent
        if self._spares_strangers:  # any of them may be in force
            put, absent = put + absent, []
        await self._both(put, orders.taken, absent=absent)
        self._pending.settle(changes)

    async def _reconcile(self, *, prepare: bool) -> None:
        """Compare what is in force with what should be, and repair the difference."""
        self._is_asked = False
        if prepare:
            self._listening.end()
            await self._call(self._enforcer.prepare)
            self._listening.begin()
        # Both are of one moment: what is wanted includes these changes, and no later ones.
        changes = self._pending.changes()
        bans = list(self._wanted())
        begun = self._clock.steady()
        wanted, found = await self._call(self._look, bans)
        cost = self._clock.steady() - begun
        if found is None:
            surplus = ended(changes.values())
            difference = Difference(changed=tuple(wanted.values()), surplus=surplus)
        else:
            difference = found
            if self._adopt is not None:
                self._adopt(difference.surplus)
            if self._spares_strangers:
                difference = difference.sparing(changes)
        self._held = wanted.keys() - difference.subjects()
        await self._both(difference.changed, difference.surplus, absent=difference.absent)
        if self.ready.is_set() and found is not None:
            # Without its chain a set keeps nothing in force, whatever it holds.
            missing = [ban.subject for ban in (*difference.absent, *difference.changed)]
            self._note_drift(
                sum(subject not in changes for subject in (wanted if self._is_lost else missing)),
                sum(ban.subject not in changes for ban in difference.surplus)
                if not self._is_settling
                else 0,
            )
        self._is_settling = False
        self._is_lost = False
        self._pending.settle(changes)
        self._well()
        rest = max(LEAST_REST, REST * cost) if self._has_heard else 0.0
        self._rested_at = self._clock.steady() + rest
        self._has_heard = False
        self._compared.set()

    async def _both(
        self, put: Sequence[Ban], taken: Sequence[Ban], *, absent: Sequence[Ban] = ()
    ) -> None:
        """Apply first, then lift; either gets its turn though the other fails.

        Of those that are ``absent`` it is known that none is in force.
        """
        if isinstance(self._enforcer, Filling):
            steps = [(self._enforcer.fill, absent), (self._enforcer.apply, put)]
        else:
            steps = [(self._enforcer.apply, [*put, *absent])]
        try:
            for work, bans in steps:
                if bans:
                    await self._call(work, bans)
                    self._held.update(ban.subject for ban in bans)
        finally:
            if taken:
                await self._call(self._enforcer.lift, taken)
                self._held.difference_update(ban.subject for ban in taken)

    def _note_drift(self, missing: int, surplus: int) -> None:
        if missing or surplus:
            self._drift += missing + surplus
            log.warning(
                "[%s] %s: repaired drift: %d bans were not in force, %d were that should not be",
                self.spec.jail, self.spec.written, missing, surplus,
            )  # fmt: skip
