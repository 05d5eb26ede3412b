# SPDX-License-Identifier: MIT
"""The ``kamailio-lists`` action: secfilter's lists kept as the files of lists.d have them.

It holds no bans; it is an action so that it is started, retried and shown as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from logban.actions.declaration import ActionSpec
from logban.actions.kamailio.blacklist import Blacklist
from logban.actions.kamailio.lists import Entry, Lists
from logban.actions.kamailio.secfilter import blacklist_of
from logban.actions.protocols import Missing
from logban.clock import Clock
from logban.model import Ban, Subject

CHECK_EVERY: Final = 2.0
READ_EVERY: Final = 30.0
"""Seconds between two looks at the lists themselves, where they can be read."""


class Listing:
    """Keeps declared entries on secfilter's lists."""

    check_every = CHECK_EVERY

    def __init__(
        self, jail: str, entries: Iterable[Entry], blacklist: Blacklist, clock: Clock
    ) -> None:
        self._owner = f"lists of {jail}"
        self._entries = frozenset(entries)
        self._blacklist = blacklist
        self._clock = clock
        self._read = clock.now()

    def takes(self, subject: Subject) -> bool:  # noqa: ARG002  # there is none that it takes
        """Tell that no ban is kept here."""
        return False

    def prepare(self) -> None:
        """Add what is not there yet."""
        self._blacklist.prepare(self._owner)
        self._repair()

    def apply(self, bans: Sequence[Ban]) -> None:
        """Do nothing: no ban is kept here."""

    def lift(self, bans: Sequence[Ban]) -> None:
        """Do nothing: no ban is kept here."""

    def read(self) -> Mapping[Subject, float | None]:
        """Tell of no ban."""
        return {}

    def check(self) -> None:
        """Add again what somebody has taken out; Missing where Kamailio was restarted."""
        if not self._blacklist.check(self._owner):
            raise Missing("secfilter has lost its entries: Kamailio was restarted")
        if self._clock.now() - self._read >= READ_EVERY:
            self._repair()

    def close(self) -> None:
        """Let go of the sockets; the entries stay."""
        self._blacklist.close(self._owner)

    def _repair(self) -> None:
        self._read = self._clock.now()
        self._blacklist.replace(self._owner, self._entries)


def build(spec: ActionSpec, clock: Clock) -> Listing:
    """Make the action that a jail asks for."""
    lists = spec.value("lists", Lists)
    return Listing(spec.jail, lists.entries, blacklist_of(spec, clock), clock)
