# SPDX-License-Identifier: MIT
"""How often somebody failed lately: the exact sliding window, for any number of subjects.

Memory is bounded.  A subject has at most ``maxretry`` times and as many lines of evidence as the
jail keeps; of more than ``max_subjects`` the one that has been quiet the longest is forgotten,
and counted as dropped.
"""

from __future__ import annotations

import json
from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from logban.model import Evidence, Subject

MAX_LINE_KEPT: Final = 1000
"""Characters of a line that are kept as evidence."""


@dataclass(slots=True)
class Tracked:
    """What is known of one subject: its failures' times, sorted, and the last lines of evidence."""

    times: list[float] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)

    def to_text(self) -> str:
        """Write it down for :meth:`from_text`."""
        lines = [[item.time, item.rule, item.line, item.source] for item in self.evidence]
        return json.dumps([self.times, lines])

    @classmethod
    def from_text(cls, text: str) -> Tracked:
        """Read what :meth:`to_text` wrote."""
        times, lines = json.loads(text)
        return cls(list(times), [Evidence(*line) for line in lines])


class Tracker:
    """Counts failures per subject over the last ``findtime`` seconds."""

    def __init__(
        self, *, findtime: float, maxretry: int, max_evidence: int, max_subjects: int
    ) -> None:
        self.dropped = 0
        self._findtime = findtime
        self._maxretry = maxretry
        self._max_evidence = max_evidence
        self._max_subjects = max_subjects
        # In the order of the last failure's arrival, so that the quietest come first.
        self._tracked: dict[Subject, Tracked] = {}
        self._dirty: set[Subject] = set()

    def __len__(self) -> int:
        return len(self._tracked)

    def __iter__(self) -> Iterator[Subject]:
        return iter(self._tracked)

    def get(self, subject: Subject) -> Tracked | None:
        """Give what is known of a subject."""
        return self._tracked.get(subject)

    def add(self, subject: Subject, evidence: Evidence) -> Tracked | None:
        """Count a failure; give all that is known of the subject when it has become too many.

        The subject's count starts again then.  A failure that comes late counts if it lies in
        the window that ends with the subject's newest one.
        """
        tracked = self._tracked.pop(subject, None) or Tracked()
        self._tracked[subject] = tracked
        self._dirty.add(subject)
        insort(tracked.times, evidence.time)
        oldest = tracked.times[-1] - self._findtime
        while tracked.times[0] <= oldest:
            del tracked.times[0]
        if evidence.time > oldest:
            if len(evidence.line) > MAX_LINE_KEPT:
                evidence = Evidence(
                    evidence.time, evidence.rule, evidence.line[:MAX_LINE_KEPT], evidence.source
                )
            tracked.evidence.append(evidence)
            del tracked.evidence[: -self._max_evidence]
        if len(tracked.times) >= self._maxretry:
            del self._tracked[subject]
            return tracked
        if len(self._tracked) > self._max_subjects:
            self._forget(next(iter(self._tracked)))
            self.dropped += 1
        return None

    def clear(self, subject: Subject) -> None:
        """Let a subject's count start again."""
        if subject in self._tracked:
            self._forget(subject)

    def forget_older(self, time: float) -> None:
        """Drop the subjects whose last failure is not after ``time``."""
        while self._tracked:
            subject = next(iter(self._tracked))
            if self._tracked[subject].times[-1] > time:
                return
            self._forget(subject)

    def restore(self, subject: Subject, tracked: Tracked) -> None:
        """Take up what an earlier run knew of a subject."""
        if tracked.times:
            self._tracked[subject] = tracked

    def take_dirty(self) -> dict[Subject, str | None]:
        """Give what has changed since the last call, written down; None for a subject now gone."""
        changed: dict[Subject, str | None] = {}
        for subject in self._dirty:
            tracked = self._tracked.get(subject)
            changed[subject] = None if tracked is None else tracked.to_text()
        self._dirty.clear()
        return changed

    def _forget(self, subject: Subject) -> None:
        del self._tracked[subject]
        self._dirty.add(subject)
