# SPDX-License-Identifier: MIT
"""Who asks, again and again, whether anybody is there.

Carriers and monitors do so day and night, with one and the same name; a scan changes the names.
"""

from __future__ import annotations

from typing import Final

from logban.judging.surplus import surplus

MAX_PLACES: Final = 10_000


class Probes:
    """The name that each place asked for last; of too many, the quietest is forgotten."""

    def __init__(self, max_places: int = MAX_PLACES) -> None:
        self._max_places = max_places
        self._last: dict[str, str] = {}

    def is_other(self, place: str, name: str) -> bool:
        """Tell whether a place asks for another name than the last time, and remember it."""
        last = self._last.pop(place, None)
        self._last[place] = name
        for quietest in surplus(self._last, self._max_places):
            del self._last[quietest]
        return last is not None and last != name
