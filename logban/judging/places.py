# SPDX-License-Identifier: MIT
"""Places: an address, or the network that an IPv6 address is counted with, as one text.

Places are looked up for each failure, so they are texts and no objects: the address itself, or
the network in its one form.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final

from logban.model import CanonicalAddress, Subject, SubjectKind

IPV4_AROUND: Final = 24
IPV6_AROUND: Final = 56


def place_of(address: CanonicalAddress, ipv6_prefix: int) -> str:
    """Give the place of an address."""
    return address if ":" not in address else Subject.of_address(address, ipv6_prefix).network


def subject_of(place: str) -> Subject:
    """Give the subject that a place is banned as."""
    return Subject(SubjectKind.NET if "/" in place else SubjectKind.IP, place)


@lru_cache(maxsize=65536)
def around(place: str) -> str:
    """Give the network around a place: 256 addresses, or 256 networks of 64 bits."""
    if ":" not in place:
        return f"{place.rpartition('.')[0]}.0/{IPV4_AROUND}"
    address = place.partition("/")[0]
    return str(ipaddress.IPv6Network((address, IPV6_AROUND), strict=False))


@lru_cache(maxsize=65536)
def bit_of(place: str) -> int:
    """Give the one of 256 bits that stands for a place within the network around it."""
    if ":" not in place:
        return 1 << int(place.rpartition(".")[2])
    packed = ipaddress.IPv6Address(place.partition("/")[0]).packed
    return 1 << packed[IPV6_AROUND // 8]


def pair_key(place: str, user: str) -> str:
    """Give the key of a user at a place; a place has no blank in it."""
    return f"{place} {user}"


def pair_of(key: str) -> tuple[str, str]:
    """Give the place and the user of a key."""
    place, _, user = key.partition(" ")
    return place, user
