# SPDX-License-Identifier: MIT
"""Failures and successes that are held back because of messages that may not be over."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from logban.matching.messages import Window
from logban.model import Outcome

MAX_HELD: Final = 1024
"""Failures of one source that are held back; beyond that the oldest is given up as doubtful."""


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


class HeldBack:
    """What is held back of one source, until it is believed or given up as doubtful."""

    def __init__(self) -> None:
        self.doubtful = 0
        """How much has been given up."""
        self._held: deque[Held] = deque()
        self._twice: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Held]:
        return iter(self._held)

    def hold(self, held: Held) -> None:
        """Hold something back."""
        if len(self._held) >= MAX_HELD:
            self._give_up([self._held[0]])
        self._held.append(held)

    def take_up(self, held: Iterable[Held]) -> None:
        """Go on with what an earlier process held back."""
        self._held.extend(held)

    def give_up_all(self) -> None:
        """Give up all that is held back."""
        self._give_up(self._held)

    def end(self, ended: Collection[Window], at: int) -> None:
        """Give up what stands in messages that may have their end in a line."""
        self._give_up(held for held in self._held if any(held.end(window) > at for window in ended))

    def cut(self, window: Window, at: int) -> None:
        """Give up what stands in a message that was cut somewhere."""
        self._give_up(
            held for held in self._held if held.end(window) >= at and held.outcome.offset < at
        )

    def came_before(self, outcome: Outcome, wrapping: int) -> bool:
        """Tell whether a line came before in a message that is written twice; give that up too."""
        text = _unwrapped(outcome.line, wrapping)
        if text not in self._twice:
            self._twice[text] = None
            if len(self._twice) > MAX_HELD:
                del self._twice[next(iter(self._twice))]
            return False
        self._give_up(
            held for held in self._held if _unwrapped(held.outcome.line, wrapping) == text
        )
        return True

    def forget_twice(self) -> None:
        """Forget the lines of messages that are written twice: none is open."""
        self._twice.clear()

    def learn(self, thread: str) -> list[Outcome]:
        """Give what was held back for want of a thread that is now known."""
        return self._release(held for held in self._held if held.thread == thread)

    def close(self, is_over: Callable[[Window, int], bool]) -> list[Outcome]:
        """Give what is believed once some messages are over, as told by where each ends."""
        free = []
        for held in self._held:
            for window in list(held.windows):
                if is_over(window, held.end(window)):
                    del held.windows[window]
                    quote = window.quote
                    held.needs_thread |= quote.end is None and not quote.twice
            if not held.windows and not held.needs_thread:
                free.append(held)
        return self._release(free)

    def _release(self, those: Iterable[Held]) -> list[Outcome]:
        free = set(those)
        if not free:
            return []
        believed = [held.outcome for held in self._held if held in free]
        self._held = deque(held for held in self._held if held not in free)
        return believed

    def _give_up(self, those: Iterable[Held]) -> None:
        self.doubtful += len(self._release(those))


def _unwrapped(line: str, wrapping: int) -> str:
    """Give a line without what a container's runtime wrote in front of it, if it did."""
    return line[line.find(" ") + wrapping :] if wrapping else line
