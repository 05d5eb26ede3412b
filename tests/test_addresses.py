# SPDX-License-Identifier: MIT
"""Each address and each network is written in one way only."""

from __future__ import annotations

import pytest

from logban.addresses import canonical_address, canonical_network


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("::FFFF:c633:6407", "198.51.100.7"),
        ("2001:0DB8:0000::0001", "2001:db8::1"),
        ("::", "::"),
        ("::198.51.100.7", "::c633:6407"),
    ],
)
def test_an_address_is_written_in_one_way(text: str, canonical: str) -> None:
    assert canonical_address(text) == canonical
    assert canonical_network(text) == canonical


@pytest.mark.parametrize(
    "text",
    ["", "198.51.100", "198.51.100.007", "198.51.100.256", "1.2.3.4 ", "fe80::1%eth0", "a.example",
     "[2001:db8::1]", "2001:db8::1:", "\u0661.\u0662.\u0663.\u0664", "198.51.100.7/32"],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|scope"):
        canonical_address(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("198.51.100.7/24", "198.51.100.0/24"),
        ("198.51.100.7/255.255.255.0", "198.51.100.0/24"),
        ("198.51.100.7/32", "198.51.100.7"),
        ("2001:DB8::7/64", "2001:db8::/64"),
        ("2001:db8::7/128", "2001:db8::7"),
        ("::ffff:198.51.100.7/120", "198.51.100.0/24"),
        ("::ffff:0.0.0.0/96", "0.0.0.0/0"),
        ("::/0", "::/0"),
    ],
)
def test_a_network_is_written_in_one_way(text: str, canonical: str) -> None:
    assert canonical_network(text) == canonical
    assert canonical_network(canonical) == canonical


@pytest.mark.parametrize("text", ["", "198.51.100.0/33", "fe80::%eth0/64", "fe80::1%eth0", "x/8"])
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(ValueError, match=r"network|scope"):
        canonical_network(text)
