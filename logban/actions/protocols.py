# SPDX-License-Identifier: MIT
"""What the daemon asks of an action: five verbs of an enforcer, one of a notifier.

What only some enforcers need (Watched, Telling, Filling, Selective and the like), or notifiers
(Digesting), stands apart.

The calls block.  Each action has one worker thread of its own, so its calls never overlap and
never hold up another action.  A call that fails raises ActionError and is made again later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from logban.actions.pacing import Pace
from logban.errors import ActionError
from logban.model import Ban, Change, Subject


class Missing(ActionError):
    """What holds the bans is gone or changed; ``prepare`` mends it, then every ban is applied."""


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
class Watched(Protocol):
    """An enforcer whose place can lose everything without a sign: it wants to be asked often."""

    check_every: float
    """Seconds between two calls of ``check``, and at the most from a failure to the next try."""

    def check(self) -> None:
        """Look, at little cost, whether the place still is what it was; Missing if it is not."""
        ...


@runtime_checkable
class Telling(Protocol):
    """An enforcer whose place tells when somebody else has changed it."""

    def news(self) -> int | None:
        """Give a descriptor that becomes readable when there is something to hear; None: never.

        It is asked for after each ``prepare``.
        """
        ...

    def hear(self) -> bool:
        """Take in what was told; tell whether what is held here may have been changed.

        Missing where it is known to be gone.
        """
        ...


@runtime_checkable
class Filling(Protocol):
    """An enforcer that can put bans in force faster where it is known that none of them is."""

    def fill(self, bans: Sequence[Ban]) -> None:
        """Put these in force until their ends."""
        ...


@runtime_checkable
class Selective(Protocol):
    """An enforcer that can't hold every subject; what it does not take is not handed to it."""

    def takes(self, subject: Subject) -> bool:
        """Tell whether a ban on this subject can be kept here."""
        ...


@runtime_checkable
class Remarking(Protocol):
    """An enforcer that has something to tell the admin though it works."""

    @property
    def notice(self) -> str:
        """Give a sentence for ``status``; "" if there is none."""
        ...


@runtime_checkable
class Cautious(Protocol):
    """An enforcer whose bans can hit others than whom they are on: it asks who is exempt."""

    def exempt_by(self, exempt: Callable[[Subject], str]) -> None:
        """Take the question: by what entry someone is exempt in any jail, "" if by none."""
        ...


@runtime_checkable
class Pardoning(Protocol):
    """An enforcer at a place where others ban as well: what an admin lifts ends there for good."""

    def pardon(self, subjects: Sequence[Subject]) -> None:
        """Take out what others than logban have put in against these, as far as it can be there."""
        ...


@runtime_checkable
class Recalling(Protocol):
    """An enforcer at a place where bans don't end by themselves and bear no sign of logban's."""

    def recall(self, bans: Sequence[Ban]) -> None:
        """Note bans that have ended and may still be there from an earlier run; touch nothing."""
        ...


class Particulars(Protocol):
    """What the log said of who was banned, beside the address; asked from the action's thread."""

    def captures(self, name: str) -> bool:
        """Tell whether the jail's filter captures something of that name."""
        ...

    def fields(self, ban: Ban) -> Mapping[str, str]:
        """Give what was captured from the newest line behind a ban; hostile text all."""
        ...


@runtime_checkable
class Foreseeing(Protocol):
    """An enforcer at a place that may not hold bans as long as the jail wants them."""

    def foresee(self, bantime: float | None) -> None:
        """Take the seconds of the jail's bans (None: for ever), for ``prepare`` to compare."""
        ...


@runtime_checkable
class Inquiring(Protocol):
    """An enforcer that bans something else than the subject, which the lines behind it name."""

    def inquire_of(self, particulars: Particulars) -> None:
        """Take the source of what the lines say."""
        ...


@runtime_checkable
class Digesting(Protocol):
    """A notifier that can tell many changes in one: a flood of them is no flood of its own."""

    @property
    def pace(self) -> Pace | None:
        """Say how many are told one by one; None: all of them."""
        ...

    def wants(self, change: Change) -> bool:
        """Tell whether this is told at all; what is not need not wait."""
        ...

    def digest(self, changes: Sequence[Change], dropped: int) -> None:
        """Tell all of them in one, or raise ActionError; ``dropped`` more can't be told."""
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
