# SPDX-License-Identifier: MIT
"""Lines that look like an attack, whether or not any rule knows them: words of failure, an address.

This is how an admin learns that an upgrade has changed the messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from logban.matching.engine.prefilter import Literals

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
