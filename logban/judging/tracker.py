# SPDX-License-Identifier: MIT
"""How often somebody failed lately: the exact sliding window, for any number of subjects.

Memory is bounded.  A subject has at most ``maxretry`` times and as many lines of evidence as the
jail keeps; of more than ``max_subjects`` the one that has been quiet the longest is forgotten,
and counted as dropped.
"""

from __future__ import annotations

import json
from bisect import bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
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
        self._in_order = True
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
        if len(evidence.line) > MAX_LINE_KEPT:
            evidence = replace(evidence, line=evidence.line[:MAX_LINE_KEPT])
        tracked.evidence.append(evidence)
        oldest = tracked.times[-1] - self._findtime
        if tracked.times[0] <= oldest:
            del tracked.times[: bisect_right(tracked.times, oldest)]
            tracked.evidence = [item for item in tracked.evidence if item.time > oldest]
        surplus = len(tracked.evidence) - self._max_evidence
        if surplus > 0:
            del tracked.evidence[:surplus]
        if len(tracked.times) >= self._maxretry:
            del self._tracked[subject]
            return tracked
        while len(self._tracked) > self._max_subjects:
            self._forget(self._quietest())
            self.dropped += 1
        return None

    def clear(self, subject: Subject) -> None:
        """Let a subject's count start again."""
        if subject in self._tracked:
            self._forget(subject)

    def forget_older(self, time: float) -> None:
        """Drop the subjects whose last failure is not after ``time``."""
        while self._tracked:
            subject = self._quietest()
            if self._tracked[subject].times[-1] > time:
                return
            self._forget(subject)

    def restore(self, subject: Subject, tracked: Tracked) -> None:
        """Take up what an earlier run knew of a subject, in whatever order they come."""
        if tracked.times:
            self._tracked[subject] = tracked
            self._in_order = False

    def take_over(self, earlier: Tracker) -> None:
        """Go on where the jail's tracker before this one stops, with what it has not saved yet."""
        self._tracked.update(earlier._tracked)
        self._in_order = earlier._in_order
        self._dirty |= earlier._dirty
        self.dropped = earlier.dropped

    def take_dirty(self) -> dict[Subject, str | None]:
        """Give what has changed since the last call, written down; None for a subject now gone."""
        changed: dict[Subject, str | None] = {}
        for subject in self._dirty:
            tracked = self._tracked.get(subject)
            changed[subject] = None if tracked is None else tracked.to_text()
        self._dirty.clear()
        return changed

    def _quietest(self) -> Subject:
        if not self._in_order:
            by_time = sorted(self._tracked.items(), key=lambda item: item[1].times[-1])
            self._tracked = dict(by_time)
            self._in_order = True
        return next(iter(self._tracked))

    def _forget(self, subject: Subject) -> None:
        del self._tracked[subject]
        self._dirty.add(subject)
