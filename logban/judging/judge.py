# SPDX-License-Identifier: MIT
"""One jail's judgement: which of the failures count, for whom, and when they are enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from logban.judging.attempts import Attempts
from logban.judging.exemptions import Exemption
from logban.judging.times import LineTimes
from logban.judging.tracker import Tracker
from logban.model import Evidence, Failure, Outcome, Subject, SubjectKind, Success, Verdict


@dataclass(frozen=True, slots=True)
class Policy:
    """What a jail holds to be enough: times in seconds, ``bantime`` None for ever.

    ``max_evidence`` lines are kept of a subject, ``max_subjects`` subjects are followed at once.
    ``attempt_fields`` are the captures that tell the lines of one attempt from those of another;
    without any, every line is an attempt.
    """

    maxretry: int
    findtime: float
    bantime: float | None
    ipv6_prefix: int = 64
    max_evidence: int = 10
    max_subjects: int = 100_000
    attempt_fields: tuple[str, ...] = ()


@dataclass(slots=True)
class JudgeCounters:
    """What became of the failures that a judge was given.

    ``old`` came too late to count, ``floored`` lie before an unban by hand, ``repeated`` are
    further lines of an attempt that has been counted.
    """

    counted: int = 0
    exempted: int = 0
    old: int = 0
    floored: int = 0
    repeated: int = 0


class Judge:
    """Turns one jail's failures into verdicts."""

    def __init__(
        self,
        jail: str,
        policy: Policy,
        *,
        exempt: Callable[[Subject], Exemption | None],
        floors: Mapping[Subject, float],
        spared: Callable[[Subject, Exemption, float], None] = lambda *_: None,
    ) -> None:
        """Ask ``exempt`` of every subject; count nothing of a subject up to its floor's time.

        ``spared`` is told of every failure, and its time, that an exemption keeps from counting.
        """
        self.jail = jail
        self.counters = JudgeCounters()
        self.tracker = Tracker(
            findtime=policy.findtime,
            maxretry=policy.maxretry,
            max_evidence=policy.max_evidence,
            max_subjects=policy.max_subjects,
        )
        self._attempts = Attempts(policy.attempt_fields, policy.max_subjects)
        self._policy = policy
        self._exempt = exempt
        self._spared = spared
        self._floors = floors

    def judge(
        self, outcomes: Iterable[Outcome], times: LineTimes, *, live: bool, now: float
    ) -> list[Verdict]:
        """Give the verdicts that these outcomes lead to, in their order."""
        verdicts = []
        oldest = now - self._policy.findtime
        for failure in outcomes:
            if isinstance(failure, Success):
                continue
            time = times.effective(failure.time, live=live, now=now)
            if time is None or time <= oldest:
                self.counters.old += 1
                continue
            subject = self.subject_of(failure)
            exemption = self._exempt(subject)
            if exemption is not None:
                self.counters.exempted += 1
                if not self._attempts.is_repeat(failure, time):
                    self._spared(subject, exemption, time)
                continue
            if time <= self._floors.get(subject, float("-inf")):
                self.counters.floored += 1
                continue
            if self._attempts.is_repeat(failure, time):
                self.counters.repeated += 1
                continue
            verdict = self._count(subject, time, failure)
            if verdict is not None:
                verdicts.append(verdict)
        return verdicts

    def subject_of(self, failure: Failure) -> Subject:
        """Tell who is charged: the address, or its IPv6 network unless that holds an exempt one."""
        subject = Subject.of_address(failure.address, self._policy.ipv6_prefix)
        if subject.kind is SubjectKind.NET and self._exempt(subject) is not None:
            return Subject(SubjectKind.IP, failure.address)
        return subject

    def tidy(self, now: float) -> None:
        """Forget those who have been quiet for longer than ``findtime``."""
        self.tracker.forget_older(now - self._policy.findtime)

    def _count(self, subject: Subject, time: float, failure: Failure) -> Verdict | None:
        self.counters.counted += 1
        evidence = Evidence(time, failure.rule, failure.line, failure.source)
        enough = self.tracker.add(subject, evidence)
        if enough is None:
            return None
        last = enough.times[-1]
        bantime = self._policy.bantime
        return Verdict(
            jail=self.jail,
            subject=subject,
            time=last,
            until=None if bantime is None else last + bantime,
            failures=len(enough.times),
            rule=failure.rule,
            evidence=tuple(enough.evidence),
        )
