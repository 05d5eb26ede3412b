# SPDX-License-Identifier: MIT
"""Who is never banned: addresses, networks and what names resolve to."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache

from logban.model import Subject, SubjectKind, canonical_network


@dataclass(frozen=True, slots=True)
class Exemption:
    """One reason not to ban: the entry as written, and who wrote it."""

    entry: str
    origin: str


class Exemptions:
    """A set of exempt networks that answers in a few dictionary look-ups, however large it is."""

    def __init__(self) -> None:
        # (version, prefix length) -> network as an integer -> the exemption
        self._networks: dict[tuple[int, int], dict[int, Exemption]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._networks.values()))

    def add(self, network: str, exemption: Exemption) -> None:
        """Exempt an address or network; ValueError if it is none."""
        parsed = ipaddress.ip_network(canonical_network(network))
        base = int(parsed.network_address) >> (parsed.max_prefixlen - parsed.prefixlen)
        self._networks.setdefault((parsed.version, parsed.prefixlen), {})[base] = exemption

    def find(self, network: str) -> Exemption | None:
        """Give the exemption that any part of an address or network falls under, if any does.

        A network is exempt as soon as one of its addresses is: banning it would ban that one.
        """
        version, value, prefix, length = _parsed(network)
        for (other_version, other_prefix), bases in self._networks.items():
            if other_version != version:
                continue
            if other_prefix <= prefix:
                found = bases.get(value >> (length - other_prefix))
                if found is not None:
                    return found
                continue
            ours = value >> (length - prefix)
            for base, exemption in bases.items():
                if base >> (other_prefix - prefix) == ours:
                    return exemption
        return None

    def find_subject(self, subject: Subject) -> Exemption | None:
        """Give the exemption of a subject, if it has one; a user alone has none."""
        return None if subject.kind is SubjectKind.USER else self.find(subject.network)


@lru_cache(maxsize=65536)
def _parsed(network: str) -> tuple[int, int, int, int]:
    """Give version, address as an integer, prefix length and the family's full length."""
    parsed = ipaddress.ip_network(network, strict=False)
    return parsed.version, int(parsed.network_address), parsed.prefixlen, parsed.max_prefixlen
