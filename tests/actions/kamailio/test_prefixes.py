# SPDX-License-Identifier: MIT
"""Whom an entry of secfilter's hits beside the address that it names."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.actions.kamailio.prefixes import is_hit, siblings_of


def is_covered(address: str, networks: tuple[str, ...]) -> bool:
    ip = ipaddress.ip_address(address)
    return any(ip in ipaddress.ip_network(network) for network in networks)


@pytest.mark.parametrize(
    ("octets", "number"),
    [([1], 110), ([2], 66), (range(3, 25), 10), ([25], 6), ([0, *range(26, 256)], 0)],
)
def test_the_last_octet_decides(octets: range | list[int], number: int) -> None:
    for octet in octets:
        assert len(siblings_of(f"203.0.113.{octet}").networks) == number


def test_siblings_of_an_ipv4_address() -> None:
    siblings = siblings_of("203.0.113.25")
    assert siblings.networks == tuple(f"203.0.113.25{digit}" for digit in range(6))
    assert str(siblings) == "203.0.113.250 ... 203.0.113.255 (6 in all)"
    assert not siblings_of("203.0.113.77")


def test_siblings_of_an_ipv6_address() -> None:
    networks = siblings_of("2001:db8::5").networks
    assert "2001:db8::50/124" in networks
    assert "2001:db8::5000/116" in networks
    assert is_covered("2001:db8::5:1", networks)
    assert is_covered("2001:db8::57:1", networks)
    assert not is_covered("2001:db8::6", networks)
    full = "2001:db8:1:2:3:4:5:6789"
    assert not siblings_of(full)
    assert siblings_of("2001:db8:1:2:3:4:5:678").networks == ("2001:db8:1:2:3:4:5:6780/124",)
    assert siblings_of("2001:db8::").networks == ("2001:db8::/48",)
    assert not siblings_of("1:2:3:4:5:6:7::")
    assert siblings_of("::").networks == ("::/16",)


GROUPS = st.lists(st.sampled_from([0, 0, 0, 1, 0x5, 0x50, 0x5FF, 0xABCD]), min_size=8, max_size=8)


@given(GROUPS, GROUPS)
def test_every_address_whose_text_begins_so_is_covered(one: list[int], other: list[int]) -> None:
    texts = [
        str(ipaddress.IPv6Address(":".join(f"{group:x}" for group in groups)))
        for groups in (one, other)
    ]
    _check_pair(*texts)


@given(st.ip_addresses(v=6), st.integers(1, 39))
def test_every_address_made_longer_is_covered(address: ipaddress.IPv6Address, cut: int) -> None:
    text = str(address)
    try:
        shorter = str(ipaddress.IPv6Address(text[:cut]))
    except ValueError:
        return
    _check_pair(shorter, text)


def _check_pair(entry: str, text: str) -> None:
    if entry != text and is_hit(entry, text):
        assert is_covered(text, siblings_of(entry).networks)


@given(st.ip_addresses(v=4), st.integers(0, 255))
def test_siblings_are_those_that_begin_so(address: ipaddress.IPv4Address, octet: int) -> None:
    text = str(address)
    other = f"{text.rpartition('.')[0]}.{octet}"
    is_sibling = other in siblings_of(text).networks
    assert is_sibling == (other != text and other.startswith(text))
