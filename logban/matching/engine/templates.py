# SPDX-License-Identifier: MIT
"""What PCRE2 is asked to make of the captures of each match: as little as will do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from logban.matching.engine.doubts import MARKER
from logban.matching.engine.written import Program

UNUSUAL: Final = b"!"
"""What stands in for a match that is not most often so; see ``usual``."""

_SET: Final = "="
_MARKER: Final = MARKER.decode()


def template(program: Program) -> bytes:
    """Write what is to be given of a match.

    What may be missing, or be there and empty, has a sign in front if it is there.
    """
    parts = ["$*MARK", _all_of(program.thread), _all_of(program.address), _all_of(program.date)]
    for number in program.columns:
        is_signed = number in program.may_be_empty
        parts.append(f"${{{number}:+{_SET}${{{number}}}:}}" if is_signed else f"${{{number}}}")
    for _, numbers in program.prefix_fields.columns:
        parts.append("".join(f"${{{number}:+{_SET}${{{number}}}:}}" for number in numbers))
    return _marked(parts)


def sighting(program: Program) -> bytes:
    """Write what is to be given of a match that is only looked at."""
    return _marked([_all_of(program.thread), _address_in(program)])


def brief(program: Program) -> bytes:
    """Write what is to be given of a match that is only counted."""
    return f"{_all_of(program.thread)}\n{_address_in(program)}\n".encode("ascii")


def usual(program: Program) -> bytes:
    """Write what is to be given of a match that is most often nothing special; "" if unknown."""
    if not program.unusual:
        return b""
    thread = f"{_all_of(program.thread)}\n" if program.thread else ""
    return f"{thread}${{{program.unusual}:+{UNUSUAL.decode()}:}}".encode("ascii")


def _marked(parts: Sequence[str]) -> bytes:
    return "".join(f"{_MARKER}{part}" for part in (*parts, "")).encode("ascii")


def _all_of(numbers: Iterable[int]) -> str:
    return "".join(f"${{{number}}}" for number in numbers)


def _address_in(program: Program) -> str:
    sign = f"${{{program.success}:++:}}" if program.success else ""
    return f"{sign}{_all_of(program.address)}"
