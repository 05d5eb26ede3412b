# SPDX-License-Identifier: MIT
"""What is told of a source: to the log, to ``status``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

NO_INOTIFY: Final = "inotify can't be had"
"""How ``watching_reason`` begins where the kernel refuses what it usually grants."""


class SourceState(StrEnum):
    """What a source is doing."""

    CATCHING_UP = "catching up"
    """Reading what was there when it was opened."""
    FOLLOWING = "following"
    DRAINING = "draining"
    """The file was renamed or removed and nothing came in its place; the old one is still read."""
    WAITING = "waiting"
    """There is nothing to read; the reason says why."""


@dataclass(slots=True)
class Tally:
    """What has been counted of a source since it was first followed by this process."""

    bytes: int = 0
    lines: int = 0
    rotations: int = 0
    truncations: int = 0
    long_lines: int = 0
    nuls: int = 0


@dataclass(frozen=True, slots=True)
class SourceReport:
    """A source at this moment; sizes in bytes.

    ``size`` and ``offset`` are of the file at ``path``; ``lag`` is what is still unread of it and
    of its predecessors.  ``watching`` is ``inotify``, ``polling`` or ``rescan``, and
    ``watching_reason`` why it is not inotify, "" if it is.  ``was_read`` tells whether a
    file of this path was ever read, by this process or before.
    """

    path: str
    patterns: tuple[str, ...]
    state: SourceState
    reason: str
    size: int
    offset: int
    lag: int
    bytes: int
    lines: int
    rotations: int
    truncations: int
    long_lines: int
    nuls: int
    watching: str
    watching_reason: str
    was_read: bool = False

    @property
    def progress(self) -> float:
        """Give how much of the file has been read, from 0 to 1."""
        return min(1.0, self.offset / self.size) if self.size else 1.0
