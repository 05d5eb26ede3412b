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


def suspects(data: bytes) -> Iterator[tuple[int, int]]:
    """Give start and end of each line of a block that looks like an attack."""
    position = 0
    while (word := _WORDS.search(data, position)) is not None:
        start = data.rfind(b"\n", 0, word.start()) + 1
        end = data.find(b"\n", word.end())
        if end < 0:
            end = len(data)
        if _ADDRESS.search(data, start, end):
            yield start, end
        position = end + 1
