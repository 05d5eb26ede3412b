# SPDX-License-Identifier: MIT
"""Wide networks, /48s of IPv6, from whose /56s many offend.

Whoever rents a host or a tunnel is given a /48, and can take another /64 of it for each try.  But
a /48 of an access provider's may be 256 households with a /56 each.  Of these, hardly any offends
from several networks of 64 bits, and never do many offend and none of the 256 get in.  So a /56
that offends counts once, one from which several /64s do as ``SEVERAL``, and where no log tells who
gets in only the latter.

A carrier's telephone with an old password takes another /64 as it moves, and has one name: what
fails with the name that failed last in the /48, and not soon after that, does not count.
"""

from __future__ import annotations

from typing import Final

from logban.judging.scrutiny.networks import Networks
from logban.judging.surplus import shed

SEVERAL: Final = 5
"""What a /56 counts from which several /64s offend."""

MAX_WIDE: Final = 5_000

ON_THE_MOVE: Final = 120.0
"""Seconds that a telephone stays in a network at the least."""

_NOBODY: Final = (0, float("-inf"))


class WideNetworks:
    """Which /56s of each /48 have offended lately, and which of them from several /64s."""

    def __init__(self, findtime: float, max_networks: int = MAX_WIDE) -> None:
        self._any = Networks(findtime, max_networks)
        self._several = Networks(findtime, max_networks)
        self._findtime = findtime
        self._max_networks = max_networks
        self._last: dict[str, tuple[int, float]] = {}

    def __len__(self) -> int:
        return len(self._any)

    @property
    def dropped(self) -> int:
        """How many were forgotten because there were too many."""
        return self._any.dropped + self._several.dropped

    def add(self, wide: str, part: int, time: float, places: int, what: int) -> None:
        """Note that so many places of a /56 have offended; ``what`` stands for the last's name."""
        before, at = self._last.pop(wide, _NOBODY)
        self._last[wide] = (what, time)
        if len(self._last) > self._max_networks:
            shed(self._last, self._max_networks)
        if what and what == before and time - at >= ON_THE_MOVE:
            return
        self._any.add(wide, part, time)
        if places > 1:
            self._several.add(wide, part, time)

    def count(self, wide: str, time: float, *, sees_users: bool) -> int:
        """Give what the /56s of a network come to; ``sees_users`` where a log tells who gets in."""
        several = self._several.count(wide, time)
        if not sees_users:
            return SEVERAL * several
        return self._any.count(wide, time) + (SEVERAL - 1) * several

    def forgive(self, wide: str, part: int, places: int) -> None:
        """Take back what a /56 counted for, of which so many places have offended still."""
        if places < 1:
            self._any.forgive(wide, part)
        if places <= 1:
            self._several.forgive(wide, part)

    def forget(self, wide: str) -> None:
        """Let a network start again."""
        self._any.forget(wide)
        self._several.forget(wide)

    def take_over(self, earlier: WideNetworks) -> None:
        """Go on where another one stops."""
        self._any.take_over(earlier._any)
        self._several.take_over(earlier._several)

    def restore(self, wide: str, text: str) -> None:
        """Take up what an earlier run wrote down of a network."""
        of_any, of_several = text.split("|")
        self._any.restore(wide, of_any)
        if of_several:
            self._several.restore(wide, of_several)

    def take_dirty(self) -> dict[str, str | None]:
        """Give what has changed since the last call, written down; None for what is gone."""
        changed = self._any.take_dirty().keys() | self._several.take_dirty().keys()
        written: dict[str, str | None] = {}
        for wide in changed:
            of_any = self._any.written(wide)
            of_several = self._several.written(wide) or ""
            written[wide] = None if of_any is None else f"{of_any}|{of_several}"
        return written

    def bring_back(self, now: float) -> None:
        """Go on though the clock was set back: what began since began now."""
        self._last.clear()
        self._any.bring_back(now)
        self._several.bring_back(now)

    def tidy(self, now: float) -> None:
        """Forget the networks from which nothing has come for long."""
        self._last = {
            wide: last for wide, last in self._last.items() if now - last[1] < self._findtime
        }
        self._any.tidy(now)
        self._several.tidy(now)
