# SPDX-License-Identifier: MIT
"""From the verdict to the ledger: at once where memory decides, after an enquiry where it can't.

Nothing here makes the loop wait.  A verdict that has to be asked about is *pending*; it becomes a
ban, or nothing, within the enquiries' limit of time.  One that a brake holds back is pending until
the brake lets it through, it would be over, or an admin unbans its subject.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from logban.clock import Clock
from logban.judging.brakes import Brakes
from logban.judging.exemptions.enquiries import Answer, Enquiries
from logban.judging.exemptions.exemption import Exemption
from logban.judging.pending import Key, Pending, Waiting
from logban.ledger.ledger import Ledger
from logban.model import Change, Notice, Subject, Verdict

log = logging.getLogger(__name__)

RELEASE_EVERY: Final = 1.0
"""Seconds between two looks at what the brakes hold back."""

REMIND_EVERY: Final = 60.0
"""Seconds between two warnings of a brake that holds."""

BRAKE: Final = "brake"
"""In the place of a rule, in the notice of a brake that holds."""

_NAMED: Final = 5


class Deciding:
    """Enters verdicts in the ledger once all that has to be heard has been heard."""

    def __init__(
        self,
        ledger: Ledger,
        enquiries: Enquiries,
        brakes: Brakes,
        clock: Clock,
        *,
        submit: Callable[[Iterable[Change]], None],
        tell: Callable[[Notice], None],
    ) -> None:
        """``submit`` takes the changes that verdicts lead to later than at once.

        ``tell`` takes what an admin should hear of the brakes.
        """
        self.pending = Pending()
        self.enquiries = enquiries
        self.brakes = brakes
        self._warned: dict[str, float] = {}
        self._ledger = ledger
        self._clock = clock
        self._submit = submit
        self._tell = tell
        self._asking: dict[Key, asyncio.Task[None]] = {}

    def take(self, verdicts: Iterable[Verdict], now: float) -> list[Change]:
        """Take verdicts in; give what comes of them at once."""
        changes: list[Change] = []
        for verdict in verdicts:
            if not self._ledger.takes(verdict, now) or self.pending.add(verdict):
                continue
            if not self.enquiries.concerned(verdict):
                changes += self._enter(verdict, now, is_taken=True)
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
        self.brakes.forget_jail(jail)

    async def spared(self, jail: str, subject: Subject, now: float) -> Exemption | None:
        """Ask the slow sources about somebody who is to be banned by hand."""
        answer = await self.enquiries.ask(Verdict(jail, subject, now, None, 0, ""))
        return None if answer.error else answer.exemption

    def held(self, jail: str) -> list[Waiting]:
        """Give what the brakes hold back in a jail, the oldest first."""
        return [each for each in self.pending if each.brake and each.verdict.jail == jail]

    async def run(self) -> None:
        """Let through what the brakes no longer hold, again and again, until cancelled."""
        while True:
            await self._clock.sleep(RELEASE_EVERY)
            self._submit(self.release(self._clock.now()))

    def release(self, now: float) -> list[Change]:
        """Let through what the brakes no longer hold; give what comes of it."""
        changes: list[Change] = []
        full: set[str] = set()
        held: set[str] = set()
        for waiting in self.pending:
            verdict = waiting.verdict
            if not waiting.brake:
                continue
            if not self._ledger.takes(verdict, now):
                self.pending.take(verdict.jail, verdict.subject)
                continue
            if verdict.jail not in full and self.brakes.is_full(verdict.jail, now):
                full.add(verdict.jail)
            if verdict.jail in full or self.brakes.holds(verdict, now):
                held.add(verdict.jail)
                continue
            self.pending.take(verdict.jail, verdict.subject)
            changes += self._enter(verdict, now, at=now, is_taken=True)
        for jail in self._warned.keys() - held:
            del self._warned[jail]
            log.warning("[%s] the brake is off: nothing is held back any more", jail)
        for jail in held:
            self._warn(jail, now)
        return changes

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
        jails = self._ledger.jails() if everywhere else [verdict.jail]
        return [
            change
            for jail in jails
            for change in self._ledger.end(jail, verdict.subject, now, "exempt")
        ]

    def _enter(
        self,
        verdict: Verdict,
        now: float,
        at: float | None = None,
        *,
        is_taken: bool | None = None,
    ) -> list[Change]:
        """Enter a verdict in the ledger, or hold it back; ``at`` is when the ban counts as laid.

        ``is_taken`` is what the ledger has just said of it, where it was asked.
        """
        is_new = self._ledger.get(verdict.jail, verdict.subject) is None
        time = verdict.time if at is None else at
        sentence = self.brakes.holds(verdict, time) if is_new else ""
        if sentence:
            self.pending.put(Waiting(verdict, now, sentence))
            self._warn(verdict.jail, now)
            return []
        if is_new:
            self.brakes.laid(verdict, time)
        change = self._ledger.decide(verdict, now, is_taken=is_taken)
        if change is None:
            return []
        further = self._ledger.escalation.recidivism(change)
        return [change, *self.take(further, now)] if further else [change]

    def _warn(self, jail: str, now: float) -> None:
        """Tell of a brake that holds: when it begins to, and then once a minute."""
        if now - self._warned.get(jail, float("-inf")) < REMIND_EVERY:
            return
        self._warned[jail] = now
        held = self.held(jail)
        first = held[0]
        some = ", ".join(str(each.verdict.subject) for each in held[:_NAMED])
        text = (
            f"A BRAKE HOLDS BACK {len(held)} BANS: {first.brake} ({some}). If these are attackers, "
            "raise the limit, or ban them by hand with --force; if they are customers, look at the "
            "filter"
        )
        verdict = first.verdict
        self._tell(Notice(jail, verdict.subject, now, text, verdict.failures, BRAKE))

    def _drop(self, waiting: Waiting) -> None:
        key = (waiting.verdict.jail, waiting.verdict.subject)
        self.pending.take(*key)
        if key in self._asking:
            self._asking.pop(key).cancel()
