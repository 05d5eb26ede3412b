# SPDX-License-Identifier: MIT
"""Ends of htable entries, which Kamailio tells as local time without a zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

NEVER: Final = "NEVER"
_QUARTER: Final = 900.0  # offsets from UTC are whole quarters of an hour


class Ends:
    """Reads ends; told once what Kamailio's clock shows, for its zone may not be this host's."""

    def __init__(self) -> None:
        self._zone: timezone | None = None

    def calibrate(self, text: str, end: float) -> None:
        """Learn Kamailio's zone from an entry whose end is known; ValueError if it tells none."""
        shown = _shown(text)
        if any(abs(each - end) < _QUARTER / 2 for each in _of_this_host(shown)):
            self._zone = None
            return
        offset = shown.replace(tzinfo=UTC).timestamp() - end
        quarters = round(offset / _QUARTER)
        if abs(offset - quarters * _QUARTER) > 60 or abs(quarters) > 60:
            raise ValueError(f"its clock shows {text} for {datetime.fromtimestamp(end, UTC)}")
        self._zone = timezone(timedelta(seconds=quarters * _QUARTER))

    def read(self, text: str, expected: float | None = None) -> float | None:
        """Give the end that a text means, None for never; ValueError if it means none.

        An hour that a clock shows twice a year is taken for the one nearer to ``expected``.
        """
        if text == NEVER:
            return None
        shown = _shown(text)
        if self._zone is not None:
            return shown.replace(tzinfo=self._zone).timestamp()
        return min(_of_this_host(shown), key=lambda end: abs(end - (expected or end)))


def _shown(text: str) -> datetime:
    shown = datetime.fromisoformat(text).replace(tzinfo=None)
    if not 1980 < shown.year < 3000:
        raise ValueError(f"{text!r} is no end of an entry")
    return shown


def _of_this_host(shown: datetime) -> Iterator[float]:
    return (shown.replace(fold=fold).timestamp() for fold in (0, 1))
