# SPDX-License-Identifier: MIT
"""The bans that somebody has had, as far as they count against him.

An offence is a ban that a jail laid on an address or network that was free.  An extension is none:
who is banned already has only gone on.  Memory is bounded: beyond ``MAX_OFFENCES`` the oldest are
forgotten first, so that a restart, which takes up the newest of the database, knows the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Final

from logban.model import Subject

MAX_OFFENCES: Final = 100_000
"""Offences remembered, over all subjects and jails."""

_SPARE: Final = 1000


@dataclass(slots=True, eq=False)
class Offence:
    """One ban; ``end`` is when it ends or ended, None for never.

    ``earlier`` is the same subject's offence before this one, ``is_forgotten`` says that it counts
    no more.
    """

    jail: str
    subject: Subject
    time: float
    end: float | None
    earlier: Offence | None = None
    is_forgotten: bool = False


class Offences:
    """The offences of every subject, in the order in which they were committed."""

    def __init__(self, limit: int = MAX_OFFENCES) -> None:
        self._limit = limit
        # Most have one offence, so a list for each would be most of the memory.
        self._last: dict[Subject, Offence] = {}
        self._all: deque[Offence] = deque()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, offence: Offence) -> None:
        """Remember an offence, and forget the oldest where that makes too many."""
        offence.earlier = self._last.get(offence.subject)
        self._last[offence.subject] = offence
        self._all.append(offence)
        self._count += 1
        self._forget_surplus()

    def _forget_surplus(self) -> None:
        while self._count > self._limit:
            self._remove(self._all.popleft())
        if len(self._all) > 2 * self._count + _SPARE:
            self._all = deque(each for each in self._all if not each.is_forgotten)

    def of(self, subject: Subject) -> tuple[Offence, ...]:
        """Give the offences of a subject, the oldest first."""
        found = []
        each = self._last.get(subject)
        while each is not None:
            found.append(each)
            each = each.earlier
        return tuple(reversed(found))

    def count(self, subject: Subject, time: float, *, jail: str | None, memory: float) -> int:
        """Count the offences that are not forgotten at a time; of one jail, or of all."""
        found = 0
        each = self._last.get(subject)
        while each is not None:
            if jail in (None, each.jail) and (each.end is None or time <= each.end + memory):
                found += 1
            each = each.earlier
        return found

    def since(self, subject: Subject, time: float, other_than: Container[str]) -> list[Offence]:
        """Give the offences after a time in any but these jails."""
        return [
            each for each in self.of(subject) if each.time > time and each.jail not in other_than
        ]

    def last(self, subject: Subject, jail: str) -> Offence | None:
        """Give the last offence of a subject in a jail."""
        of_jail = (each for each in reversed(self.of(subject)) if each.jail == jail)
        return next(of_jail, None)

    def end(self, jail: str, subject: Subject, time: float, end: float | None) -> None:
        """Note when the ban that began at ``time`` ends, or has ended."""
        for each in self.of(subject):
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
        """Take up what an earlier run has stored, in its order; it may be a hundred thousand."""
        last, all_of_them = self._last, self._all
        before = len(all_of_them)
        for offence in offences:
            offence.earlier = last.get(offence.subject)
            last[offence.subject] = offence
            all_of_them.append(offence)
        self._count += len(all_of_them) - before
        self._forget_surplus()

    def _remove(self, offence: Offence) -> None:
        """Forget an offence; it goes out of the order of all when its turn comes."""
        if offence.is_forgotten:
            return
        offence.is_forgotten = True
        self._count -= 1
        later = self._last[offence.subject]
        if later is not offence:
            while later.earlier is not None and later.earlier is not offence:
                later = later.earlier
            later.earlier = offence.earlier
        elif offence.earlier is not None:
            self._last[offence.subject] = offence.earlier
        else:
            del self._last[offence.subject]
