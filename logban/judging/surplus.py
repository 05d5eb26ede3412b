# SPDX-License-Identifier: MIT
"""What has to go where a table has grown beyond its cap."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def shed(table: dict[K, V], most: int) -> list[K]:
    """Take the surplus of a table away; give whose it was."""
    gone = surplus(table, most)
    for key in gone:
        del table[key]
    return gone


def surplus(table: Collection[K], most: int) -> list[K]:
    """Give the first keys of a table of more than ``most``, and a tenth of all beside those.

    A dict keeps the gaps at its front until it grows, and looks past all of them for its first
    key: to take that away, one at a time, would take the longer the more there are.
    """
    over = len(table) - most
    return list(islice(table, over + most // 10)) if over > 0 else []
