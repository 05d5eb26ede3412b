# SPDX-License-Identifier: MIT
"""Subjects sorted into sets by IP version and prefix length."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.actions.networks import Prefix, place, sort, subject_named, subject_of
from logban.addresses import canonical_network
from logban.model import Ban, Subject, SubjectKind

NETWORKS = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)),
    st.tuples(st.ip_addresses(v=6), st.integers(0, 128)),
)


@given(NETWORKS)
def test_a_network_goes_into_its_set_and_comes_back(network) -> None:
    text = canonical_network(f"{network[0]}/{network[1]}")
    subject = Subject(SubjectKind.NET if "/" in text else SubjectKind.IP, text)
    placed = place(subject)
    assert placed is not None
    prefix, address = placed
    assert subject_of(prefix, address) == subject
    assert subject_named(text) == subject
    written = ipaddress.ip_network(f"{address}/{prefix.mask}" if prefix.version == 4 else text)
    assert written.prefixlen == prefix.length


def test_masks_are_written_as_addresses() -> None:
    assert Prefix(4, 24).mask == "255.255.255.0"
    assert Prefix(4, 0).mask == "0.0.0.0"
    assert Prefix(6, 56).mask == "ffff:ffff:ffff:ff00::"
    assert Prefix(6, 128).is_whole
    assert not Prefix(6, 64).is_whole


def test_the_kernels_spelling_is_not_logbans() -> None:
    subject = subject_named("::198.51.100.7")
    assert subject == Subject(SubjectKind.IP, "::c633:6407")


@pytest.mark.parametrize("kind", [SubjectKind.USER, SubjectKind.USER_IP])
def test_users_are_no_networks(kind: SubjectKind) -> None:
    subject = Subject(kind, "198.51.100.7" if kind is SubjectKind.USER_IP else "", "6003")
    assert place(subject) is None
    assert sort([Ban("sip", subject, 0, 10)], now=5).left_out == 1


def test_without_a_time_every_ban_is_sorted_whatever_its_end() -> None:
    bans = [Ban("sip", Subject(SubjectKind.IP, "192.0.2.1"), 0, 10)]
    assert sort(bans).ends == {Prefix(4, 32): {"192.0.2.1": None}}
    assert sort(bans, now=4).ends == {Prefix(4, 32): {"192.0.2.1": 6}}
    assert sort(bans, now=10).ends == {}
