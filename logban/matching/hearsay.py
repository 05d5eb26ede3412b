# SPDX-License-Identifier: MIT
"""Failures whose address is what the peer said of itself, such as the address of a Contact.

It may be anybody's.  Where the program goes on to log whose message it was, the thread's next
failure names the true address, or a witness does: a line that is no failure and names the address
of the same moment.  If that is the same, the line is right.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Final

from logban.model import Failure, Outcome

MAX_WAITING: Final = 64
"""Threads of one source whose next failure is waited for; the longest wait is given up first."""

NEAR: Final = 4096
"""Bytes behind which the thread's next failure has nothing to do with this one any more."""

NEAR_WITNESS: Final = 1024
"""The same for a witness, which may be of another thread."""


class Hearsay:
    """What was told in one source and is not confirmed yet."""

    def __init__(self) -> None:
        self.unconfirmed = 0
        self._waiting: dict[str, Failure] = {}

    @property
    def is_waiting(self) -> bool:
        """Tell whether anything waits."""
        return bool(self._waiting)

    @property
    def waiting(self) -> Mapping[str, Failure]:
        """Give what waits, by its thread."""
        return self._waiting

    def take_up(self, waiting: Mapping[str, Failure]) -> None:
        """Go on with what waited when an earlier process ended."""
        self._waiting.update(waiting)

    @property
    def threads(self) -> Container[str]:
        """Give the threads whose next failure is waited for."""
        return self._waiting.keys()

    def hear(self, failure: Failure, thread: str | None) -> None:
        """Keep a failure until the thread's next one."""
        if thread is None:
            self.unconfirmed += 1
            return
        if self._waiting.pop(thread, None) is not None:
            self.unconfirmed += 1
        self._waiting[thread] = failure
        if len(self._waiting) > MAX_WAITING:
            del self._waiting[next(iter(self._waiting))]
            self.unconfirmed += 1

    def confirmed_by(self, failure: Failure, thread: str | None) -> Failure | None:
        """Give what a thread's next failure confirms; what it does not is given up."""
        told = self._waiting.pop(thread, None) if thread is not None else None
        if told is None:
            return None
        if told.address == failure.address and 0 < failure.offset - told.offset <= NEAR:
            return told
        self.unconfirmed += 1
        return None

    def witnessed_by(self, witness: Outcome) -> Failure | None:
        """Give what a witness close behind it confirms."""
        for thread, told in self._waiting.items():
            if told.address == witness.address and witness.offset - told.offset <= NEAR_WITNESS:
                return self._waiting.pop(thread)
        return None

    def close(self) -> None:
        """Give up all that is waiting."""
        self.unconfirmed += len(self._waiting)
        self._waiting.clear()
