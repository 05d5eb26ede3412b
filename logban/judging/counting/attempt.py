# SPDX-License-Identifier: MIT
"""The last attempts of one address, and of which of them a line is.

While all lines of an address know the same fields (:class:`Alike`), an attempt is found by its
values; what its further lines take is made when they come.  Else (:class:`Unlike`) the attempts
are compared one by one, the newest first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Final

from logban.model import Failure

SPAN: Final = 1.0
"""Seconds that the lines of an attempt may lie apart; most logs tell no more than seconds."""

MAX_LINES: Final = 6
"""Lines that one attempt may have in one file: what pjsip writes at the most."""

MAX_OPEN: Final = 16
"""Attempts of one address that are remembered; half of them at least."""

HALF: Final = MAX_OPEN // 2

# What a peer's program makes anew for each attempt, where it does not try to deceive.
_SESSIONS: Final = ("callid", "session")

Values = tuple[str, ...]


class Shape:
    """Which of the telling fields a line knows; ``read`` gives their values."""

    __slots__ = ("has_session", "names", "read")

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.has_session = any(name in _SESSIONS for name in names)
        self.read: Callable[[Mapping[str, str]], Values]
        if len(names) > 1:
            self.read = itemgetter(*names)
        else:
            self.read = lambda fields: tuple([fields[name] for name in names])


class Attempt:
    """An attempt of several lines, or one that is compared value by value."""

    __slots__ = ("lines", "proven", "seen", "time", "values")

    def __init__(self, single: Single, shape: Shape, values: Values) -> None:
        self.time, rule, source, self.proven = single
        self.values = dict(zip(shape.names, values, strict=True))
        self.lines = {source: 1}
        self.seen = {(rule, source)}

    def takes(self, failure: Failure, time: float, shape: Shape, values: Values) -> bool:
        """Tell whether a failure is of this attempt."""
        if abs(time - self.time) > SPAN or self.lines.get(failure.source, 0) >= MAX_LINES:
            return False
        shared = False
        for name, value in zip(shape.names, values, strict=True):
            own = self.values.get(name)
            if own is not None:
                if own != value:
                    return False
                shared = shared or name in _SESSIONS
        return shared or (failure.rule, failure.source) not in self.seen

    def add(self, failure: Failure, shape: Shape, values: Values) -> bool:
        """Take a further failure in; tell whether it proves what had not been proven."""
        for name, value in zip(shape.names, values, strict=True):
            self.values.setdefault(name, value)
        self.lines[failure.source] = self.lines.get(failure.source, 0) + 1
        self.seen.add((failure.rule, failure.source))
        proves = failure.proven and not self.proven
        self.proven = self.proven or failure.proven
        return proves


Single = tuple[float, str, str, bool]
"""An attempt of one line: its time, rule, source, and whether it is proven."""

Same = Single | list[Attempt]
"""What was attempted with the same values: one line, or attempts of more, the newest last."""


def single_of(failure: Failure, time: float) -> Single:
    """Give the attempt of a first line."""
    return (time, failure.rule, failure.source, failure.proven)


class Alike:
    """The last attempts of an address all of whose lines know the same fields."""

    __slots__ = ("before", "further", "recent", "shape")

    def __init__(self, shape: Shape, values: Values, single: Single) -> None:
        self.shape = shape
        self.recent: dict[Values, Same] = {values: single}
        self.before: dict[Values, Same] = {}
        self.further = 0
        """Attempts of the newer half beside the first with the same values."""

    def put(self, values: Values, single: Single) -> None:
        """Remember an attempt with values that no other one has."""
        if len(self.recent) + self.further >= HALF:
            self.turn()
        self.recent[values] = single

    def turn(self) -> dict[Values, Same]:
        """Forget the older half; give the newer one, which is empty."""
        self.before, self.recent, self.further = self.recent, {}, 0
        return self.recent

    def meet(self, failure: Failure, time: float, shape: Shape, values: Values) -> bool | None:
        """Take in a failure; tell whether it proves what had not been, None if it is new."""
        for half in (self.recent, self.before):
            same = half.get(values)
            if same is None:
                continue
            if isinstance(same, tuple):
                same = half[values] = [Attempt(same, shape, values)]
            for attempt in reversed(same):
                if attempt.takes(failure, time, shape, values):
                    return attempt.add(failure, shape, values)
        same = self.recent.get(values)
        if isinstance(same, list) and len(self.recent) + self.further < HALF:
            same.append(Attempt(single_of(failure, time), shape, values))
            self.further += 1
            return None
        self.put(values, single_of(failure, time))
        return None


class Unlike:
    """The last attempts of an address whose lines know different fields."""

    __slots__ = ("attempts",)

    def __init__(self, known: Alike) -> None:
        self.attempts: list[Attempt] = []
        for half in (known.before, known.recent):
            for values, same in half.items():
                if isinstance(same, tuple):
                    self.attempts.append(Attempt(same, known.shape, values))
                else:
                    self.attempts += same

    def meet(self, failure: Failure, time: float, shape: Shape, values: Values) -> bool | None:
        """Take in a failure; tell whether it proves what had not been, None if it is new."""
        for attempt in reversed(self.attempts):
            if attempt.takes(failure, time, shape, values):
                return attempt.add(failure, shape, values)
        self.attempts.append(Attempt(single_of(failure, time), shape, values))
        if len(self.attempts) > MAX_OPEN:
            del self.attempts[0]
        return None
