# SPDX-License-Identifier: MIT
"""Messages that may not be over, and what is held back because of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from logban.matching.definition import Quote
from logban.model import Outcome

LONGEST_DATE: Final = 40
"""Bytes that a container's runtime writes as a date, and more."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a line begins: a message that may hold more lines, and the address that it names.

    ``wrapping`` is how many characters a container's runtime wrote behind its date; 0: none did.
    """

    quote: Quote
    address: str | None
    wrapping: int = 0


@dataclass(slots=True, eq=False)
class Window:
    """What may be one message; those of one kind, address and thread are kept as one.

    ``is_whole`` says that the message would be whole if its first line were all of it.
    ``wrapping`` is not 0 where a container's runtime writes in front of each line: a date, and so
    many characters behind it.  The window is then of one message, and grows by what is written in
    front of the lines in it; ``seen`` is how far these are known.
    """

    quote: Quote
    address: str | None
    thread: str | None
    until: int = 0
    is_whole: bool = True
    cuts: deque[int] = field(default_factory=deque)
    wrapping: int = 0
    seen: int = 0

    @property
    def latest(self) -> int:
        """Where the message is over at the latest, for whoever won't see its lines."""
        return self.until + (self.quote.longest if self.wrapping else 0)

    def wrap(self, start: int, wrapping: int, data: bytes, offset: int) -> None:
        """Begin to grow by what a runtime writes in front, from a block or from one before it."""
        if start < offset:  # nothing of it can be seen any more
            self.until = start + self.quote.longest * (2 if self.quote.twice else 1)
            return
        self.wrapping, self.seen = wrapping, start
        self.until += self.front(data, start - offset)
        self.grow(data, offset)

    def grow(self, data: bytes, offset: int) -> bool:
        """Take in what the runtime wrote in front of the lines of a block.

        Tell whether the message, if it is too long, was cut behind a line break.
        """
        while self.seen <= self.until:
            is_next = self.seen == offset - 1  # the block before this one ended with a line
            begin = 0 if is_next else self._line_behind(data, offset)
            if not (begin or is_next):
                return False
            if offset + begin == self.until:
                return True
            if begin == len(data):
                self.seen = offset + begin - 1  # the line is in the next block
                return False
            front = self.front(data, begin)
            self.until += front
            self.seen = offset + begin + front
        return False

    def front(self, data: bytes, begin: int) -> int:
        """Give how much of a line the runtime wrote in front."""
        blank = data.find(b" ", begin, begin + LONGEST_DATE)
        return 0 if blank < 0 else blank - begin + self.wrapping

    def _line_behind(self, data: bytes, offset: int) -> int:
        """Give where the next line of the window begins in a block; 0 if none does in this one."""
        if self.seen < offset:
            return 0
        return data.find(b"\n", self.seen - offset, self.until - offset) + 1


@dataclass(slots=True, eq=False)
class Held:
    """A failure held back: by which windows, and until where each of them reached then."""

    outcome: Outcome
    thread: str | None
    windows: dict[Window, int]
    needs_thread: bool = False

    def end(self, window: Window) -> int:
        """Give where the message is over of which this may be a part; 0 if it is none of it."""
        until = self.windows.get(window, 0)
        return window.until if until and window.wrapping else until


class Messages(NamedTuple):
    """All of one source, and where its last block ended."""

    end: int
    windows: tuple[Window, ...]
    held: tuple[Held, ...]


def unwrapped(line: str, wrapping: int) -> str:
    """Give a line without what a container's runtime wrote in front of it, if it did."""
    return line[line.find(" ") + wrapping :] if wrapping else line
