# SPDX-License-Identifier: MIT
"""Networks from which many addresses offend: a /24 of IPv4, a /56 of IPv6.

Each has 256 places in it (addresses, or networks of 64 bits), so which of them have offended is
256 bits.  They are kept for one span of time and the one before: an address that offended counts
for at least ``findtime`` and at most twice as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from logban.judging.surplus import shed

MAX_NETWORKS: Final = 20_000


@dataclass(slots=True)
class _Network:
    start: float
    places: int = 0
    before: int = 0


class Networks:
    """Which places of each network have offended lately."""

    def __init__(self, findtime: float, max_networks: int = MAX_NETWORKS) -> None:
        self.dropped = 0
        self._findtime = findtime
        self._max_networks = max_networks
        self._networks: dict[str, _Network] = {}
        self._dirty: set[str] = set()

    def __len__(self) -> int:
        return len(self._networks)

    def add(self, network: str, part: int, time: float) -> int:
        """Note that a part of a network has offended; give how many of them have."""
        known = self._networks.pop(network, None)
        if known is None:
            known = _Network(time)
        elif time - known.start >= self._findtime:
            recent = time - known.start < 2 * self._findtime
            known.before = known.places if recent else 0
            known.places = 0
            known.start = time
        self._networks[network] = known
        known.places |= 1 << part
        self._dirty.add(network)
        if len(self._networks) > self._max_networks:
            gone = shed(self._networks, self._max_networks)
            self._dirty.update(gone)
            self.dropped += len(gone)
        return (known.places | known.before).bit_count()

    def forget(self, network: str) -> None:
        """Let a network start again."""
        if self._networks.pop(network, None) is not None:
            self._dirty.add(network)

    def take_over(self, earlier: Networks) -> None:
        """Go on where another one stops."""
        self._networks.update(earlier._networks)
        self._dirty |= earlier._dirty
        self.dropped = earlier.dropped

    def restore(self, network: str, text: str) -> None:
        """Take up what an earlier run wrote down of a network."""
        start, places, before = text.split(" ")
        self._networks[network] = _Network(float(start), int(places, 16), int(before, 16))

    def take_dirty(self) -> dict[str, str | None]:
        """Give what has changed since the last call, written down; None for what is gone."""
        changed: dict[str, str | None] = {}
        for network in self._dirty:
            known = self._networks.get(network)
            if known is None:
                changed[network] = None
            else:
                changed[network] = f"{known.start!r} {known.places:x} {known.before:x}"
        self._dirty.clear()
        return changed

    def bring_back(self, now: float) -> None:
        """Go on though the clock was set back: what began since began now."""
        for known in self._networks.values():
            known.start = min(known.start, now)

    def tidy(self, now: float) -> None:
        """Forget the networks from which nothing has come for long."""
        old = [
            name
            for name, known in self._networks.items()
            if now - known.start >= 2 * self._findtime
        ]
        for name in old:
            del self._networks[name]
        self._dirty.update(old)
