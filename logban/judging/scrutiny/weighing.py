# SPDX-License-Identifier: MIT
"""What a jail holds a failure to weigh, by its kind and by what was called or tried.

Most of an attack is the same over and over: what a try with a user's name weighs is remembered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from logban.judging.scrutiny.probes import Probes
from logban.judging.scrutiny.trust import Trust
from logban.judging.weights import (
    CALL_REJECTED,
    KINDS,
    PASSING,
    PASSING_KINDS,
    PROBE,
    UNKNOWN_USER,
    WRONG_PASSWORD,
    called,
    number_factor,
    what_of,
)
from logban.model import Failure
from logban.policy.plan import Plan
from logban.policy.scrutiny import Scrutiny

MAX_NAME: Final = 128
"""Characters of a user's name, or of a number, that tell it from others."""

MAX_REMEMBERED: Final = 16_384
"""Tries that are remembered with what they weigh; then all are forgotten."""

CREDENTIALS: Final = frozenset({WRONG_PASSWORD, UNKNOWN_USER, PROBE, "acl"})
"""Kinds of failures in which a user's name is that of an account."""

Weighed = tuple[str, int, float, bool]
"""The user whose account was tried, "" if it was none; the number of what was tried; the weight;
whether that was a password for an account."""


class Weighing:
    """Weighs the failures of one jail."""

    def __init__(self, scrutiny: Scrutiny, trust: Trust) -> None:
        self._kinds = {**KINDS, **scrutiny.weights}
        self._rules = scrutiny.weights
        self._weightless = frozenset(name for name, each in self._kinds.items() if not each)
        self._written = scrutiny.plan
        self._shapes = trust.shapes
        self._factor: Callable[[str], float] = (scrutiny.plan or trust.shapes).factor
        # Who weighs each failure looks here first: by kind, rule and user, as long as the shapes
        # of extensions have not changed more often than this.
        self.logins: dict[tuple[str, str, str], Weighed] = {}
        self.changes = trust.shapes.changes
        self._probes = Probes()

    def set_extensions(self, names: frozenset[str]) -> None:
        """Note what extensions Asterisk has, beside those that are written."""
        plan = self._written
        if names:
            plan = (plan or Plan()).with_names(names)
        self._factor = (plan or self._shapes).factor
        self.forget()

    def forget(self) -> None:
        """Remember of no try any longer what it weighs."""
        self.logins.clear()

    def weigh(self, failure: Failure, place: str) -> Weighed | None:
        """Weigh a failure, whatever was before it; None if it is not charged.

        What ``logins`` has of it is as good.
        """
        user = failure.fields.get("user", "")
        kind, rule = failure.kind, failure.rule
        if rule in self._weightless or (kind in self._weightless and rule not in self._rules):
            return None
        name = user[:MAX_NAME]
        if kind == PROBE and not self._probes.is_other(place, name):
            return None
        if kind in PASSING_KINDS:
            return ("", PASSING, self.weight(failure), False)
        if not name or kind not in CREDENTIALS:
            number = called(failure)[:MAX_NAME]
            return ("", what_of(number) if number else 0, self.weight(failure), False)
        weighed = (name, what_of(name), self.weight(failure), kind == WRONG_PASSWORD)
        if name == user and kind != PROBE:
            if self.changes != self._shapes.changes or len(self.logins) >= MAX_REMEMBERED:
                self.logins.clear()
                self.changes = self._shapes.changes
            self.logins[kind, rule, user] = weighed
        return weighed

    def weight(self, failure: Failure) -> float:
        """Give what a failure weighs by its kind, and by what was called or tried."""
        base = self._rules.get(failure.rule) if self._rules else None
        if base is None:
            base = self._kinds.get(failure.kind, 1.0)
        if failure.kind == CALL_REJECTED:
            number = called(failure)
            if number:
                base *= number_factor(number[:MAX_NAME])
        elif failure.kind in CREDENTIALS:
            user = failure.fields.get("user")
            if user:
                base *= self._factor(user[:MAX_NAME])
        return base
