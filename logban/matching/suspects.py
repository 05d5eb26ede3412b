# SPDX-License-Identifier: MIT
"""Lines that look like an attack, whether or not any rule knows them: words of failure, an address.

This is how an admin learns that an upgrade has changed the messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_WORDS: Final = re.compile(
    rb"fail(?:ed|ure)|reject|denied|wrong password|invalid|not allowed|unauthori[sz]ed|forbidden"
    rb"|unable to (?:authenticate|set up ssl)|no matching|nonexistent|mismatch|attack|brute"
    rb"|block(?:ed|ing)|blacklisted|scanner|malformed|injection",
    re.IGNORECASE,
)
_ADDRESS: Final = re.compile(
    rb"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9.])"
    rb"|(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){1,6}::"
)


def suspects(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """Give start and end of each line of a stretch of whole lines that looks like an attack."""
    until = len(data) if end is None else end
    position = start
    while (word := _WORDS.search(data, position, until)) is not None:
        begin = data.rfind(b"\n", start, word.start()) + 1 or start
        behind = data.find(b"\n", word.end(), until)
        if behind < 0:
            behind = until
        if _ADDRESS.search(data, begin, behind):
            yield begin, behind
        position = behind + 1
