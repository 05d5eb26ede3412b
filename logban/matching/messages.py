# SPDX-License-Identifier: MIT
"""Messages that may not be over, and what is held back because of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from logban.matching.definition import Quote
from logban.model import Outcome


@dataclass(slots=True, eq=False)
class Window:
    """What may be one message; those of one kind, address and thread are kept as one.

    ``is_whole`` says that the message would be whole if its first line were all of it.
    """

    quote: Quote
    address: str | None
    thread: str | None
    until: int = 0
    is_whole: bool = True
    cuts: deque[int] = field(default_factory=deque)


@dataclass(slots=True, eq=False)
class Held:
    """A failure held back: by which windows, and until where each of them reached then."""

    outcome: Outcome
    thread: str | None
    windows: dict[Window, int]
    needs_thread: bool = False


class Messages(NamedTuple):
    """All of one source, and where its last block ended."""

    end: int
    windows: tuple[Window, ...]
    held: tuple[Held, ...]
