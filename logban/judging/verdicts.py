# SPDX-License-Identifier: MIT
"""What comes of failures, in one jail's words: verdicts, and notices that are told once."""

from __future__ import annotations

from collections.abc import Sequence

from logban.judging.counting.known import Taken
from logban.judging.counting.window import shortened
from logban.model import NO_FIELDS, Evidence, Failure, Notice, Subject, Verdict
from logban.policy.scrutiny import Limit


class Verdicts:
    """Makes the verdicts of a jail, and collects its notices."""

    def __init__(self, jail: str, *, keeps_captures: bool = True) -> None:
        self.jail = jail
        self._keeps_captures = keeps_captures
        self.notices: list[Notice] = []

    def on(self, subject: Subject, limit: Limit, taken: Taken, failure: Failure) -> Verdict:
        """Give the verdict on somebody whose last failure this is."""
        last = max(taken.times)
        bantime = limit.bantime
        return Verdict(
            self.jail,
            subject,
            last,
            None if bantime is None else last + bantime,
            len(taken.times),
            failure.rule,
            tuple(taken.evidence),
            failure.captures() if self._keeps_captures else NO_FIELDS,
        )

    def on_many(
        self, subject: Subject, limit: Limit, number: int, failure: Failure, time: float
    ) -> Verdict:
        """Give the verdict on somebody for what so many did, of whom the last one is shown."""
        return self.on(subject, limit, Taken((time,) * number, [line_of(failure, time)]), failure)

    def notice(
        self,
        subject: Subject,
        failure: Failure,
        time: float,
        text: str,
        failures: int,
        until: float | None = None,
    ) -> None:
        """Have something told."""
        evidence: Sequence[Evidence] = (line_of(failure, time),)
        self.notices.append(
            Notice(self.jail, subject, time, text, failures, failure.rule, tuple(evidence), until)
        )

    def take_notices(self) -> list[Notice]:
        """Give what is to be told since the last call."""
        notices, self.notices = self.notices, []
        return notices


def line_of(failure: Failure, time: float) -> Evidence:
    """Give a failure's line as evidence."""
    return Evidence(time, failure.rule, shortened(failure.line), failure.source)
