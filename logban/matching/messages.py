# SPDX-License-Identifier: MIT
"""Messages that may not be over: where each began, and what it may reach.

One that is written in a container grows by what the runtime puts in front of its lines.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from logban.matching.definition import Quote

_LF: Final = 0x0A

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


class Windows:
    """The messages of one source that may not be over."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str | None, str | None, int | None], Window] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Window]:
        return iter(self._open.values())

    def clear(self) -> None:
        """Forget all."""
        self._open.clear()

    def take_up(self, windows: Iterable[Window]) -> None:
        """Go on with those of an earlier process."""
        for number, window in enumerate(windows, 1):
            # Several of a kind, address and thread may have been open in a container's log.
            self._open[window.quote.name, window.address, window.thread, -number] = window

    def open(
        self, opened: Opened, thread: str | None, start: int, block: tuple[bytes, int]
    ) -> Window:
        """Open the window of a message that begins somewhere; ``block``: its data and its offset.

        Those of one kind, address and thread are one, but for a container's.
        """
        quote = opened.quote
        # What a runtime writes between the lines of a message is not known before it is seen.
        number = start if opened.wrapping else None
        key = (quote.name, opened.address, thread, number)
        window = self._open.get(key)
        if window is None:
            window = self._open[key] = Window(quote, opened.address, thread)
        window.until = start + quote.size * (2 if quote.twice else 1)
        if opened.wrapping:
            window.wrap(start, opened.wrapping, *block)
        elif quote.cut:
            window.cuts.append(window.until)
        return window

    def close(self, is_over: Callable[[Window, int], bool]) -> None:
        """Close those that are over, as told by where each ends."""
        for key, window in list(self._open.items()):
            if is_over(window, window.until):
                del self._open[key]

    def grow(self, data: bytes, offset: int, reached: int) -> Iterator[tuple[Window, int]]:
        """Take in what is known of a block, and give where messages were cut before ``reached``.

        The program cuts one that is too long, and then it has not the end that it should.  Only
        a place just behind a line break of the peer's matters.
        """
        for window in self:
            is_cut = window.wrapping and window.grow(data, offset)
            if is_cut and window.quote.cut and window.until <= reached:
                yield window, window.until
            while window.cuts and window.cuts[0] <= reached:
                cut = window.cuts.popleft()
                index = cut - 1 - offset
                if index >= 0 and data[index] == _LF:
                    yield window, cut
