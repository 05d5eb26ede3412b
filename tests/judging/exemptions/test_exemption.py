# SPDX-License-Identifier: MIT
"""Who is never banned: against the standard library, one network after another."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.addresses import canonical_network
from logban.judging.exemptions.exemption import Exemption, Exemptions
from logban.model import Subject, SubjectKind

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(version: int) -> st.SearchStrategy[Network]:
    """Give networks close to one another, so that many overlap."""
    length = 32 if version == 4 else 128
    base = int(ipaddress.ip_address("198.51.100.0" if version == 4 else "2001:db8::"))
    kind = ipaddress.IPv4Network if version == 4 else ipaddress.IPv6Network
    # Bits at both ends of what a /64 or a /24 splits.
    shifts = (0, 1, 2, 7, 8) if version == 4 else (0, 1, 63, 64, 65)
    addresses = st.sets(st.sampled_from(shifts)).map(
        lambda bits: base | sum(1 << bit for bit in bits)
    )
    prefixes = st.sampled_from([0, length // 2, length - 9, length - 8, length - 1, length])
    return st.tuples(addresses, prefixes).map(lambda both: kind(both, strict=False))


both_versions = st.one_of(networks(4), networks(6))


@given(st.lists(both_versions, max_size=8), both_versions)
def test_it_finds_what_brute_force_finds(entries: list[Network], asked: Network) -> None:
    exemptions = Exemptions()
    for entry in entries:
        exemptions.add(str(entry), Exemption(str(entry), "test"))
    found = exemptions.find(canonical_network(str(asked)))
    overlapping = {
        str(entry)
        for entry in entries
        if entry.version == asked.version and entry.overlaps(asked)  # type: ignore[arg-type]  # of one version
    }
    assert (found is not None) == bool(overlapping)
    if found is not None:
        assert found.entry in overlapping
    assert len(exemptions) == len(set(entries))


def test_mapped_addresses_are_ipv4() -> None:
    exemptions = Exemptions()
    exemptions.add("::ffff:198.51.100.0/120", Exemption("mapped", "test"))
    assert exemptions.find("198.51.100.7") is not None
    assert exemptions.find("198.51.101.7") is None


def test_subjects() -> None:
    exemptions = Exemptions()
    exemptions.add("198.51.100.7", Exemption("198.51.100.7", "test"))
    assert exemptions.find_subject(Subject(SubjectKind.IP, "198.51.100.7")) is not None
    assert exemptions.find_subject(Subject(SubjectKind.USER_IP, "198.51.100.7", "b")) is not None
    assert exemptions.find_subject(Subject(SubjectKind.NET, "198.51.100.0/24")) is not None
    assert exemptions.find_subject(Subject(SubjectKind.USER, "", "bob")) is None


@pytest.mark.parametrize("text", ["", "no.such.name", "198.51.100.0/33", "fe80::1%eth0"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"network|scope"):
        Exemptions().add(text, Exemption(text, "test"))
