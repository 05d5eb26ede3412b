# SPDX-License-Identifier: MIT
"""From the verdict to the ledger: at once where memory decides, after an enquiry where it can't.

Nothing here makes the loop wait.  A verdict that has to be asked about is *pending*; it becomes a
ban, or nothing, within the enquiries' limit of time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

from logban.clock import Clock
from logban.judging.enquiries import Answer, Enquiries
from logban.judging.pending import Key, Pending, Waiting
from logban.ledger.ledger import Ledger
from logban.model import Change, Subject, Verdict

log = logging.getLogger(__name__)


class Deciding:
    """Enters verdicts in the ledger once all that has to be heard has been heard."""

    def __init__(
        self,
        ledger: Ledger,
        enquiries: Enquiries,
        clock: Clock,
        *,
        submit: Callable[[Iterable[Change]], None],
    ) -> None:
        """``submit`` takes the changes that verdicts lead to later than at once."""
        self.pending = Pending()
        self.enquiries = enquiries
        self._ledger = ledger
        self._clock = clock
        self._submit = submit
        self._asking: dict[Key, asyncio.Task[None]] = {}

    def take(self, verdicts: Iterable[Verdict], now: float) -> list[Change]:
        """Take verdicts in; give what comes of them at once."""
        changes: list[Change] = []
        for verdict in verdicts:
            if not self._ledger.takes(verdict, now) or self.pending.add(verdict):
                continue
            if not self.enquiries.concerned(verdict):
                changes += self._enter(verdict, now)
                continue
            answer = self.enquiries.remembered(verdict)
            if answer is None:
                self._wait(Waiting(verdict, now))
            else:
                changes += self._follow(verdict, answer, now)
        return changes

    def restore(self, stored: Mapping[Key, str], jails: Iterable[str]) -> None:
        """Ask again about what an earlier run was still asking about, of the jails there are."""
        known = set(jails)
        for (jail, subject), text in stored.items():
            self.pending.restore(Waiting.from_text(jail, subject, text))
            if jail in known:
                self._ask(jail, subject)
            else:
                self.pending.take(jail, subject)

    def forget(self, subject: Subject, jail: str | None) -> None:
        """Let nothing come of what waits against a subject: an admin has lifted its bans."""
        for waiting in self.pending:
            if waiting.verdict.subject == subject and jail in (None, waiting.verdict.jail):
                self._drop(waiting)

    def forget_jail(self, jail: str) -> None:
        """Let nothing come of what waits in a jail that is no more."""
        for waiting in self.pending:
            if waiting.verdict.jail == jail:
                self._drop(waiting)
        self.enquiries.forget_jail(jail)

    async def close(self) -> None:
        """Stop asking; what waits is stored, and asked about again after the next start."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _wait(self, waiting: Waiting) -> None:
        self.pending.put(waiting)
        self._ask(waiting.verdict.jail, waiting.verdict.subject)

    def _ask(self, jail: str, subject: Subject) -> None:
        task = asyncio.create_task(self._heard(jail, subject))
        self._asking[jail, subject] = task
        task.add_done_callback(lambda done: self._heard_out((jail, subject), done))

    def _heard_out(self, key: Key, task: asyncio.Task[None]) -> None:
        if self._asking.get(key) is task:
            del self._asking[key]
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            log.error("[%s] the verdict on %s came to nothing", *key, exc_info=fault)

    async def _heard(self, jail: str, subject: Subject) -> None:
        """Ask about one who waits, and let come of it what does."""
        waiting = self.pending.get(jail, subject)
        if waiting is None:
            return
        answer = await self.enquiries.ask(waiting.verdict)
        waiting = self.pending.take(jail, subject)  # it may have grown meanwhile
        if waiting is not None:
            self._submit(self._follow(waiting.verdict, answer, self._clock.now()))

    def _follow(self, verdict: Verdict, answer: Answer, now: float) -> list[Change]:
        """Give what comes of a verdict after an answer."""
        found = answer.exemption
        if found is None:
            return self._enter(verdict, now)
        log.info(
            "[%s] %s is spared: %s (%s)", verdict.jail, verdict.subject, found.entry, found.origin
        )
        if answer.error:  # spared for now, because nobody knows better: no reason to lift anything
            return []
        everywhere = self.enquiries.is_for_all(answer)
        return self._ledger.lift_where(
            lambda ban: ban.subject == verdict.subject and (everywhere or ban.jail == verdict.jail),
            now,
            "exempt",
        )

    def _enter(self, verdict: Verdict, now: float) -> list[Change]:
        change = self._ledger.decide(verdict, now)
        if change is None:
            return []
        return [change, *self.take(self._ledger.recidivism(change), now)]

    def _drop(self, waiting: Waiting) -> None:
        key = (waiting.verdict.jail, waiting.verdict.subject)
        self.pending.take(*key)
        if key in self._asking:
            self._asking.pop(key).cancel()
