# SPDX-License-Identifier: MIT
"""Whether a ban is on whom an admin asks for."""

from __future__ import annotations

import pytest

from logban.model import Ban, Subject, SubjectKind
from logban.service.subjects import holds

NOW = 1_795_168_800.0
ALICE = Subject(SubjectKind.USER, user="alice")


def at(user: str, address: str) -> Subject:
    return Subject(SubjectKind.USER_IP, address, user)


@pytest.mark.parametrize(
    ("banned", "asked", "told"),
    [
        (Subject.parse("192.0.2.7"), Subject.parse("192.0.2.7"), True),
        (Subject.parse("192.0.2.7"), Subject.parse("192.0.2.8"), False),
        (Subject.parse("192.0.2.7"), Subject.parse("192.0.2.0/24"), False),
        (Subject.parse("192.0.2.0/24"), Subject.parse("192.0.2.7"), True),
        (Subject.parse("192.0.2.0/24"), Subject.parse("192.0.2.128/25"), True),
        (Subject.parse("192.0.2.0/24"), Subject.parse("192.0.3.7"), False),
        (Subject.parse("0.0.0.0/0"), Subject.parse("2001:db8::/64"), False),
        (Subject.parse("2001:db8::/32"), Subject.parse("2001:db8:66::1"), True),
        (Subject.parse("2001:db8::1", 128), Subject.parse("2001:db8::1", 128), True),
        (ALICE, ALICE, True),
        (ALICE, Subject.parse("192.0.2.7"), False),
        (Subject.parse("192.0.2.7"), ALICE, False),
        (at("alice", "192.0.2.7"), at("alice", "192.0.2.7"), True),
        (at("alice", "192.0.2.7"), at("alice", "192.0.2.8"), False),
        (at("alice", "192.0.2.7"), at("bob", "192.0.2.7"), False),
        (at("alice", "192.0.2.7"), Subject.parse("192.0.2.7"), False),
        (Subject.parse("192.0.2.7"), at("alice", "192.0.2.7"), False),
    ],
)
def test_a_ban_holds_its_subject_and_what_lies_in_it(
    banned: Subject, asked: Subject, *, told: bool
) -> None:
    assert holds(Ban("pbx", banned, NOW, None), asked) is told
