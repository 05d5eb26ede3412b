# SPDX-License-Identifier: MIT
"""What is known of somebody, in the forms in which others ask for it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import NamedTuple

from logban import nouns
from logban.judging.counting.window import Kept, entries, unpacked, written
from logban.model import Evidence


@dataclass(frozen=True, slots=True)
class Tracked:
    """What is known of one subject: its failures in the order of their times, and their evidence.

    ``weights`` go with ``times``; ``slow`` is the number of failures before those, decayed.
    """

    times: list[float] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    slow: float = 0.0

    @property
    def total(self) -> float:
        """What the failures weigh together."""
        return sum(self.weights)


@nouns.dataclass(frozen=True, slots=True)
class Taken:
    """What a verdict is based on: when there were failures, in order, and the lines of them."""

    times: tuple[float, ...]
    evidence: list[Evidence]


class Noted(NamedTuple):
    """What is known of a subject at a moment; ``str`` writes it down for :meth:`.Tracker.restore`.

    That takes several times as long as to note it, and can be done in another thread.
    """

    known: tuple[Kept, ...] | bytes
    slow: list[float] | None

    def __str__(self) -> str:
        """Write it down."""
        window = unpacked(self.known) if isinstance(self.known, bytes) else self.known
        return json.dumps((list(entries(window)), written(window), self.slow))
