# SPDX-License-Identifier: MIT
"""Who asks, again and again, whether anybody is there.

Carriers and monitors do so day and night, with the same name or the same few; a scan goes on to
others all the time.
"""

from __future__ import annotations

from typing import Final

from logban.judging.surplus import surplus

MAX_PLACES: Final = 10_000

NAMES: Final = 4
"""Names by which a place may ask in turn: several monitors behind one address."""


class Probes:
    """The names that each place asked for last; of too many places, the quietest is forgotten."""

    def __init__(self, max_places: int = MAX_PLACES) -> None:
        self._max_places = max_places
        self._names: dict[str, tuple[str, ...]] = {}

    def is_other(self, place: str, name: str) -> bool:
        """Tell whether a place asks for another name than the last times, and remember it."""
        names = self._names.pop(place, ())
        is_known = name in names
        self._names[place] = names if is_known else (*names, name)[-NAMES:]
        for quietest in surplus(self._names, self._max_places):
            del self._names[quietest]
        return bool(names) and not is_known
