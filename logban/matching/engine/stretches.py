# SPDX-License-Identifier: MIT
"""Which lines of a block the engine searches together, and which it leaves to the reference.

Left alone are lines that are doubtful (see ``doubts``), and those that are very long.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from logban.matching.engine.doubts import Doubts
from logban.matching.engine.written import LONG

# From one line's beginning on, all lines that end within that length are one step: ``.`` is no loop
# here, and the end of the last one is looked for backwards.
_NOT_LONG: Final = re.compile(rb"(?s:.{0,%d}\n)*+" % (LONG - 1))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Lines of a block: all of them from ``start`` to ``end``, or those chosen.

    ``text`` are the lines.  If they were chosen, ``begins`` says where each begins in the text, and
    ``origins`` where in the block.  ``is_plain`` says that they are for the engine.
    """

    text: bytes
    start: int
    end: int
    is_plain: bool = True
    begins: Sequence[int] = ()
    origins: Sequence[int] = ()

    def origin(self, at: int) -> int:
        """Give where in the block a line begins, by where it begins in the text."""
        if not self.begins:
            return self.start + at
        number = bisect_right(self.begins, at) - 1
        return self.origins[number] + at - self.begins[number]

    def cut(self, at: int) -> tuple[Stretch, Stretch]:
        """Cut it in two, where a line begins in the text."""
        middle = self.origin(at)
        if not self.begins:
            return (
                Stretch(self.text[:at], self.start, middle),
                Stretch(self.text[at:], middle, self.end),
            )
        number = bisect_right(self.begins, at) - 1
        rest = [begin - at for begin in self.begins[number:]]
        return (
            Stretch(
                self.text[:at], self.start, middle, begins=self.begins[:number],
                origins=self.origins[:number],
            ),
            Stretch(self.text[at:], middle, self.end, begins=rest, origins=self.origins[number:]),
        )  # fmt: skip

    def halves(self) -> tuple[Stretch, ...]:
        """Cut it in two, about in the middle; a single line is left to the reference."""
        at = self.text.rfind(b"\n", 0, len(self.text) // 2) + 1 or self.text.find(b"\n") + 1
        if at >= len(self.text):
            start = self.origin(0)
            return (Stretch(self.text, start, start + len(self.text), is_plain=False),)
        return self.cut(at)


class Stretches:
    """Takes blocks apart."""

    def __init__(self, doubts: Doubts) -> None:
        """Leave the doubtful lines to the reference."""
        self._doubts = doubts

    def of_block(self, data: bytes) -> Iterator[Stretch]:
        """Give all lines of a block."""
        done = 0
        for start, end in self._left_alone(data):
            if start > done:
                yield Stretch(data[done:start], done, start)
            yield Stretch(data[start:end], start, end, is_plain=False)
            done = end
        if done < len(data):
            yield Stretch(data[done:] if done else data, done, len(data))

    def of_lines(self, data: bytes, spans: Sequence[tuple[int, int]]) -> Iterator[Stretch]:
        """Give chosen lines of a block, by where they begin and end (behind their LF)."""
        lines = [data[start:end] for start, end in spans]
        begins = list(accumulate(map(len, lines), initial=0))
        text = b"".join(lines)
        doubted = {bisect_right(begins, at) - 1 for at in self._doubts.places(text)}
        if max(map(len, lines), default=0) > LONG:
            doubted.update(number for number, line in enumerate(lines) if len(line) > LONG)
        if not doubted and spans:
            origins = [start for start, _ in spans]
            yield Stretch(text, origins[0], spans[-1][1], begins=begins, origins=origins)
            return
        plain = 0
        for number in (*sorted(doubted), len(lines)):
            if number > plain:
                yield _chosen(lines[plain:number], spans[plain:number])
            if number < len(lines):
                yield Stretch(lines[number], *spans[number], is_plain=False)
            plain = number + 1

    def _left_alone(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Give start and end, LF included, of the lines that are not for the engine."""
        places = self._doubts.places(data)
        number, long, done = 0, _long_line(data, 0), 0
        while number < len(places) or long < len(data):
            doubted = places[number] if number < len(places) else len(data)
            at = min(doubted, long)
            start, end = data.rfind(b"\n", done, at) + 1 or done, data.find(b"\n", at) + 1
            if start <= doubted < end or end - start > LONG:
                yield start, end
            done = end
            number = bisect_left(places, end)
            if long < end:
                long = _long_line(data, end)


def _chosen(lines: Sequence[bytes], spans: Sequence[tuple[int, int]]) -> Stretch:
    begins = list(accumulate(map(len, lines), initial=0))
    origins = [start for start, _ in spans]
    return Stretch(b"".join(lines), origins[0], spans[-1][1], begins=begins, origins=origins)


def _long_line(data: bytes, start: int) -> int:
    """Give where the next line begins that is longer than lines are; the data's end if none is."""
    passed = _NOT_LONG.match(data, start)
    assert passed is not None  # noqa: S101  # it may match nothing, so it matches
    return passed.end()
