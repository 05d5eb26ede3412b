# SPDX-License-Identifier: MIT
"""The nouns: each subject is written in one way only."""

from __future__ import annotations

import ipaddress
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.addresses import canonical_address, canonical_network
from logban.model import Ban, Evidence, Failure, Origin, Subject, SubjectKind, Success


@given(st.ip_addresses(), st.integers(1, 128))
def test_a_subject_holds_the_address_it_was_made_for(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, prefix: int
) -> None:
    canonical = canonical_address(str(address))
    subject = Subject.of_address(canonical, prefix)
    assert ipaddress.ip_address(canonical) in ipaddress.ip_network(subject.network)
    assert canonical_network(subject.network) == subject.network
    assert (subject.kind is SubjectKind.NET) == ("/" in subject.network)
    assert Subject.parse(str(subject), prefix) == subject
    if ":" not in canonical or prefix == 128:
        assert subject == Subject(SubjectKind.IP, canonical)


def test_what_a_person_types() -> None:
    assert Subject.parse("2001:db8:66::7") == Subject(SubjectKind.NET, "2001:db8:66::/64")
    assert Subject.parse("2001:db8:66::7/128") == Subject(SubjectKind.IP, "2001:db8:66::7")
    assert Subject.parse("198.51.100.7/32") == Subject(SubjectKind.IP, "198.51.100.7")
    assert Subject.parse("198.51.100.7/8") == Subject(SubjectKind.NET, "198.0.0.0/8")
    with pytest.raises(ValueError, match="bob"):
        Subject.parse("bob")


@pytest.mark.parametrize(
    ("subject", "shown", "value"),
    [
        (Subject(SubjectKind.IP, "198.51.100.7"), "198.51.100.7",
         {"kind": "ip", "ip": "198.51.100.7"}),
        (Subject(SubjectKind.NET, "2001:db8:66::/64"), "2001:db8:66::/64",
         {"kind": "net", "net": "2001:db8:66::/64"}),
        (Subject(SubjectKind.USER, "", "6003"), "6003", {"kind": "user", "user": "6003"}),
        (Subject(SubjectKind.USER_IP, "198.51.100.7", "6003"), "6003@198.51.100.7",
         {"kind": "user-ip", "user": "6003", "ip": "198.51.100.7"}),
    ],
)  # fmt: skip
def test_a_subject_as_people_and_scripts_see_it(
    subject: Subject, shown: str, value: dict[str, str]
) -> None:
    assert str(subject) == shown
    assert subject.to_json() == value
    assert Subject.from_json(json.loads(json.dumps(value))) == subject


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"kind": "ip"}',
        '{"kind": "ip", "ip": "x"}',
        '{"kind": "ip", "ip": 5}',
        '{"kind": "ip", "ip": ["198.51.100.7"]}',
        '{"kind": "net", "net": null}',
        '{"kind": "user", "user": 6003}',
        '{"kind": "user-ip", "user": "6003"}',
        '{"kind": "planet", "planet": "mars"}',
        '{"kind": ["ip"]}',
    ],
)
def test_what_is_no_subject(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Subject.from_json(json.loads(text))


def test_what_is_left_of_a_ban() -> None:
    ban = Ban("jail", Subject.parse("198.51.100.7"), 100.0, 700.0)
    assert [ban.remaining(now) for now in (100.0, 699.5, 700.0, 9999.0)] == [600.0, 0.5, 0.0, 0.0]
    assert Ban("jail", ban.subject, 100.0, None).remaining(1e9) is None


def test_small_things() -> None:
    assert str(Origin("jails.d/a.conf", 7)) == "jails.d/a.conf:7"
    assert Evidence(1.5, "r", "l", "s").to_json() == {
        "time": 1.5, "rule": "r", "weight": 1.0, "line": "l", "source": "s",
    }  # fmt: skip


def test_no_failure_is_a_success() -> None:
    told = (canonical_address("192.0.2.1"), 1.0, "rule", {}, "a line", "a file", 0)
    failure, success = Failure(*told), Success(*told)
    assert failure != success
    assert success != failure
