# SPDX-License-Identifier: MIT
"""Where in a big file the lines begin that are not too old to matter.

A log that nobody has read yet may hold weeks.  Its lines are in the order of their times, or
nearly: whoever says which are old leaves room for a clock that was set back.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

IsOld = Callable[[bytes], bool | None]
"""Tells of a line whether nothing as old as that matters; None if the line does not say."""

WORTH_SEARCHING: Final = 4 * 1024 * 1024
"""Bytes of a file below which it is simply read."""

NEAR: Final = 1024 * 1024
"""Bytes to which the place is narrowed down."""

_LOOKED_AT: Final = 64 * 1024
_LINES: Final = 100


def recent_offset(descriptor: int, size: int, is_old: IsOld) -> int:
    """Give the beginning of a line before which all are old, by what some of them say.

    0 if that can't be told.  Raises OSError.
    """
    low, high = 0, size
    while high - low > max(NEAR, WORTH_SEARCHING if low == 0 else 0):
        middle = (low + high) // 2
        old_line = _old_line_at(descriptor, middle, is_old)
        if old_line is None or old_line >= high:
            high = middle
        else:
            low = old_line
    return low


def _old_line_at(descriptor: int, offset: int, is_old: IsOld) -> int | None:
    """Give where the first line behind ``offset`` that tells its age begins, if that is old."""
    data = os.pread(descriptor, _LOOKED_AT, offset)
    start = data.find(b"\n") + 1
    for _ in range(_LINES):
        end = data.find(b"\n", start) if start else -1
        if end < 0:
            return None
        old = is_old(data[start:end])
        if old is not None:
            return offset + start if old else None
        start = end + 1
    return None
