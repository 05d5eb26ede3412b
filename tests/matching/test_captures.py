# SPDX-License-Identifier: MIT
"""What groups say, and which of them go into others."""

from __future__ import annotations

import pytest

from logban.matching.captures import Host, join, joined_groups


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("198.51.100.7", Host("198.51.100.7")),
        ("[2001:DB8::1]", Host("2001:db8::1")),
        ("a.example.org", Host(name="a.example.org")),
        ("192.0.2.09", Host(name="192.0.2.09")),
    ],
)
def test_a_host_is_an_address_or_a_name(text: str, host: Host) -> None:
    assert Host.of(text) == host


def test_what_one_line_does_not_say_another_does() -> None:
    address, name = Host.of("198.51.100.7"), Host.of("x")
    assert Host().or_else(address) == address
    assert name.or_else(address) == Host(address.address, "x")
    assert Host.of("192.0.2.1").or_else(address) == Host.of("192.0.2.1")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"alt_user": "a"}, "a"),
        ({"alt_user": "a", "user": ""}, "a"),
        ({"alt_user": "a", "user": "b"}, "b"),
        ({"alt_user_1": "", "alt_user_2": "c"}, "c"),
        ({"alt_user_2": "c", "alt_user_1": "d"}, "d"),
        ({"alt_user": ""}, None),
        ({}, None),
    ],
)
def test_the_first_alternate_that_is_not_empty_counts(
    fields: dict[str, str], expected: str | None
) -> None:
    join(fields, joined_groups(("alt_user_2", "alt_user", "alt_user_1", "user")))
    assert fields.get("user") == expected


def test_parts_of_a_tuple_stand_behind_one_another() -> None:
    fields = {"fid": "a", "tuple_id": "b", "tuple_id_1": "c"}
    join(fields, joined_groups(fields))
    assert fields["fid"] == "a, b, c"
    alone = {"tuple_id": "b"}
    join(alone, joined_groups(alone))
    assert alone["fid"] == "b"


def test_a_name_that_only_looks_like_one_of_them() -> None:
    assert joined_groups(("altitude", "tuples", "user")) == ()
