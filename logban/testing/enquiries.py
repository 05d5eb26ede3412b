# SPDX-License-Identifier: MIT
"""A slow source of exemptions that answers when a test says so."""

from __future__ import annotations

import asyncio

from logban.judging.exemptions.enquiries import Unanswered
from logban.judging.exemptions.exemption import Exemption
from logban.model import Subject, Verdict


class FakeEnquiry:
    """A :class:`logban.judging.exemptions.enquiries.Enquiry`.

    It answers by ``exempt`` once ``may_answer`` is set, which it is from the start, or raises
    ``fault``; ``asked`` holds the subjects that it was asked about.
    """

    def __init__(
        self, name: str = "fake", *, unanswered: Unanswered = Unanswered.BAN, keep: float = 60.0
    ) -> None:
        self.name = name
        self.unanswered = unanswered
        self.keep = keep
        self.exempt: set[Subject] = set()
        self.fault: Exception | None = None
        self.asked: list[Subject] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    def concerns(self, verdict: Verdict) -> bool:
        """Tell whether it may know this verdict's subject."""
        return bool(verdict.subject.network)

    async def ask(self, verdict: Verdict) -> Exemption | None:
        """Give the reason not to ban, None if there is none."""
        self.asked.append(verdict.subject)
        await self.may_answer.wait()
        if self.fault is not None:
            raise self.fault
        return Exemption(self.name, "a test") if verdict.subject in self.exempt else None
