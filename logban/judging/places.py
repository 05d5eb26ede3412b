# SPDX-License-Identifier: MIT
"""Places: an address, or the network that an IPv6 address is counted with, as one text.

Places are looked up for each failure, so they are texts and no objects: the address itself, or
the network in its one form.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final

from logban.addresses import CanonicalAddress
from logban.model import Subject, SubjectKind

IPV4_AROUND: Final = 24
IPV6_AROUND: Final = 56
IPV6_WIDE: Final = 48

_PARTS: Final = {str(number): number for number in range(256)}
_IP: Final = SubjectKind.IP
_NET: Final = SubjectKind.NET


def place_of(address: CanonicalAddress, ipv6_prefix: int) -> str:
    """Give the place of an address."""
    return address if ":" not in address else Subject.of_address(address, ipv6_prefix).network


def subject_of(place: str) -> Subject:
    """Give the subject that a place is banned as."""
    # Once for each ban: Subject() itself takes three times as long.
    return tuple.__new__(Subject, (_NET if "/" in place else _IP, place, ""))


def around(place: str) -> tuple[str, int]:
    """Give the key of the network around a place, and which of its 256 parts the place is.

    The network is 256 addresses, or 256 networks of 64 bits.
    """
    if ":" not in place:
        key, _, last = place.rpartition(".")
        return key, _PARTS[last]
    return _around_ipv6(place)


def network_of(key: str) -> str:
    """Give the network of a key."""
    return key if ":" in key else f"{key}.0/{IPV4_AROUND}"


def key_of(network: str, ipv6_prefix: int) -> str:
    """Give the key of a network around places; "" if it is a place itself."""
    if ":" not in network:
        return network.removesuffix(f".0/{IPV4_AROUND}") if "/" in network else ""
    is_around = network.endswith(f"/{IPV6_AROUND}") and ipv6_prefix != IPV6_AROUND
    return network if is_around else ""


@lru_cache(maxsize=65536)
def _around_ipv6(place: str) -> tuple[str, int]:
    address = place.partition("/")[0]
    network = ipaddress.IPv6Network((address, IPV6_AROUND), strict=False)
    return str(network), ipaddress.IPv6Address(address).packed[IPV6_AROUND // 8]


@lru_cache(maxsize=65536)
def wide_around(key: str) -> tuple[str, int]:
    """Give the wide network around the one of a key, and which of its 256 parts that is.

    It is 256 networks of 56 bits; there is none of IPv4, and then it is "".
    """
    if ":" not in key:
        return "", 0
    address = key.partition("/")[0]
    network = ipaddress.IPv6Network((address, IPV6_WIDE), strict=False)
    return str(network), ipaddress.IPv6Address(address).packed[IPV6_WIDE // 8]


def is_wide(network: str, ipv6_prefix: int) -> bool:
    """Tell whether a network is a wide one, and no place."""
    return ":" in network and network.endswith(f"/{IPV6_WIDE}") and ipv6_prefix > IPV6_WIDE


def networks_around(place: str) -> tuple[str, ...]:
    """Give the keys of all networks around a place that could be banned for what is in them."""
    key, _ = around(place)
    return (key, wide_around(key)[0]) if ":" in key else (key,)


def pair_key(place: str, user: str) -> str:
    """Give the key of a user at a place; a place has no blank in it."""
    return f"{place} {user}"


def pair_of(key: str) -> tuple[str, str]:
    """Give the place and the user of a key."""
    place, _, user = key.partition(" ")
    return place, user
