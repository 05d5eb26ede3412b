# SPDX-License-Identifier: MIT
"""A block on its way through the engine, with the reference at its side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from logban.matching.quotes import SeenLine
from logban.matching.remembered import Remembered
from logban.model import Block, Outcome


class Reference(Protocol):
    """The reference matcher, as far as the engine needs it."""

    is_guarded: bool
    longest_message: int

    def match_from(self, block: Block, source: Remembered, begin: int, now: float) -> list[Outcome]:
        """Give what is in a block from a line's beginning on."""
        ...

    def match_line(
        self, block: Block, source: Remembered, start: int, end: int, now: float
    ) -> list[Outcome]:
        """Give what a line of a block says, or makes believable."""
        ...

    def asked_first(self, data: bytes) -> tuple[bytes, ...]:
        """Give texts of which every line that matters holds one; () if there are none.

        Which these are depends on the log, of which ``data`` may be taken for a sample.
        """
        ...

    def as_seen(self, line: bytes, place: tuple[int, str], now: float) -> SeenLine:
        """Give a line as the guard sees it, but for what it says of somebody.

        ``place`` is where it begins, and the thread that it names.
        """
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """A block on its way through the engine, and what is known of its source.

    ``lines`` are the begins and ends of those that may matter, where they have been found already.
    """

    reference: Reference
    block: Block
    source: Remembered
    now: float
    lines: Sequence[tuple[int, int]] | None = None

    def is_holding(self) -> bool:
        """Tell whether something is held back, so that every line matters."""
        return self.source.guard.is_holding

    def line(self, start: int, end: int) -> list[Outcome]:
        """Have the reference take a line."""
        return self.reference.match_line(self.block, self.source, start, end, self.now)

    def seen(self, line: bytes, start: int, thread: str) -> SeenLine:
        """Give a line as the guard sees it; ``start`` is where it begins in the block."""
        return self.reference.as_seen(line, (self.block.offset + start, thread), self.now)

    def offset_behind(self, start: int) -> int:
        """Give the offset behind any message that begins there."""
        return self.block.offset + start + self.reference.longest_message

    def rest(self, start: int) -> list[Outcome]:
        """Have the reference take the rest of the block."""
        return self.reference.match_from(self.block, self.source, start, self.now)
