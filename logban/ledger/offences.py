# SPDX-License-Identifier: MIT
"""The bans that somebody has had, as far as they count against him.

An offence is a ban that a jail laid on an address or network that was free.  An extension is none:
who is banned already has only gone on.  Memory is bounded: beyond ``MAX_OFFENCES`` the oldest are
forgotten first, so that a restart, which takes up the newest of the database, knows the same.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Final

from logban.model import Subject

MAX_OFFENCES: Final = 100_000
"""Offences remembered, over all subjects and jails."""


@dataclass(slots=True, eq=False)
class Offence:
    """One ban; ``end`` is when it ends or ended, None for never."""

    jail: str
    subject: Subject
    time: float
    end: float | None


class Offences:
    """The offences of every subject, in the order in which they were committed."""

    def __init__(self, limit: int = MAX_OFFENCES) -> None:
        self._limit = limit
        self._all: OrderedDict[Offence, None] = OrderedDict()
        self._of_subject: dict[Subject, list[Offence]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def add(self, offence: Offence) -> None:
        """Remember an offence, and forget the oldest where that makes too many."""
        self._all[offence] = None
        self._of_subject.setdefault(offence.subject, []).append(offence)
        while len(self._all) > self._limit:
            self._remove(next(iter(self._all)))

    def of(self, subject: Subject) -> tuple[Offence, ...]:
        """Give the offences of a subject, the oldest first."""
        return tuple(self._of_subject.get(subject, ()))

    def count(self, subject: Subject, time: float, *, jail: str | None, memory: float) -> int:
        """Count the offences that are not forgotten at a time; of one jail, or of all."""
        return sum(
            jail in (None, each.jail) and (each.end is None or time <= each.end + memory)
            for each in self._of_subject.get(subject, ())
        )

    def since(self, subject: Subject, time: float, other_than: Container[str]) -> list[Offence]:
        """Give the offences after a time in any but these jails."""
        return [
            each
            for each in self._of_subject.get(subject, ())
            if each.time > time and each.jail not in other_than
        ]

    def last(self, subject: Subject, jail: str) -> Offence | None:
        """Give the last offence of a subject in a jail."""
        of_jail = (each for each in reversed(self.of(subject)) if each.jail == jail)
        return next(of_jail, None)

    def end(self, jail: str, subject: Subject, time: float, end: float | None) -> None:
        """Note when the ban that began at ``time`` ends, or has ended."""
        for each in self._of_subject.get(subject, ()):
            if (each.jail, each.time) == (jail, time):
                each.end = end

    def forgive(self, subject: Subject, jail: str, time: float) -> None:
        """Let one ban not count."""
        for each in self.of(subject):
            if (each.jail, each.time) == (jail, time):
                self._remove(each)

    def forgive_all(self, subject: Subject) -> None:
        """Let none of a subject's bans count any more."""
        for each in self.of(subject):
            self._remove(each)

    def restore(self, offences: Iterable[Offence]) -> None:
        """Take up what an earlier run has stored, in its order."""
        for offence in offences:
            self.add(offence)

    def _remove(self, offence: Offence) -> None:
        del self._all[offence]
        left = self._of_subject[offence.subject]
        left.remove(offence)
        if not left:
            del self._of_subject[offence.subject]
