# SPDX-License-Identifier: MIT
"""Who is never banned: addresses, networks and what names resolve to."""

from __future__ import annotations

import ipaddress
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from socket import inet_aton

from logban.addresses import canonical_network
from logban.model import Subject, SubjectKind


@dataclass(frozen=True, slots=True)
class Exemption:
    """One reason not to ban: the entry as written, and who wrote it.

    ``until`` is when it ends by itself; who has such a one can lose it sooner (see ``abuse``).
    """

    entry: str
    origin: str
    until: float | None = None


class Exemptions:
    """A set of exempt networks that answers in a few dictionary look-ups, however large it is."""

    def __init__(self) -> None:
        # (version, prefix length) -> network as an integer -> the exemption
        self._networks: dict[tuple[int, int], dict[int, Exemption]] = {}
        self._sorted: dict[tuple[int, int], list[int]] = {}
        self.octets: set[str] = set()
        """What an IPv4 address begins with that may be exempt: nearly none does."""

    def __len__(self) -> int:
        return sum(map(len, self._networks.values()))

    def add(self, network: str, exemption: Exemption) -> None:
        """Exempt an address or network; ValueError if it is none."""
        parsed = ipaddress.ip_network(canonical_network(network))
        base = int(parsed.network_address) >> (parsed.max_prefixlen - parsed.prefixlen)
        self._networks.setdefault((parsed.version, parsed.prefixlen), {})[base] = exemption
        self._sorted.pop((parsed.version, parsed.prefixlen), None)
        if parsed.version == 4:
            octet = int(parsed.network_address) >> 24
            self.octets.update(map(str, range(octet, octet + (1 << max(0, 8 - parsed.prefixlen)))))

    def find(self, network: str) -> Exemption | None:
        """Give the exemption that any part of an address or network falls under, if any does.

        A network is exempt as soon as one of its addresses is: banning it would ban that one.
        """
        if not self._networks or not network:
            return None
        version, value, prefix, length = _parsed(network)
        for (other_version, other_prefix), bases in self._networks.items():
            if other_version != version:
                continue
            if other_prefix <= prefix:
                found = bases.get(value >> (length - other_prefix))
                if found is not None:
                    return found
                continue
            inside = self._first_from(other_version, other_prefix, value >> (length - other_prefix))
            if inside is not None and inside >> (other_prefix - prefix) == value >> (
                length - prefix
            ):
                return bases[inside]
        return None

    def _first_from(self, version: int, prefix: int, base: int) -> int | None:
        """Give the lowest network of this length that does not lie before ``base``."""
        ordered = self._sorted.get((version, prefix))
        if ordered is None:
            ordered = self._sorted[version, prefix] = sorted(self._networks[version, prefix])
        at = bisect_left(ordered, base)
        return ordered[at] if at < len(ordered) else None

    def find_subject(self, subject: Subject) -> Exemption | None:
        """Give the exemption of a subject, if it has one; a user alone has none."""
        return None if subject.kind is SubjectKind.USER else self.find(subject.network)


def _parsed(network: str) -> tuple[int, int, int, int]:
    """Give version, address as an integer, prefix length and the family's full length."""
    if ":" not in network and "/" not in network:  # most, and sooner read than remembered
        return 4, int.from_bytes(inet_aton(network)), 32, 32
    return _remembered(network)


@lru_cache(maxsize=65536)
def _remembered(network: str) -> tuple[int, int, int, int]:
    found = ipaddress.ip_network(network, strict=False)
    return found.version, int(found.network_address), found.prefixlen, found.max_prefixlen
