# SPDX-License-Identifier: MIT
"""Slow sources of exemptions, asked only about those who are about to be banned.

A source that answers from memory (addresses, networks, files, names) is a part of the exemption
book and decides at once.  One that has to ask the world (a database, the DNS, a program) is an
:class:`Enquiry`: it is asked between the verdict and the ban, off the loop that reads lines, with
a limit of time for all of it together.  Answers are remembered for as long as the source says.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from logban.clock import Clock
from logban.errors import LogbanError
from logban.judging.exemptions.exemption import Exemption
from logban.judging.surplus import surplus
from logban.model import Subject, Verdict

log = logging.getLogger(__name__)

TIME_LIMIT: Final = 1.0
"""Seconds from a verdict to its decision, whatever the sources do."""

AT_ONCE: Final = 64
"""Questions that are open at the same time; the others wait, within the same limit."""

ASK_AGAIN: Final = 10.0
"""Seconds for which it is remembered that a source gave no answer."""

MAX_REMEMBERED: Final = 20_000
"""Answers that are remembered; the oldest are forgotten, and asked for again."""


class Unanswered(StrEnum):
    """What becomes of a verdict when a source does not answer in time, or fails."""

    BAN = "ban"
    SPARE = "spare"


class Enquiry(Protocol):
    """A slow source of exemptions.

    ``name`` tells it from the others, in logs and in what ``why`` shows.  ``unanswered`` is its
    documented reading of silence.  ``keep`` is the number of seconds for which its answer holds.
    """

    name: str
    unanswered: Unanswered
    keep: float

    def concerns(self, verdict: Verdict) -> bool:
        """Tell, at once and from memory, whether it may know this verdict's subject."""
        ...

    async def ask(self, verdict: Verdict) -> Exemption | None:
        """Give the reason not to ban, None if there is none.

        OSError, TimeoutError or a LogbanError say that it can't be told.  What blocks belongs in
        a thread: the loop that awaits this reads the logs.  Cancelled when the time is up.
        """
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What one source said: a reason not to ban, none, or (``error``) nothing at all."""

    source: str
    exemption: Exemption | None = None
    error: str = ""


class Enquiries:
    """The slow sources of every jail, and what they said last."""

    def __init__(self, clock: Clock, *, time_limit: float = TIME_LIMIT) -> None:
        self.dropped = 0
        """Answers that were forgotten because there were too many."""
        self._clock = clock
        self._time_limit = time_limit
        self._everywhere: tuple[Enquiry, ...] = ()
        self._of_jail: dict[str, tuple[Enquiry, ...]] = {}
        self._limits: dict[str, float] = {}
        self._answers: dict[tuple[Enquiry, Subject], tuple[float, Answer]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    def set_everywhere(self, enquiries: Iterable[Enquiry]) -> None:
        """Note the sources that every jail asks."""
        self._everywhere = tuple(enquiries)
        self._forget_strangers()

    def set_jail(
        self, jail: str, enquiries: Iterable[Enquiry], *, time_limit: float | None = None
    ) -> None:
        """Note the sources that only this jail asks, after those of all.

        ``time_limit`` is how long they may take where that is longer than usual.
        """
        self._of_jail[jail] = tuple(enquiries)
        self._limits.pop(jail, None)
        if time_limit is not None:
            self._limits[jail] = time_limit
        self._forget_strangers()

    def forget_jail(self, jail: str) -> None:
        """Forget a jail that is no more."""
        self._of_jail.pop(jail, None)
        self._limits.pop(jail, None)
        self._forget_strangers()

    def concerned(self, verdict: Verdict) -> list[Enquiry]:
        """Give the sources that have to be heard, in the order in which they are asked."""
        asked = (*self._everywhere, *self._of_jail.get(verdict.jail, ()))
        if not asked:
            return []
        return [enquiry for enquiry in asked if enquiry.concerns(verdict)]

    def is_for_all(self, answer: Answer) -> bool:
        """Tell whether an answer is of a source that every jail asks."""
        return any(enquiry.name == answer.source for enquiry in self._everywhere)

    def remembered(self, verdict: Verdict) -> Answer | None:
        """Give the decision where memory has it; None if somebody has to be asked.

        An answer without an exemption means that the ban may go on.
        """
        answers: list[Answer] = []
        for enquiry in self.concerned(verdict):
            known = self._recall(enquiry, verdict.subject)
            if known is None:
                return None
            answers.append(known)
            if known.exemption is not None:
                break
        return _decision(answers)

    async def ask(self, verdict: Verdict) -> Answer:
        """Ask every source that has to be heard; the first in order that exempts decides.

        It takes no longer than the time limit; what was not answered by then counts as each
        source reads silence.
        """
        return _decision(await self.answers(verdict))

    async def answers(self, verdict: Verdict) -> list[Answer]:
        """Ask as :meth:`ask` does, and give what each source said, in order."""
        own = self._of_jail.get(verdict.jail, ())
        usual, longer = self._time_limit, self._limits.get(verdict.jail, self._time_limit)
        limited = [(each, longer if each in own else usual) for each in self.concerned(verdict)]
        return await asyncio.gather(*(self._answer(each, verdict, to) for each, to in limited))

    async def _answer(self, enquiry: Enquiry, verdict: Verdict, time_limit: float) -> Answer:
        known = self._recall(enquiry, verdict.subject)
        if known is not None:
            return known
        try:
            async with asyncio.timeout(time_limit), self._slots:
                answer = Answer(enquiry.name, await enquiry.ask(verdict))
        except TimeoutError:
            answer = _silence(enquiry, f"no answer within {time_limit:g} s")
        except (OSError, LogbanError) as error:
            answer = _silence(enquiry, str(error) or type(error).__name__)
        except Exception as error:
            # A fault of ours in one source must neither lose the verdict nor stop the others.
            answer = _silence(enquiry, f"internal error: {error}")
            log.exception("%s about %s failed", enquiry.name, verdict.subject)
        if answer.error:
            log.warning("%s about %s: %s", enquiry.name, verdict.subject, answer.error)
        self._remember(enquiry, verdict.subject, answer)
        return answer

    def _recall(self, enquiry: Enquiry, subject: Subject) -> Answer | None:
        until, answer = self._answers.get((enquiry, subject), (0.0, None))
        return answer if self._clock.now() < until else None

    def _remember(self, enquiry: Enquiry, subject: Subject, answer: Answer) -> None:
        keep = min(enquiry.keep, ASK_AGAIN) if answer.error else enquiry.keep
        self._answers.pop((enquiry, subject), None)
        if not keep:
            return
        self._answers[enquiry, subject] = (self._clock.now() + keep, answer)
        for oldest in surplus(self._answers, MAX_REMEMBERED):
            del self._answers[oldest]
            self.dropped += 1

    def _forget_strangers(self) -> None:
        """Drop the answers of sources that nobody asks any more."""
        asked = {*self._everywhere, *(each for own in self._of_jail.values() for each in own)}
        self._answers = {key: kept for key, kept in self._answers.items() if key[0] in asked}


def _silence(enquiry: Enquiry, error: str) -> Answer:
    spared = Exemption(enquiry.name, error) if enquiry.unanswered is Unanswered.SPARE else None
    return Answer(enquiry.name, spared, error)


def _decision(answers: Sequence[Answer]) -> Answer:
    found = (answer for answer in answers if answer.exemption is not None)
    return next(found, answers[-1] if answers else Answer(""))
