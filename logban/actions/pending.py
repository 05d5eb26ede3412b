# SPDX-License-Identifier: MIT
"""What is wanted of an enforcer and has not been done yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from logban.model import Ban, Change, ChangeKind, Subject


@dataclass(frozen=True, slots=True)
class Orders:
    """Bans to put in force, of which those that are ``absent`` surely are not yet, and to take."""

    absent: list[Ban] = field(default_factory=list)
    put: list[Ban] = field(default_factory=list)
    taken: list[Ban] = field(default_factory=list)


class Pending:
    """The last change of each subject: no earlier one has to be done any more."""

    def __init__(self) -> None:
        self._changes: dict[Subject, Change] = {}
        # Of whom a ban that has ended may still be in force when the next one is put there.
        self._left_over: set[Subject] = set()

    def __len__(self) -> int:
        return len(self._changes)

    def __contains__(self, subject: Subject) -> bool:
        return subject in self._changes

    def add(
        self, changes: Iterable[Change], takes: Callable[[Subject], bool], held: set[Subject]
    ) -> None:
        """Take over changes of subjects that are taken; ``held`` are those in force.

        Who is banned anew is no longer one of these: what is in force is the ban before it.
        """
        pending = self._changes
        for change in changes:
            subject = change.ban.subject
            if change.kind is ChangeKind.NOTICE or not takes(subject):
                continue
            if change.kind is ChangeKind.BAN and (subject in held or subject in pending):
                held.discard(subject)
                self._left_over.add(subject)
            pending[subject] = change

    def changes(self) -> dict[Subject, Change]:
        """Give all of this moment."""
        return dict(self._changes)

    def orders(self) -> Orders:
        """Give what all of this comes to."""
        orders = Orders()
        left_over, self._left_over = self._left_over, set()
        for subject, change in self._changes.items():
            if _ends_it(change):
                orders.taken.append(change.ban)
            elif change.kind is ChangeKind.EXTEND or subject in left_over:
                orders.put.append(change.ban)
            else:
                orders.absent.append(change.ban)
        return orders

    def settle(self, done: Mapping[Subject, Change]) -> None:
        """Drop what has been done, unless something newer has come."""
        for subject, change in done.items():
            if self._changes.get(subject) is change:
                del self._changes[subject]

    def clear(self) -> None:
        """Drop all."""
        self._changes.clear()


def ended(changes: Iterable[Change]) -> tuple[Ban, ...]:
    """Give the bans that have ended by some changes."""
    return tuple(change.ban for change in changes if _ends_it(change))


def _ends_it(change: Change) -> bool:
    return change.kind in (ChangeKind.LIFT, ChangeKind.EXPIRE)
