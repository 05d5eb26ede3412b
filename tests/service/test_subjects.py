# SPDX-License-Identifier: MIT
"""Whether a ban is on whom an admin asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.model import Ban, Subject, SubjectKind
from logban.service.subjects import bans_on, holds

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


SUBJECTS = st.sampled_from(
    [
        *map(Subject.parse, ("192.0.2.7", "192.0.2.8", "192.0.2.0/24", "2001:db8::/32")),
        *map(Subject.parse, ("192.0.2.128/25", "2001:db8:66::1", "0.0.0.0/0")),
        *(Subject(SubjectKind.NET, "192.0.2.7"), ALICE, Subject(SubjectKind.USER, user="bob")),
        *(at("alice", "192.0.2.7"), at("bob", "192.0.2.7"), at("alice", "192.0.2.8")),
    ]
)


@given(st.lists(SUBJECTS), st.lists(SUBJECTS))
def test_of_many_the_same_are_found_as_one_by_one(
    banned: list[Subject], asked: list[Subject]
) -> None:
    bans = [Ban("pbx", who, NOW, None) for who in banned]
    assert bans_on(bans, asked) == (
        [ban for ban in bans if any(holds(ban, who) for who in asked)],
        [who for who in asked if not any(holds(ban, who) for ban in bans)],
    )
