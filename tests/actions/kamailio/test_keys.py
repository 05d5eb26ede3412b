# SPDX-License-Identifier: MIT
"""Keys of addresses and networks, as the script of docs/kamailio.md looks for them."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.actions.kamailio.keys import AddressKeys, is_mark, mark_of
from logban.model import Subject, SubjectKind

GROUPS = st.sampled_from([0, 0, 1, 0xDB8, 0xFFFF])
FIRST = st.sampled_from([1, 0x2001, 0xFE80])
ADDRESSES = st.builds(
    lambda first, rest: IPv6Address(b"".join(each.to_bytes(2, "big") for each in (*first, *rest))),
    st.tuples(FIRST, FIRST),
    st.lists(GROUPS, min_size=6, max_size=6),
)


def looked_for(address: str) -> str:
    """Give what the script makes of an address; the script itself is run elsewhere."""
    fields = address.split(":")
    if re.match("[0-9a-f]+:[0-9a-f]+:[0-9a-f]+:", address):
        return ":".join(fields[:4]) + "/64"
    if re.match("[0-9a-f]+:[0-9a-f]+::", address):
        return ":".join(fields[:2]) + "::/64"
    return ""


def network_of(address: IPv6Address) -> Subject:
    return Subject(SubjectKind.NET, str(IPv6Network((address, 64), strict=False)))


@given(ADDRESSES, ADDRESSES)
def test_an_address_is_found_by_its_network_and_by_no_other(
    one: IPv6Address, other: IPv6Address
) -> None:
    keys = AddressKeys(networks=True)
    assert looked_for(str(one)) in keys.keys_of(network_of(one))
    is_within = network_of(one) == network_of(other)
    assert (looked_for(str(other)) in keys.keys_of(network_of(one))) is is_within
    for key in keys.keys_of(network_of(one)):
        assert keys.subject_of(key) == network_of(one)


@pytest.mark.parametrize("network", ["2001:db8::/48", "2001::/64", "::/64", "192.0.2.0/24"])
def test_other_networks_have_no_keys(network: str) -> None:
    subject = Subject(SubjectKind.NET, network)
    assert AddressKeys(networks=True).keys_of(subject) == ()
    assert AddressKeys().keys_of(Subject(SubjectKind.NET, "2001:db8::/64")) == ()


def test_marks_differ_and_fit() -> None:
    marks = {mark_of(f"jail-{number}") for number in range(1000)}
    assert len(marks) == 1000
    assert all(0x4000_0000 <= mark < 0x8000_0000 and is_mark(mark) for mark in marks)


def test_keys_are_written_as_kamailio_writes_addresses() -> None:
    keys = AddressKeys()
    assert keys.subject_of("2001:db8::5") == Subject(SubjectKind.IP, "2001:db8::5")
    for text in ("2001:DB8::5", "::ffff:192.0.2.1", "logban:canary:1", "2001:db8::/64"):
        assert keys.subject_of(text) is None
    for text in ("x/64", ":/64", "1:2:3:4:5/64", "2001:db8:0:/64", "/64"):
        assert AddressKeys(networks=True).subject_of(text) is None
