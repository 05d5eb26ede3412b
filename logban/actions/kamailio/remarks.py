# SPDX-License-Identifier: MIT
"""What an enforcer has to tell of single bans, for as long as it is true."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Final

_MOST: Final = 100


class Remarks:
    """Sentences by whom they are about, at most a hundred; what is not said again is forgotten.

    Written by the daemon's loop and by the action's thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: dict[str, str] = {}
        self._before: dict[str, str] = {}

    def __len__(self) -> int:
        """Count whom they are about."""
        with self._lock:
            return len(self._said | self._before)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Give them, the newest first."""
        with self._lock:
            return iter([*(self._before | self._said).items()][::-1])

    def add(self, who: str, what: str) -> None:
        """Say something, in place of what was said of the same one before."""
        with self._lock:
            self._before.pop(who, None)
            self._said.pop(who, None)
            self._said[who] = what
            while len(self._said) > _MOST:
                del self._said[next(iter(self._said))]

    def drop(self, who: str) -> None:
        """Say nothing of somebody any more."""
        with self._lock:
            self._said.pop(who, None)
            self._before.pop(who, None)

    def age(self) -> None:
        """Forget what has not been said since the last time that this was called."""
        with self._lock:
            self._before, self._said = self._said, {}
