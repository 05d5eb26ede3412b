# SPDX-License-Identifier: MIT
"""The host's time of day, which may be set while the daemon runs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from logban.clock import Clock
from logban.durations import format_duration

log = logging.getLogger("logban.daemon")

STEP: Final = 5.0
"""Seconds by which the host's clock has to be set at once for it to be noticed."""


class HostTime:
    """Gives the time of day, and notices that it goes another way than the steady one."""

    def __init__(
        self,
        clock: Clock,
        set_back: Callable[[float], None],
        was_set: Callable[[], None],
    ) -> None:
        """Call ``set_back`` with the time where it was set back, ``was_set`` wherever it was."""
        self._clock = clock
        self._set_back = set_back
        self._was_set = was_set
        self._ahead = clock.now() - clock.steady()

    def now(self) -> float:
        """Give the time of day, once whoever has to know of a step has been told."""
        now = self._clock.now()
        ahead, before = now - self._clock.steady(), self._ahead
        self._ahead = ahead
        if abs(ahead - before) > STEP:
            way = "forward" if ahead > before else "back"
            span = format_duration(abs(ahead - before))
            log.warning("the host's clock went %s by %s; bans keep their ends", way, span)
            if ahead < before:
                self._set_back(now)
            self._was_set()
        return now
