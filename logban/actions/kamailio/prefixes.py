# SPDX-License-Identifier: MIT
"""Whom else secfilter hits with an address: it compares beginnings of text, in every version."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

_GROUPS = 8


@dataclass(frozen=True, slots=True)
class Siblings:
    """The other addresses whose text begins like one's own, as canonical addresses or networks."""

    networks: tuple[str, ...]

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self.networks)

    def __str__(self) -> str:
        """Write them for a person, the first and the last of many."""
        if len(self.networks) <= 3:
            return ", ".join(self.networks)
        return f"{self.networks[0]} ... {self.networks[-1]} ({len(self.networks)} in all)"


def siblings_of(address: str) -> Siblings:
    """Give all that the entry for an address hits beside it; a canonical address is asked for."""
    if ":" not in address:
        head, _, last = address.rpartition(".")
        found = [
            f"{head}.{octet}"
            for octet in range(256)
            if str(octet) != last and str(octet).startswith(last)
        ]
        return Siblings(tuple(found))
    return Siblings(tuple(_siblings6(address)))


def is_hit(entry: str, text: str) -> bool:
    """Tell whether an entry hits a text: secfilter looks at no more than the entry's length."""
    return text.lower().startswith(entry.lower())


def _siblings6(address: str) -> list[str]:
    """Give networks that hold every address whose compressed text begins with this one.

    Behind the text more digits of its last group can come, up to four; after these, where ``::``
    leaves room, more groups.
    """
    head, gap, tail = address.partition("::")
    front = [int(group, 16) for group in head.split(":")] if head else []
    back = [int(group, 16) for group in tail.split(":")] if tail else []
    if gap and not back:
        length = 16 * (len(front) + 1)  # at least one group of zeros comes next
        return [_network(front, length)] if length < 128 else []
    groups = front + back
    digits = len(address.rpartition(":")[2])
    longest = 4 - digits if groups[-1] else 0  # no group begins with 0 and goes on
    room = _GROUPS - 1 - len(groups) if gap else 0
    found = []
    for behind in range(room + 1):
        zeros = [0] * (_GROUPS - len(groups) - behind)
        for more in range(longest + 1):
            if behind or more:
                last = groups[-1] << 4 * more
                written = [*front, *zeros, *back] if gap else groups
                length = 16 * (_GROUPS - behind) - 4 * more
                found.append(_network([*written[:-1], last], length))
    return found


def _network(groups: list[int], length: int) -> str:
    number = 0
    for index in range(_GROUPS):
        number = number << 16 | (groups[index] if index < len(groups) else 0)
    return str(ipaddress.IPv6Network((number, length)))
