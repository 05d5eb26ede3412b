# SPDX-License-Identifier: MIT
"""The threads whose numbers a source's lines name, and whether these numbers tell anything.

A server has few threads at a time, so that most lines name one that was seen a moment ago.  Where
that is not so (another program's log, numbers put on at random), an unknown number says nothing
about who wrote a line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

MAX_THREADS: Final = 4096
"""Threads that are remembered; the one longest unseen is forgotten first."""

AT_A_TIME: Final = 64
"""Threads that a server's lines name within a short while, at the most."""

LATELY: Final = 256
ENOUGH: Final = 8
"""Lines by which it is judged whether the numbers tell anything, and how few will do."""

MAX_PASSED: Final = 16384
"""Lines whose threads are noted and not yet thought about."""

USUAL: Final = 0.4
"""The share of lines whose thread was seen a moment ago from which on the numbers are a server's.

A new thread for every connection that logs two lines, as Asterisk's manager has, gives a half.
"""


class Threads:
    """Remembers threads, and whether they come again."""

    def __init__(self) -> None:
        self._known: dict[str, None] = {}
        self._recent: dict[str, None] = {}
        self._again: deque[bool] = deque(maxlen=LATELY)
        self._passed: list[str] = []

    def __contains__(self, thread: str | None) -> bool:
        return thread in self._known

    def has_all(self, threads: Iterable[str]) -> bool:
        """Tell whether all of these are known."""
        return self._known.keys() >= set(threads)

    def unknown_of(self, threads: Iterable[str]) -> set[str]:
        """Give those of some threads that are not known."""
        return set(threads).difference(self._known)

    def have_no_room_for(self, new: int) -> bool:
        """Tell whether threads would have to be forgotten for so many new ones."""
        return len(self._known) + new > MAX_THREADS

    def __iter__(self) -> Iterator[str]:
        self._catch_up()
        return iter(self._known)

    def pass_by(self, threads: Iterable[str]) -> None:
        """Note lines of threads that are all known; the same as learning each of them."""
        self._passed += threads
        if len(self._passed) > MAX_PASSED:
            self._catch_up()

    def welcome(self, thread: str) -> None:
        """Know a thread from now on; the same as learning it, put off as far as that can be."""
        if len(self._known) < MAX_THREADS:
            self._known[thread] = None
            self.pass_by((thread,))
        else:
            self.learn(thread)

    def _catch_up(self) -> None:
        """Do what has been put off: what comes of many lines depends on few of them."""
        if not self._passed:
            return
        passed, self._passed = self._passed, []
        for thread in reversed(dict.fromkeys(reversed(passed))):
            _touch(self._known, thread, MAX_THREADS)
        early = passed[:-LATELY]
        for thread in [*dict.fromkeys(reversed(early))][:AT_A_TIME][::-1]:
            _touch(self._recent, thread, AT_A_TIME)
        for thread in passed[-LATELY:]:
            self._again.append(thread in self._recent)
            _touch(self._recent, thread, AT_A_TIME)

    def learn(self, thread: str) -> bool:
        """Remember a thread; tell whether it is new."""
        self._catch_up()
        self._again.append(thread in self._recent)
        _touch(self._recent, thread, AT_A_TIME)
        is_new = thread not in self._known
        _touch(self._known, thread, MAX_THREADS)
        return is_new

    @property
    def are_telling(self) -> bool:
        """Tell whether enough lines have shown that the numbers are those of a server's threads."""
        self._catch_up()
        return len(self._again) >= ENOUGH and sum(self._again) >= USUAL * len(self._again)


def _touch(threads: dict[str, None], thread: str, most: int) -> None:
    threads.pop(thread, None)
    threads[thread] = None
    if len(threads) > most:
        del threads[next(iter(threads))]
