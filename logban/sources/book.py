# SPDX-License-Identifier: MIT
"""What is known of every file: how far it has been read, and by whom it is being read now.

Files are known by device and inode, not by name, so a file keeps its place when it is renamed,
and a file that several names lead to is read once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from logban.model import Position

# A followed file has one entry, and so has each of its predecessors that still exists.
_MOST_ENTRIES = 4096


class Identity(NamedTuple):
    """What makes a file this file as long as it exists."""

    device: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Identity:
        """Give the identity of the file that this status belongs to."""
        return cls(status.st_dev, status.st_ino)


class PositionBook:
    """The positions of all files, and who reads which.

    Bounded: beyond 4096 files, those that nobody reads are forgotten, the longest untouched first.
    """

    def __init__(self, positions: Iterable[Position] = ()) -> None:
        self._positions = {_identity(position): position for position in positions}
        self._readers: dict[Identity, str] = {}
        self._changed: set[Identity] = set()
        self._retired: dict[tuple[str, Identity], Position] = {}

    def positions(self) -> tuple[Position, ...]:
        """Give all there are."""
        return tuple(self._positions.values())

    def take_changed(self) -> tuple[Position, ...]:
        """Give those that are new or have moved on since this was last asked."""
        changed = tuple(self._positions[identity] for identity in self._changed)
        self._changed.clear()
        return changed

    def take_retired(self) -> tuple[Position, ...]:
        """Give those that are no longer to be saved, since this was last asked."""
        retired = tuple(self._retired.values())
        self._retired.clear()
        return retired

    def get(self, identity: Identity) -> Position | None:
        """Give how far this file has been read; None if it never was."""
        return self._positions.get(identity)

    def of_path(self, path: str) -> tuple[Position, ...]:
        """Give the positions of the files that were read under this name."""
        return tuple(entry for entry in self._positions.values() if entry.path == path)

    def keep(self, position: Position) -> None:
        """Remember how far a file has been read."""
        identity = _identity(position)
        before = self._positions.get(identity)
        if before is position:
            return
        if before is not None and before.path != position.path:
            self.drop(identity)
        # Out and in again, so that the dictionary is in the order of use.
        self._positions.pop(identity, None)
        self._positions[identity] = position
        self._changed.add(identity)
        self._retired.pop((position.path, identity), None)
        if len(self._positions) > _MOST_ENTRIES:
            self._forget_oldest()

    def drop(self, identity: Identity) -> None:
        """Forget a file that is not there any more."""
        position = self._positions.pop(identity, None)
        if position is not None:
            self._changed.discard(identity)
            self._retired[position.path, identity] = position

    def reader_of(self, identity: Identity) -> str | None:
        """Give the path under which this file is being read; None if it is not."""
        return self._readers.get(identity)

    def claim(self, identity: Identity, path: str) -> None:
        """Note that this file is being read under this path."""
        self._readers[identity] = path

    def release(self, identity: Identity) -> None:
        """Note that this file is not being read any more."""
        self._readers.pop(identity, None)

    def _forget_oldest(self) -> None:
        for identity in self._positions:
            if identity not in self._readers:
                self.drop(identity)
                return


def _identity(position: Position) -> Identity:
    return Identity(position.device, position.inode)
