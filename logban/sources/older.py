# SPDX-License-Identifier: MIT
"""The files that had a log's name earlier and may still be written to.

There may be a hundred of them beside a log that is written to all the time, so they are looked at
when somebody says so: at each look at the log, or because one of them has grown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from logban.clock import Clock
from logban.sources.book import Identity
from logban.sources.reader import Reader

GRACE: Final = 60.0
"""Seconds that an older file is kept open after it was renamed and last grew: its writer goes on
with it until it is told to reopen its log."""

_GRACE_UNLINKED: Final = 3600.0
_GRACE_ALONE: Final = 86400.0
"""Without a successor that has been written to, the old file may well be the log still (a rotation
that tells nobody), so it is kept for a day, or, if it was removed and only we keep its space from
being freed, for an hour."""

MOST: Final = 100
"""Of a log that is rotated faster than that, older files are let go of before their time."""


class OlderFiles:
    """Readers of these files, in the order in which they are to be read; whoever asks reads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._readers: list[Reader] = []
        # Those of them that are copies of a file that was truncated then: nobody writes to them.
        self._copies: set[Reader] = set()
        self._may_have_grown = False
        self._may_be_over = False

    def __iter__(self) -> Iterator[Reader]:
        """Give them, the oldest first."""
        return iter(self._readers)

    def __len__(self) -> int:
        """Tell how many there are."""
        return len(self._readers)

    def add(self, reader: Reader, *, is_copy: bool = False) -> None:
        """Take in the file that is to be read behind the others."""
        # Whatever its size: it may have been truncated and have grown as long again.
        reader.drained = False
        self._readers.append(reader)
        if is_copy:
            self._copies.add(reader)
        self.look()

    def remove(self, reader: Reader) -> None:
        """Take out one that somebody else goes on with, or nobody."""
        self._readers.remove(reader)
        self._copies.discard(reader)

    def take(self, identity: Identity) -> Reader | None:
        """Take out this file, if it is one of them."""
        for reader in self._readers:
            if reader.identity == identity:
                self.remove(reader)
                return reader
        return None

    def is_copy(self, reader: Reader) -> bool:
        """Tell whether this is a copy of a truncated file."""
        return reader in self._copies

    def look(self) -> None:
        """Look at all of them before anything else is read: they may have grown, or be over."""
        self._may_have_grown = self._may_be_over = True

    def unread(self) -> list[Reader]:
        """Give those that hold something new, or were never read to their end.

        The last one is looked at each time: what is written to it comes before what is in the log.
        """
        for reader in self._readers if self._may_have_grown else self._readers[-1:]:
            if reader.drained and reader.has_grown:
                reader.drained = False
        self._may_have_grown = False
        return [reader for reader in self._readers if not reader.drained]

    def finished(self, is_succeeded: bool, is_short: bool) -> list[Reader]:
        """Give those that are over, when all are read; ``look`` is what makes them be looked at.

        ``is_succeeded`` says whether the log that they belong to has another file by now that has
        been written to; ``is_short`` whether others wait for their descriptors.
        """
        if not self._may_be_over:
            return []
        self._may_be_over = False
        now = self._clock.steady()
        surplus = len(self._readers) - (1 if is_short else MOST)
        found = []
        for reader in self._readers:
            grace = GRACE if is_succeeded else _grace_alone(reader)
            if self.is_copy(reader) or surplus > 0 or now - reader.quiet_since >= grace:
                found.append(reader)
                surplus -= 1
        return found


def _grace_alone(reader: Reader) -> float:
    try:
        return _GRACE_ALONE if reader.linked else _GRACE_UNLINKED
    except OSError:
        return GRACE
