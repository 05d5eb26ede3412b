# SPDX-License-Identifier: MIT
"""One jail's judgement: which of the failures count, for whom, and when they are enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from logban.addresses import CanonicalAddress
from logban.judging.counting.attempts import Attempts
from logban.judging.counting.entries import UNIT
from logban.judging.counting.known import Noted, Tracked
from logban.judging.counting.tracker import MAX_ENTRIES, Tracker
from logban.judging.exemptions.exemption import Exemption
from logban.judging.explaining import explain
from logban.judging.places import pair_key, place_of, subject_of
from logban.judging.scrutiny.charging import Charging
from logban.judging.scrutiny.trust import KNOWN_FOR, Trust
from logban.judging.times import LineTimes
from logban.judging.verdicts import Verdicts
from logban.judging.weights import MAX_WEIGHT, WRONG_PASSWORD
from logban.model import Failure, Notice, Outcome, Subject, SubjectKind, Success, Verdict
from logban.policy.enough import Policy

CLEARED_FOR: Final = 1.0
"""Seconds for which somebody is taken for not exempt without asking again."""

MAX_CLEARED: Final = 20_000

BLIND_AFTER: Final = 20
"""Failures after which a log that tells of no success is one that never will."""

SUBJECTS: Final = ("subjects", "days", "pairs", "accounts", "networks")
"""Of what is forgotten where there is too much of it, what is somebody that was counted."""


@dataclass(slots=True)
class JudgeCounters:
    """What became of the failures that a judge was given.

    ``old`` came too late to count, ``floored`` lie before an unban by hand, ``repeated`` are
    further lines of an attempt that has been counted.  ``successes`` are those that got in.
    """

    counted: int = 0
    exempted: int = 0
    old: int = 0
    floored: int = 0
    repeated: int = 0
    successes: int = 0


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
        trust: Trust | None = None,
        in_force: Callable[[Subject], bool] = lambda _: False,
        weigh: Callable[[str], float] = lambda _: 1.0,
        clears: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """Ask ``exempt`` of every subject; count nothing of a subject up to its floor's time.

        ``clears`` may tell of an address, at little cost, that nothing can exempt it, and that
        its failures count once.
        ``spared`` is told of every failure, and its time, that an exemption keeps from counting.
        ``in_force`` tells whether this jail keeps a subject out, ``weigh`` how many times a
        stranger's failure counts because of where his address is.
        """
        self.jail = jail
        self.counters = JudgeCounters()
        self._verdicts = Verdicts(jail, keeps_captures=policy.keeps_captures)
        # How many times failures from an address count, where it is not once.
        self._heavy: dict[CanonicalAddress, float] = {}
        self.charging: Charging | None = None
        if policy.scrutiny is None:
            self.tracker = Tracker(
                findtime=policy.findtime,
                max_evidence=policy.max_evidence,
                max_subjects=policy.max_subjects,
                max_entries=max(MAX_ENTRIES, policy.maxretry),
            )
        else:
            self.charging = Charging(
                jail,
                policy,
                policy.scrutiny,
                trust=Trust() if trust is None else trust,
                exempt=exempt,
                in_force=in_force,
                heavy=self._heavy,
            )
            self.tracker = self.charging.places
        self._attempts = Attempts(policy.attempt_fields)
        self._policy = policy
        self._exempt = exempt
        self._spared = spared
        self._weigh = weigh
        self._floors = floors
        self._clears = clears
        # The place of each address that is known not to be exempt, and of each such place.
        self._cleared: dict[str, str] = {}
        self._cleared_since = float("-inf")

    def judge(
        self, outcomes: Iterable[Outcome], times: LineTimes, *, live: bool, now: float
    ) -> list[Verdict]:
        """Give the verdicts that these outcomes lead to, in their order."""
        verdicts: list[Verdict] = []
        oldest = now - self._policy.findtime
        effective, place_of_cleared = times.effective, self._cleared_at(now).get
        has_floors, is_repeat = bool(self._floors), self._attempts.is_repeat
        charge = self._count if self.charging is None else self.charging.fail
        told: float | None = float("nan")
        time: float | None = None
        counted = 0
        for outcome in outcomes:
            if outcome.time != told or told is None:  # a block has few different times
                told = outcome.time
                time = effective(told, live=live, now=now)
            if isinstance(outcome, Success):
                self._succeed(outcome, time, now)
                continue
            if time is None or time <= oldest:
                self.counters.old += 1
                continue
            key = place_of_cleared(outcome.address)
            if key is not None:
                place = key
            else:
                place, key = self._unexempted(outcome, time)
                if key is None:
                    continue
            if has_floors and time <= self._floor_of(key):
                self.counters.floored += 1
            elif is_repeat(outcome, time):
                self.counters.repeated += 1
                if self._attempts.proves and self.charging is not None:
                    verdicts += self.charging.prove(outcome, time, place, key)
            else:
                counted += 1
                found = charge(outcome, time, place, key)
                if found:
                    verdicts += found
        self.counters.counted += counted
        return verdicts

    def _floor_of(self, key: str) -> float:
        return self._floors.get(subject_of(key), float("-inf"))

    def _place_of(self, address: CanonicalAddress) -> str:
        return address if ":" not in address else place_of(address, self._policy.ipv6_prefix)

    def _succeed(self, success: Success, time: float | None, now: float) -> None:
        if self.charging is not None and time is not None and time > now - KNOWN_FOR:
            self.counters.successes += 1
            self.charging.succeed(success, time, self._place_of(success.address))

    def _unexempted(self, failure: Failure, time: float) -> tuple[str, str | None]:
        """Give the place of a failure and the key that it is counted under; None if exempt."""
        address, cleared = failure.address, self._cleared
        if ":" not in address and self._clears(address):
            cleared[address] = address
            return address, address
        place = self._place_of(address)
        times = self._weigh(address)
        if times != 1.0:
            self._heavy[address] = times
        if place in cleared or self._clears(place):
            cleared[place] = cleared[address] = place
            return place, place
        subject = self.subject_of(failure)
        exemption = self._exempt(subject)
        if exemption is not None:
            self.counters.exempted += 1
            if not self._attempts.is_repeat(failure, time):
                self._spared(subject, exemption, time)
            return place, None
        if subject.network == place:
            cleared[place] = cleared[address] = place
        return place, subject.network

    def ask_anew(self) -> None:
        """Ask of everybody anew whether he is exempt: the exemptions have changed."""
        self._cleared = {}
        self._heavy.clear()

    def _cleared_at(self, now: float) -> dict[str, str]:
        """Give the addresses that are known not to be exempt, as of a moment ago, with places.

        Whoever has become exempt since then is counted, and not banned: the ledger asks again.
        """
        known = max(len(self._cleared), len(self._heavy))
        if not 0 <= now - self._cleared_since < CLEARED_FOR or known > MAX_CLEARED:
            self.ask_anew()
            self._cleared_since = now
        return self._cleared

    def subject_of(self, failure: Failure) -> Subject:
        """Tell who is charged: the address, or its IPv6 network unless that holds an exempt one."""
        subject = Subject.of_address(failure.address, self._policy.ipv6_prefix)
        if subject.kind is SubjectKind.NET and self._exempt(subject) is not None:
            return Subject(SubjectKind.IP, failure.address)
        return subject

    def protected(self, now: float) -> int:
        """Count the accounts that are protected."""
        return 0 if self.charging is None else self.charging.crowds.accounts.protected(now)

    @property
    def blindness(self) -> str:
        """Say that customers can't be told from attackers here; "" where they can."""
        counted = self.counters.counted
        if self.charging is None or self.charging.trust.sees_users or counted < BLIND_AFTER:
            return ""
        return (
            f"{counted} failures, and no line of anybody who got in: a telephone that fails for "
            "hours looks like an attacker; docs/asterisk.md and docs/kamailio.md say what to log"
        )

    @property
    def capped(self) -> int:
        """What would have been banned or suspended beyond the caps of an hour."""
        return 0 if self.charging is None else self.charging.capped

    @property
    def asks_for_extensions(self) -> bool:
        """Whether the jail's numbering plan has the extensions that Asterisk has."""
        return self.charging is not None and self.charging.asks_for_extensions

    def set_extensions(self, names: frozenset[str]) -> None:
        """Note what extensions Asterisk has."""
        if self.charging is not None:
            self.charging.set_extensions(names)

    def take_notices(self) -> list[Notice]:
        """Give what an admin is to be told, since the last call."""
        return [] if self.charging is None else self.charging.take_notices()

    def take_released(self) -> list[tuple[Subject, float]]:
        """Give who was kept out and has got in, and when, since the last call."""
        return [] if self.charging is None else self.charging.take_released()

    def known_of(self, subject: Subject, now: float | None = None) -> Tracked | None:
        """Give what is counted against a subject, as of its last failure or of ``now``."""
        match subject.kind:
            case SubjectKind.IP | SubjectKind.NET:
                return self.tracker.get(subject.network, now)
            case SubjectKind.USER_IP if self.charging is not None:
                return self.charging.pairs.get(
                    pair_key(self.charging.place_of(subject), subject.user), now
                )
        return None

    def weigh_password(self, user: str) -> float | None:
        """Give what a stranger's wrong password for a user weighs; None where none does."""
        if self.charging is None:
            return None
        nowhere = CanonicalAddress("")
        failure = Failure(nowhere, None, "", {"user": user}, "", "", 0, WRONG_PASSWORD)
        return self.charging.weight(failure)

    def explain(self, subject: Subject, now: float) -> list[str]:
        """Say where a subject stands beside what is counted, in sentences."""
        return [] if self.charging is None else list(explain(self.charging, subject, now))

    @property
    def losses(self) -> dict[str, int]:
        """How much of each sort was forgotten because there was too much of it."""
        losses = {
            "subjects": self.tracker.dropped,
            "lines": self.tracker.lines_dropped,
            "attempts": self._attempts.dropped,
        }
        if self.charging is not None:
            losses["lines"] += self.charging.pairs.lines_dropped
            losses.update(self.charging.losses)
        return losses

    @property
    def dropped(self) -> int:
        """How many subjects, of whatever sort, were forgotten because there were too many."""
        losses = self.losses
        places = 0 if self.charging is None else self.charging.trust.dropped
        return places + sum(losses.get(sort, 0) for sort in SUBJECTS)

    def clear(self, subject: Subject) -> None:
        """Let a subject's count start again."""
        if self.charging is not None:
            self.charging.clear(subject)
        elif subject.kind in (SubjectKind.IP, SubjectKind.NET):
            self.tracker.clear(subject.network)

    def tidy(self, now: float) -> None:
        """Forget those who have been quiet for long enough."""
        if self.charging is None:
            self.tracker.forget_older(now - self._policy.findtime)
        else:
            self.charging.tidy(now)

    def bring_back(self, now: float) -> None:
        """Go on though the clock was set back: what was counted since counts as of now."""
        if self.charging is None:
            self.tracker.bring_back(now)
        else:
            self.charging.bring_back(now)

    def take_over(self, earlier: Judge) -> None:
        """Go on where the jail's judge before this one stops, with what it has not saved yet."""
        if self.charging is None or earlier.charging is None:
            self.tracker.take_over(earlier.tracker)
        else:
            self.charging.take_over(earlier.charging)

    def restore(self, subject: Subject, text: str) -> None:
        """Take up what an earlier run wrote down of a subject."""
        match subject.kind:
            case SubjectKind.NET if self.charging is not None:
                if not self.charging.restore_network(subject, text):
                    self.tracker.restore(subject.network, text)
            case SubjectKind.IP | SubjectKind.NET:
                self.tracker.restore(subject.network, text)
            case SubjectKind.USER_IP if self.charging is not None:
                self.charging.pairs.restore(pair_key(subject.network, subject.user), text)
            case SubjectKind.USER if self.charging is not None:
                self.charging.restore_user(subject.user, text)

    def take_dirty(self) -> dict[Subject, Noted | str | None]:
        """Give what has changed since the last call, for ``str`` to write; None if it is gone."""
        changed: dict[Subject, Noted | str | None] = {
            subject_of(key): noted for key, noted in self.tracker.take_dirty().items()
        }
        if self.charging is not None:
            changed.update(self.charging.take_dirty())
        return changed

    def _count(self, failure: Failure, time: float, place: str, key: str) -> list[Verdict]:  # noqa: ARG002  # as Charging.fail
        """Count a failure, and no more: fail2ban's judgement."""
        units = int(min(self._heavy.get(failure.address, 1.0), MAX_WEIGHT) * UNIT)
        if self.tracker.add(key, time, failure, units) < self._policy.maxretry * UNIT:
            return []
        taken = self.tracker.take(key)
        return [self._verdicts.on(subject_of(key), self._policy.limit, taken, failure)]
