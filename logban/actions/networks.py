# SPDX-License-Identifier: MIT
"""Subjects as a packet filter sees them: source networks of one family and prefix length."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from logban.model import Ban, Subject, SubjectKind

_BITS = {4: 32, 6: 128}
_FOR_EVER = 1e10  # seconds, three centuries; kernels count no further than nanoseconds in 64 bits


@dataclass(frozen=True, slots=True, order=True)
class Prefix:
    """What the networks of one set have in common: the IP version and the prefix length."""

    version: int
    length: int

    @property
    def is_whole(self) -> bool:
        """Say whether such a network is a single address."""
        return self.length == _BITS[self.version]

    @property
    def mask(self) -> str:
        """Write the netmask as an address."""
        bits = _BITS[self.version]
        number = (1 << bits) - (1 << (bits - self.length))
        if self.version == 4:
            return str(ipaddress.IPv4Address(number))
        return str(ipaddress.IPv6Address(number))


def place(subject: Subject) -> tuple[Prefix, str] | None:
    """Give the set that a subject belongs into and its first address; None for no mere source.

    A packet tells nothing of users: neither a user nor a user at an address can be dropped
    without dropping everybody else at the address.
    """
    if subject.kind not in {SubjectKind.IP, SubjectKind.NET}:
        return None
    address, _, length = subject.network.partition("/")
    version = 6 if ":" in address else 4
    return _prefix(version, int(length) if length else _BITS[version]), address


@cache
def _prefix(version: int, length: int) -> Prefix:
    """Give one of the few that there are."""
    return Prefix(version, length)


def subject_of(prefix: Prefix, address: str) -> Subject:
    """Give the subject that :func:`place` puts there; the address in any of its spellings."""
    # Only IPv6 has several, and the kernel's tools choose "::1.2.3.4" where logban does not.
    if prefix.version == 6:
        address = str(ipaddress.IPv6Address(address))
    if prefix.is_whole:
        return Subject(SubjectKind.IP, address)
    return Subject(SubjectKind.NET, f"{address}/{prefix.length}")


def subject_named(network: str) -> Subject:
    """Give the subject of a network as the kernel's tools write it, a single address as such."""
    address, _, length = network.partition("/")
    version = 6 if ":" in address else 4
    return subject_of(Prefix(version, int(length) if length else _BITS[version]), address)


@dataclass(frozen=True, slots=True)
class Sorted:
    """Bans sorted by the set that they go into.

    ``ends`` has the seconds that each address has left, None for ever; ``left_out`` counts the
    bans of users.
    """

    ends: dict[Prefix, dict[str, float | None]]
    left_out: int


def sort(bans: Iterable[Ban], now: float | None = None) -> Sorted:
    """Sort bans by their sets, those over by ``now`` left out; of a subject the last ban counts."""
    ends: dict[Prefix, dict[str, float | None]] = {}
    # Almost all: of these nothing but the colon has to be looked for.
    four = ends.setdefault(_prefix(4, 32), {})
    six = ends.setdefault(_prefix(6, 128), {})
    left_out = 0
    for ban in bans:
        kind, address, _ = ban.subject
        if kind is SubjectKind.IP:
            found = six if ":" in address else four
        else:
            placed = place(ban.subject)
            if placed is None:
                left_out += 1
                continue
            prefix, address = placed
            found = ends.setdefault(prefix, {})
        if now is None or ban.until is None:
            found[address] = None
        elif ban.until <= now:
            found.pop(address, None)
        else:
            left = ban.until - now
            found[address] = left if left <= _FOR_EVER else None
    return Sorted({prefix: found for prefix, found in ends.items() if found}, left_out)
