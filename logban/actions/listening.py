# SPDX-License-Identifier: MIT
"""Being told by a place that somebody else has changed what is in force there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from logban.actions.protocols import Enforcer, Telling


class Listening:
    """Hears the place of an enforcer, where it tells; ``wake`` is called when it has news.

    Nothing more is heard before somebody listens again: it stays readable until it is read.
    """

    def __init__(self, enforcer: Enforcer, wake: Callable[[], None]) -> None:
        self.teller = enforcer if isinstance(enforcer, Telling) else None
        self.is_told = False
        """Whether there are news."""
        self._wake = wake
        self._news: int | None = None

    def begin(self) -> None:
        """Listen from now on, by the descriptor that there is now."""
        self.end()
        self._news = None if self.teller is None else self.teller.news()
        if self._news is not None:
            asyncio.get_running_loop().add_reader(self._news, self._be_told)

    def end(self) -> None:
        """Listen no more."""
        if self._news is not None:
            asyncio.get_running_loop().remove_reader(self._news)
            self._news = None

    def _be_told(self) -> None:
        self.end()
        self.is_told = True
        self._wake()
