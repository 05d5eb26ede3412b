# SPDX-License-Identifier: MIT
"""Networks from which many addresses offend: a /24 of IPv4, a /56 of IPv6.

Each has 256 places in it (addresses, or networks of 64 bits), so which of them have offended is
256 bits.  They are kept for one span of time and the one before: an address that offended counts
for at least ``findtime`` and at most twice as long.
"""

from __future__ import annotations

from typing import Final

from logban.judging.surplus import shed

MAX_NETWORKS: Final = 20_000


_Network = tuple[float, int, int]
"""When its span began, the bits of those that offended in it, and of those in the one before."""

_NONE: Final[_Network] = (0.0, 0, 0)


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
            start, places, before = time, 1 << part, 0
        else:
            start, places, before = known
            if time - start >= self._findtime:
                before = places if time - start < 2 * self._findtime else 0
                start, places = time, 0
            places |= 1 << part
        self._networks[network] = (start, places, before)
        self._dirty.add(network)
        if len(self._networks) > self._max_networks:
            gone = shed(self._networks, self._max_networks)
            self._dirty.update(gone)
            self.dropped += len(gone)
        return (places | before).bit_count()

    def count(self, network: str, time: float) -> int:
        """Give how many parts of a network have offended, as of a time."""
        start, places, before = self._networks.get(network, _NONE)
        if time - start >= self._findtime:
            before = 0
            if time - start >= 2 * self._findtime:
                places = 0
        return (places | before).bit_count()

    def forgive(self, network: str, part: int) -> None:
        """Take back that a part of a network has offended."""
        known = self._networks.get(network)
        if known is not None:
            start, places, before = known
            others = ~(1 << part)
            self._networks[network] = (start, places & others, before & others)
            self._dirty.add(network)

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
        self._networks[network] = (float(start), int(places, 16), int(before, 16))

    def take_dirty(self) -> dict[str, str | None]:
        """Give what has changed since the last call, written down; None for what is gone."""
        changed = {network: self.written(network) for network in self._dirty}
        self._dirty.clear()
        return changed

    def written(self, network: str) -> str | None:
        """Write a network down for :meth:`restore`; None if nothing is known of it."""
        known = self._networks.get(network)
        if known is None:
            return None
        start, places, before = known
        return f"{start!r} {places:x} {before:x}"

    def bring_back(self, now: float) -> None:
        """Go on though the clock was set back: what began since began now."""
        for network, (start, *bits) in self._networks.items():
            if start > now:
                self._networks[network] = (now, bits[0], bits[1])

    def tidy(self, now: float) -> None:
        """Forget the networks from which nothing has come for long."""
        old = [
            name
            for name, (start, _, _) in self._networks.items()
            if now - start >= 2 * self._findtime
        ]
        for name in old:
            del self._networks[name]
        self._dirty.update(old)
