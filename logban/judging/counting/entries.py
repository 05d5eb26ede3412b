# SPDX-License-Identifier: MIT
"""A subject's failures as few bytes: of each its time, what was tried, its weight.

They are in the order of their times.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Final

_ENTRY: Final = Struct("<dHH")

SIZE: Final = _ENTRY.size

UNIT: Final = 256
"""The weight 1, as it is kept: sums of whole numbers are exact."""

Entry = tuple[float, int, int]

_time_at = Struct("<d").unpack_from


def entries_of(record: bytes) -> list[Entry]:
    """Give the failures of a record."""
    return list(_ENTRY.iter_unpack(record))


def record_of(entries: Iterable[Sequence[float]]) -> bytes:
    """Give the record of failures."""
    return b"".join(
        _ENTRY.pack(float(time), int(what), int(weight)) for time, what, weight in entries
    )


def last(record: bytes) -> float:
    """Give the time of the last failure of a record."""
    return float(_time_at(record, len(record) - SIZE)[0])
