# SPDX-License-Identifier: MIT
"""Lines that look like an attack and matched no rule, counted and sampled.

So an admin learns that an upgrade has changed the messages.  Words of failure and an address make a
line look like one, whether or not any rule knows it.

Lines that differ only in their numbers are one shape, and of each shape the last line is kept.
Under a flood only some of the lines of each second are looked at: what floods in shows there too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from logban.matching.engine.prefilter import Literals
from logban.model import Block

MAX_SHAPES: Final = 50
"""Shapes that are kept; of more, the one seen longest ago is dropped."""

LOOKED_AT: Final = 128 * 1024
AT_ONCE: Final = 16 * 1024
"""Bytes that are looked at in a second: more lines than anything but a flood brings; and of one
block, as that takes half a millisecond."""

MAX_LINE: Final = 500
"""Characters of a line that are kept."""

_NUMBERS = re.compile(r"\b(?=[0-9A-Fa-fx]*[0-9])[0-9A-Fa-fx]+\b")


_WORDS: Final = [
    b"failed", b"failure", b"reject", b"denied", b"wrong password", b"invalid", b"not allowed",
    b"unauthorised", b"unauthorized", b"forbidden", b"unable to authenticate",
    b"unable to set up ssl", b"no matching", b"nonexistent", b"mismatch", b"attack", b"brute",
    b"blocked", b"blocking", b"blacklisted", b"scanner", b"malformed", b"injection",
]  # fmt: skip
_LITERALS: Final = Literals(_WORDS)
_ANY_WORD: Final = re.compile(b"|".join(_WORDS))
_ADDRESS: Final = re.compile(
    rb"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9.])"
    rb"|(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){1,6}::"
)


def suspects(data: bytes) -> Iterator[tuple[int, int]]:
    """Give start and end, without its LF, of each line of a stretch that looks like an attack."""
    lowered = data.lower() + b"\n"
    for start, end in _LITERALS.lines(lowered):
        if _ANY_WORD.search(lowered, start, end) and _ADDRESS.search(data, start, end):
            yield start, end - 1


@dataclass(frozen=True, slots=True)
class Sample:
    """The last line of a shape, how many there were of it, when the last one came."""

    line: str
    source: str
    count: int
    time: float


class Unmatched:
    """What no filter knows of a log."""

    def __init__(self) -> None:
        self.count = 0
        self._second = float("-inf")
        self._left = 0
        self._shapes: dict[str, Sample] = {}

    @classmethod
    def of_all(cls, several: Iterable[Unmatched]) -> Unmatched:
        """Put together what is known of several logs."""
        whole = cls()
        for each in several:
            whole.count += each.count
            for sample in each.samples:
                whole._shapes[f"{sample.source} {sample.line}"] = sample
        return whole

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Give a sample of each shape, the most frequent first."""
        return tuple(sorted(self._shapes.values(), key=lambda sample: -sample.count))

    def look(self, block: Block, matched: Collection[int], now: float) -> None:
        """Look through a block; ``matched`` are the offsets in the file of lines that matched."""
        if not self._second <= now < self._second + 1:
            self._second, self._left = now, LOOKED_AT
        if self._left <= 0:
            return
        end = block.data.rfind(b"\n", 0, min(self._left, AT_ONCE)) + 1
        self._left -= max(1, end)
        # What has matched is not searched: in a flood that is nearly everything.
        start = 0
        known = sorted(each - block.offset for each in matched if each >= block.offset)
        for at in (*known, end):
            if start < at <= end:
                self._look_at(block, start, at, now)
            start = max(start, block.data.find(b"\n", at) + 1)
            if at >= end:
                return

    def _look_at(self, block: Block, start: int, end: int, now: float) -> None:
        """Look at some lines of a block."""
        for begin, behind in suspects(block.data[start:end]):
            self.count += 1
            text = block.data[start + begin : start + min(behind, begin + MAX_LINE)]
            line = text.decode("utf-8", "replace")
            shape = _NUMBERS.sub("#", line)
            known = self._shapes.pop(shape, None) or Sample(line, block.source, 0, now)
            self._shapes[shape] = replace(known, line=line, count=known.count + 1, time=now)
            if len(self._shapes) > MAX_SHAPES:
                del self._shapes[next(iter(self._shapes))]
