# SPDX-License-Identifier: MIT
"""What has to be remembered of the lines of one source."""

from __future__ import annotations

from dataclasses import dataclass, field

from logban.matching.hearsay import Hearsay
from logban.matching.multiline import LineBuffer
from logban.matching.quotes import QuoteGuard
from logban.matching.sessions import Sessions


@dataclass(slots=True)
class Remembered:
    """The lines, messages, tales and connections of a source that are not over."""

    buffer: LineBuffer
    guard: QuoteGuard = field(default_factory=QuoteGuard)
    hearsay: Hearsay = field(default_factory=Hearsay)
    sessions: Sessions = field(default_factory=Sessions)
