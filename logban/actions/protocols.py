# SPDX-License-Identifier: MIT
"""What the daemon asks of an action: five verbs of an enforcer, one of a notifier.

The calls block.  Each action has one worker thread of its own, so its calls never overlap and
never hold up another action.  A call that fails raises ActionError and is made again later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from logban.model import Ban, Change, Subject


@runtime_checkable
class Enforcer(Protocol):
    """Keeps bans in force in one place: a kernel set, a proxy's table."""

    def prepare(self) -> None:
        """Make what holds the bans (table, sets, rules), or find it; never empty it."""
        ...

    def apply(self, bans: Sequence[Ban]) -> None:
        """Put these in force until their ends; one that is in force gets its new end.

        ``ban.remaining(now)`` is what is handed on; a ban that is over is left out.
        """
        ...

    def lift(self, bans: Sequence[Ban]) -> None:
        """Take these back; one that is not in force is no error."""
        ...

    def read(self) -> Mapping[Subject, float | None] | None:
        """Tell what is in force and until when (None: for ever); None where it cannot be read."""
        ...

    def close(self) -> None:
        """Let go of sockets and handles; what is in force stays so."""
        ...


@runtime_checkable
class Notifier(Protocol):
    """Tells somebody of a change, at most once."""

    def notify(self, change: Change) -> None:
        """Tell it, or raise ActionError."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
