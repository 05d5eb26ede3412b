# SPDX-License-Identifier: MIT
"""The rungs of the ladder: which of the engines this host has."""

from __future__ import annotations

from enum import StrEnum
from importlib.util import find_spec

from logban.matching.engine.pcre2 import library


class Rung(StrEnum):
    """How lines are matched, the fastest way first; all ways give the same."""

    FULL = "full"
    PCRE2 = "pcre2"
    REFERENCE = "reference"


def best_rung() -> Rung:
    """Give the fastest rung that this host has."""
    if library() is None:
        return Rung.REFERENCE
    return Rung.FULL if find_spec("ahocorasick_rs") else Rung.PCRE2
