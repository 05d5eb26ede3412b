# SPDX-License-Identifier: MIT
"""Keeping the numbering plans true that come from Asterisk (``extensions = ami``).

The manager interface is asked at start, at a reload and every few minutes, in a thread.  While it
gives no answer, the extensions known last hold.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from logban.clock import Clock
from logban.config.server.manager_login import read_login
from logban.judging.judge import Judge
from logban.running.extensions_ami import extensions_of
from logban.supervision import sleep_until

log = logging.getLogger(__name__)

AGAIN_AFTER: Final = 60.0
"""Seconds after which a manager interface that gave no answer is asked again, at the latest."""

Ask = Callable[[Path], frozenset[str]]
"""Asks, by the login in a file; OSError or ValueError with a sentence if that fails."""


def ask(path: Path) -> frozenset[str]:
    """Ask the manager interface that a file names; blocks for some time."""
    login = read_login(path)
    return extensions_of(login.host, login.port, login.user, login.secret)


class Numbering:
    """Brings the extensions that Asterisk has to the jails that go by them."""

    def __init__(self, clock: Clock, judges: Callable[[], Iterable[Judge]], ask: Ask = ask) -> None:
        """``judges`` gives the jails' judges as they are now."""
        self.problem = ""
        self.known: frozenset[str] | None = None
        self.asked: float | None = None
        """The extensions known last, and when they were told."""
        self._clock = clock
        self._judges = judges
        self._ask = ask
        self._path: Path | None = None
        self._every = AGAIN_AFTER
        self._due = float("-inf")
        self._changed = asyncio.Event()

    def configure(self, path: Path | None, every: float) -> None:
        """Go by this login from now on, and ask at once; the jails may be others than before."""
        if path != self._path:
            self.known = self.asked = None
        self._path, self._every = path, every
        self._due = float("-inf")
        self._changed.set()
        self._hand_on()

    async def run(self) -> None:
        """Ask again and again, until cancelled."""
        while True:
            self._changed.clear()
            if self._clock.steady() >= self._due:
                await self._look()
            wait = max(0.0, self._due - self._clock.steady())
            await sleep_until(self._clock, self._clock.now() + wait, self._changed)

    async def _look(self) -> None:
        """Ask, if there is whom to ask and somebody wants to know; say when to ask again."""
        path, every = self._path, self._every
        self._due = self._clock.steady() + every
        if path is None or not any(judge.asks_for_extensions for judge in self._judges()):
            self.problem = ""
            return
        try:
            found = await asyncio.to_thread(self._ask, path)
        except (OSError, ValueError) as error:
            self._due = self._clock.steady() + min(every, AGAIN_AFTER)
            self._say(f"the extensions can't be asked for: {_sentence(error)}; {self._meanwhile()}")
            return
        if path != self._path:
            return  # by another login than is written now
        self._say("")
        self.asked = self._clock.now()
        if found != self.known:
            log.info("Asterisk has %d extensions", len(found))
            self.known = found
            self._hand_on()

    def _hand_on(self) -> None:
        for judge in self._judges():
            if judge.asks_for_extensions:
                judge.set_extensions(self.known or frozenset())

    def _meanwhile(self) -> str:
        if self.known is None:
            return "until it answers, only what is written in the jail is known"
        return f"the {len(self.known)} known last hold"

    def _say(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            log.warning("%s", problem or "the extensions can be asked for again")


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)
