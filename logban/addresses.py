# SPDX-License-Identifier: MIT
"""Addresses and networks as texts, each in the one form in which logban writes it.

They are strings, because they are hashed a million times a second.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from socket import AF_INET, inet_pton
from typing import NewType

CanonicalAddress = NewType("CanonicalAddress", str)
"""An address in compressed lower case, IPv4-mapped IPv6 written as IPv4."""


def canonical_address(text: str) -> CanonicalAddress:
    """Give the one way in which logban writes this address; ValueError if it is none.

    >>> canonical_address("::FFFF:198.51.100.7")
    '198.51.100.7'
    """
    try:
        inet_pton(AF_INET, text)
    except (OSError, ValueError):
        return _canonical_address(text)
    # Of IPv4 this takes the one spelling, and it is sooner asked than ipaddress.
    return CanonicalAddress(text)


@lru_cache(maxsize=65536)
def _canonical_address(text: str) -> CanonicalAddress:
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise ValueError(f"{text!r} has a scope, which means nothing on another host")
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
    return CanonicalAddress(str(address))


def canonical_network(text: str) -> str:
    """Give the one way in which logban writes this network, host bits cleared; ValueError if none.

    A network of a single address is written as the address.
    """
    network = ipaddress.ip_network(text, strict=False)
    if isinstance(network, ipaddress.IPv6Network):
        if network.network_address.scope_id is not None:
            raise ValueError(f"{text!r} has a scope, which means nothing on another host")
        mapped = network.network_address.ipv4_mapped
        if mapped is not None and network.prefixlen >= 96:
            network = ipaddress.ip_network((mapped, network.prefixlen - 96), strict=False)
    if network.prefixlen == network.max_prefixlen:
        return str(network.network_address)
    return str(network)


@lru_cache(maxsize=65536)
def ipv6_network(address: str, prefix: int) -> str:
    """Give the network of some length around an IPv6 address."""
    return str(ipaddress.IPv6Network((address, prefix), strict=False))
