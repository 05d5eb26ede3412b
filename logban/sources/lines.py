# SPDX-License-Identifier: MIT
"""Where the whole lines are in a stretch of bytes."""

from __future__ import annotations

import re

_NULS = re.compile(rb"\0*")


def run_of_lines(data: bytes, start: int = 0) -> tuple[int, int]:
    """Give begin and end of the first run of whole lines at or behind ``start``.

    A line begins at ``start``.  LF alone ends a line.  NULs at the beginning of a line are no part
    of it: a writer without O_APPEND leaves such a hole when its file is truncated.  They lie before
    the run, or end it, so that a run is one piece of the file, byte for byte.  Where there is no
    whole line, begin and end are the same: where the unfinished line begins.
    """
    begin = start
    if data[start : start + 1] == b"\0":
        found = _NULS.match(data, start)
        begin = found.end() if found else start
    end = data.rfind(b"\n", begin) + 1
    if end <= begin:
        return begin, begin
    # Looking for a single byte first is ten times as fast, and hardly ever finds one.
    if data.find(b"\0", begin, end) >= 0:
        broken_at = data.find(b"\n\0", begin, end)
        if broken_at >= 0:
            end = broken_at + 1
    return begin, end
