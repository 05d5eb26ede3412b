# SPDX-License-Identifier: MIT
"""What a jail holds a failure to weigh, by its kind and by what was called or tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from logban.judging.trust import Trust
from logban.judging.weights import (
    CALL_REJECTED,
    KINDS,
    PROBE,
    UNKNOWN_USER,
    WRONG_PASSWORD,
    called,
    number_factor,
)
from logban.model import Failure
from logban.policy.plan import Plan
from logban.policy.scrutiny import Scrutiny

MAX_NAME: Final = 128
"""Characters of a user's name, or of a number, that tell it from others."""

CREDENTIALS: Final = frozenset({WRONG_PASSWORD, UNKNOWN_USER, PROBE, "acl"})
"""Kinds of failures in which a user's name is that of an account."""


class Weighing:
    """Weighs the failures of one jail."""

    def __init__(self, scrutiny: Scrutiny, trust: Trust) -> None:
        self._kinds = {**KINDS, **scrutiny.weights}
        self._rules = scrutiny.weights
        self._weightless = frozenset(name for name, each in self._kinds.items() if not each)
        self._written = scrutiny.plan
        self._shapes = trust.shapes
        self._factor: Callable[[str], float] = (scrutiny.plan or trust.shapes).factor

    def set_extensions(self, names: frozenset[str]) -> None:
        """Note what extensions Asterisk has, beside those that are written."""
        plan = self._written
        if names:
            plan = (plan or Plan()).with_names(names)
        self._factor = (plan or self._shapes).factor

    def is_charged(self, failure: Failure) -> bool:
        """Tell whether a failure weighs anything."""
        weightless, rule = self._weightless, failure.rule
        if rule in weightless:
            return False
        return failure.kind not in weightless or rule in self._rules

    def weight(self, failure: Failure) -> float:
        """Give what a failure weighs, whatever was before it."""
        kind = failure.kind
        base = self._rules.get(failure.rule) if self._rules else None
        if base is None:
            base = self._kinds.get(kind, 1.0)
        if kind == CALL_REJECTED:
            number = called(failure)
            if number:
                base *= number_factor(number[:MAX_NAME])
        elif kind in CREDENTIALS:
            user = failure.fields.get("user")
            if user:
                base *= self._factor(user[:MAX_NAME])
        return base
