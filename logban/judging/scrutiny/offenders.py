# SPDX-License-Identifier: MIT
"""The count of each place: what it did lately and within the day, and when that is enough."""

from __future__ import annotations

from typing import Final

from logban.judging.counting.entries import UNIT
from logban.judging.counting.known import Taken
from logban.judging.counting.slow import SlowCounts
from logban.judging.counting.tracker import Tracker
from logban.judging.places import subject_of
from logban.judging.scrutiny.weighing import MAX_NAME
from logban.judging.verdicts import Verdicts
from logban.judging.weights import CALL_REJECTED, PREMIUM, called, number_factor
from logban.model import Failure, Verdict
from logban.policy.enough import Policy
from logban.policy.scrutiny import Limit, Scrutiny

TOLL_FRAUD: Final = 14.0
"""What a guest's call that was to leave the system counts more in the day's window: seven ban."""

WALK: Final = 6
"""What part of slow.maxretry is enough where many names were tried: one an hour."""


class Offenders:
    """Counts the places of one jail against both of its windows."""

    def __init__(self, policy: Policy, scrutiny: Scrutiny, verdicts: Verdicts) -> None:
        self.slow = SlowCounts(findtime=scrutiny.slow.findtime, max_subjects=policy.max_subjects)
        self.places = Tracker(
            findtime=policy.findtime,
            max_evidence=policy.max_evidence,
            max_subjects=policy.max_subjects,
            slow=self.slow,
        )
        self.limit = policy.limit
        self.slow_limit = _banned_slowly(policy.limit, scrutiny.slow)
        self.enough_units = policy.maxretry * UNIT
        self._verdicts = verdicts

    def is_enough(
        self, key: str, time: float, total: float, before: int, lenience: int = 1
    ) -> bool:
        """Tell whether a place has done enough.

        ``total`` is the weight of its failures in the window, ``before`` their number without the
        last one, ``lenience`` how many times maxretry it may do.
        """
        if total >= self.enough_units * lenience:
            return True
        if key not in self.slow.records:
            return False
        return self.slow.value(key, time) + before + 1 >= self.slow_limit.maxretry

    def walks(self, key: str, time: float, lenience: int = 1) -> bool:
        """Tell whether a place goes through many names at leisure."""
        if self.slow.value(key, time) * WALK < self.slow_limit.maxretry * lenience:
            return False
        return self.slow.has_many_names(key)

    def ban(self, key: str, total: float, failure: Failure, time: float) -> Verdict:
        """Give the verdict on a place, whose count starts again."""
        if total >= self.enough_units:
            return self._verdicts.on(subject_of(key), self.limit, self.places.take(key), failure)
        slow = self.slow.value(key, time) if key in self.slow.records else 0.0
        if failure.kind == CALL_REJECTED and number_factor(called(failure)[:MAX_NAME]) >= PREMIUM:
            slow /= 2.0 + TOLL_FRAUD
        taken = self.places.take(key)
        taken = Taken((*taken.times, *[time] * int(slow)), taken.evidence)
        return self._verdicts.on(subject_of(key), self.slow_limit, taken, failure)


def _banned_slowly(usual: Limit, slow: Limit) -> Limit:
    """Give the limit of the day's window; a ban by it is never shorter than a usual one."""
    bantime = None
    if slow.bantime is not None and usual.bantime is not None:
        bantime = max(slow.bantime, usual.bantime)
    return Limit(slow.maxretry, slow.findtime, bantime)
