# SPDX-License-Identifier: MIT
"""The threads whose numbers a source's lines name, and whether these numbers tell anything.

A server has few threads at a time, so that most lines name one that was seen a moment ago.  Where
that is not so (another program's log, numbers put on at random), an unknown number says nothing
about who wrote a line.

Lines come by the ten thousand, so that what is done for each has to be next to nothing: a thread's
last use is known by the *period* of lines it fell into, and what lines tell of the numbers is
thought about when somebody asks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

MAX_THREADS: Final = 4096
"""Threads that are remembered; beyond that, the tenth that is longest unseen is forgotten."""

PERIOD: Final = 8192
"""Lines of a period; of threads last seen in the same one, those known longest go first."""

AT_A_TIME: Final = 64
"""Threads that a server's lines name within a short while, at the most."""

LATELY: Final = 256
ENOUGH: Final = 8
"""Lines by which it is judged whether the numbers tell anything, and how few will do."""

MAX_PASSED: Final = 16384
"""Lines whose threads are noted and not yet thought about."""

_MANY: Final = 1024
"""Lines that, in most logs, name all the threads that are looked for."""

USUAL: Final = 0.4
"""The share of lines whose thread was seen a moment ago from which on the numbers are a server's.

A new thread for every connection that logs two lines, as Asterisk's manager has, gives a half.
"""


class Threads:
    """Remembers threads, and whether they come again."""

    def __init__(self) -> None:
        # With the period in which each was seen last.
        self._known: dict[str, int] = {}
        self._lines = 0
        self._recent: dict[str, None] = {}
        self._again: deque[bool] = deque(maxlen=LATELY)
        self._passed: list[str] = []

    def __contains__(self, thread: str | None) -> bool:
        return thread in self._known

    def unknown_of(self, threads: Iterable[str]) -> set[str]:
        """Give those of some threads that are not known."""
        return set(threads).difference(self._known)

    def have_no_room_for(self, new: int) -> bool:
        """Tell whether threads would have to be forgotten for so many new ones."""
        return len(self._known) + new > MAX_THREADS

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def pass_by(self, threads: Sequence[str]) -> None:
        """Note lines of threads that are all known, or for which there is room.

        The same as learning each of them.
        """
        self._date(threads, self._known)
        self._note(threads)

    def passes_by(self, threads: Sequence[str]) -> bool:
        """Note lines if their threads are all known; tell whether they are."""
        # To copy all takes less than to ask for each: of most lines' threads there is one look-up.
        known = self._known.copy()
        self._date(threads, known)
        if len(known) > len(self._known):
            return False
        self._known = known
        self._note(threads)
        return True

    def _date(self, threads: Sequence[str], known: dict[str, int]) -> None:
        """Write down in which periods these lines come."""
        begin = 0
        while begin < len(threads):
            period, done = divmod(self._lines + begin, PERIOD)
            end = min(begin + PERIOD - done, len(threads))
            known.update(dict.fromkeys(threads[begin:end], period))
            begin = end

    def _note(self, threads: Sequence[str]) -> None:
        self._lines += len(threads)
        self._passed += threads
        if len(self._passed) > MAX_PASSED:
            self._think()

    def learn(self, thread: str) -> bool:
        """Remember a thread; tell whether it is new."""
        is_new = thread not in self._known
        self._known[thread] = self._lines // PERIOD
        self._lines += 1
        if len(self._known) > MAX_THREADS:
            # The sort keeps the order in which they came to be known.
            for oldest in sorted(self._known, key=self._known.__getitem__)[: MAX_THREADS // 10]:
                del self._known[oldest]
        self._passed.append(thread)
        if len(self._passed) > MAX_PASSED:
            self._think()
        return is_new

    @property
    def are_telling(self) -> bool:
        """Tell whether enough lines have shown that the numbers are those of a server's threads."""
        self._think()
        return len(self._again) >= ENOUGH and sum(self._again) >= USUAL * len(self._again)

    def _think(self) -> None:
        """Do what has been put off: what many lines tell depends on few of them."""
        passed, self._passed = self._passed, []
        early = passed[:-LATELY]
        latest = dict.fromkeys(reversed(early[-_MANY:]))
        if len(latest) < AT_A_TIME and len(early) > _MANY:
            latest = dict.fromkeys(reversed(early))
        for thread in [*latest][:AT_A_TIME][::-1]:
            self._touch(thread)
        for thread in passed[-LATELY:]:
            self._again.append(thread in self._recent)
            self._touch(thread)

    def _touch(self, thread: str) -> None:
        self._recent.pop(thread, None)
        self._recent[thread] = None
        if len(self._recent) > AT_A_TIME:
            del self._recent[next(iter(self._recent))]
