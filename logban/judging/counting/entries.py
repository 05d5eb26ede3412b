# SPDX-License-Identifier: MIT
"""A subject's failures in the window, as few bytes: of each its time, what was tried, its weight.

They are in the order of their times.  What is asked for each failure is read in as few calls as
can be: all at once and flat, or only the time of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Final

_ENTRY: Final = Struct("<dHH")

SIZE: Final = _ENTRY.size

ENTRY_SHARE: Final = SIZE // 3
"""Bytes of a record for each value that is read of it."""

UNPACK: Final = {number * SIZE: Struct("<" + "dHH" * number).unpack for number in range(17)}
"""What reads a record of so many bytes in one call: nearly everybody has no more failures."""

UNIT: Final = 256
"""The weight 1, as it is kept: sums of whole numbers are exact."""

Entry = tuple[float, int, int]

pack = _ENTRY.pack
_time_at = Struct("<d").unpack_from


def flat(record: bytes) -> tuple[float, ...]:
    """Give time, what was tried and weight of each failure, one behind the other."""
    unpack = UNPACK.get(len(record))
    if unpack is not None:
        return unpack(record)
    return tuple(value for entry in _ENTRY.iter_unpack(record) for value in entry)


def entries_of(record: bytes) -> list[Entry]:
    """Give the failures of a record."""
    return list(_ENTRY.iter_unpack(record))


def record_of(entries: Iterable[Sequence[float]]) -> bytes:
    """Give the record of failures."""
    return b"".join(pack(float(time), int(what), int(weight)) for time, what, weight in entries)


def first(record: bytes) -> float:
    """Give the time of the first failure of a record."""
    return float(_time_at(record)[0])


def last(record: bytes) -> float:
    """Give the time of the last failure of a record."""
    return float(_time_at(record, len(record) - SIZE)[0])


def has(record: bytes, number: int, after: float) -> bool:
    """Tell whether a record has at least so many failures after a time."""
    at = len(record) - number * SIZE
    return at >= 0 and _time_at(record, at)[0] > after
