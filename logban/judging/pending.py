# SPDX-License-Identifier: MIT
"""Verdicts on their way to the ledger: being asked about, or held back by a brake.

They are a part of every checkpoint, together with the files' positions: a verdict whose lines
have been read is either in the ledger or here, whenever the power goes.  Memory is bounded: of
more than ``MAX_PENDING`` the oldest are dropped, and counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from logban.judging.surplus import surplus
from logban.model import Evidence, Subject, Verdict

Key = tuple[str, Subject]

MAX_PENDING: Final = 10_000
MAX_EVIDENCE: Final = 50
"""Lines of evidence of one that waits and is judged again meanwhile; as many as a ban has."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A verdict that waits since a time; ``brake`` is the sentence of what holds it, "" if none."""

    verdict: Verdict
    since: float
    brake: str = ""

    def to_text(self) -> str:
        """Write it down for :meth:`from_text`."""
        verdict = self.verdict
        lines = [
            [item.time, item.rule, item.line, item.source, item.weight] for item in verdict.evidence
        ]
        return json.dumps(
            {
                "since": self.since,
                "brake": self.brake,
                "time": verdict.time,
                "until": verdict.until,
                "failures": verdict.failures,
                "rule": verdict.rule,
                "evidence": lines,
            }
        )

    @classmethod
    def from_text(cls, jail: str, subject: Subject, text: str) -> Waiting:
        """Read what :meth:`to_text` wrote."""
        known = json.loads(text)
        verdict = Verdict(
            jail,
            subject,
            known["time"],
            known["until"],
            known["failures"],
            known["rule"],
            tuple(Evidence(*line) for line in known["evidence"]),
        )
        return cls(verdict, known["since"], known["brake"])


class Pending:
    """The verdicts that wait, one for each jail and subject, the oldest first."""

    def __init__(self) -> None:
        self.dropped = 0
        self._waiting: dict[Key, Waiting] = {}
        self._dirty: set[Key] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Waiting]:
        return iter(tuple(self._waiting.values()))

    def get(self, jail: str, subject: Subject) -> Waiting | None:
        """Give the verdict on a subject that waits."""
        return self._waiting.get((jail, subject))

    def put(self, waiting: Waiting) -> None:
        """Let a verdict wait, in the place of the one on the same subject if there is one."""
        key = (waiting.verdict.jail, waiting.verdict.subject)
        self._waiting[key] = waiting
        self._dirty.add(key)
        for oldest in surplus(self._waiting, MAX_PENDING):
            del self._waiting[oldest]
            self._dirty.add(oldest)
            self.dropped += 1

    def add(self, later: Verdict) -> bool:
        """Take a further verdict on a subject in, if one waits; tell whether one did."""
        waiting = self._waiting.get((later.jail, later.subject))
        if waiting is None:
            return False
        self.put(replace(waiting, verdict=_joined(waiting.verdict, later)))
        return True

    def take(self, jail: str, subject: Subject) -> Waiting | None:
        """Give a verdict that waits, which it does no longer."""
        key = (jail, subject)
        waiting = self._waiting.pop(key, None)
        if waiting is not None:
            self._dirty.add(key)
        return waiting

    def restore(self, waiting: Waiting) -> None:
        """Take up what an earlier run had."""
        self._waiting[waiting.verdict.jail, waiting.verdict.subject] = waiting

    def take_dirty(self) -> dict[Key, str | None]:
        """Give what has changed since the last call, written down; None for what waits no more."""
        changed: dict[Key, str | None] = {}
        for key in self._dirty:
            waiting = self._waiting.get(key)
            changed[key] = None if waiting is None else waiting.to_text()
        self._dirty.clear()
        return changed


def _joined(earlier: Verdict, later: Verdict) -> Verdict:
    """Give two verdicts on one subject as one, as the ledger would extend a ban."""
    until = None
    if earlier.until is not None and later.until is not None:
        until = max(earlier.until, later.until)
    return replace(
        earlier,
        until=until,
        failures=earlier.failures + later.failures,
        rule=later.rule,
        evidence=(earlier.evidence + later.evidence)[-MAX_EVIDENCE:],
    )
