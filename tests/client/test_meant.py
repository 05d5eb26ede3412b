# SPDX-License-Identifier: MIT
"""Who types or copies something near an address is told how to write it."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.client.meant import meant
from logban.client.subject import parse_entry, parse_subject


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # As Asterisk's log has them.
        ("198.51.100.7:5060", "write 198.51.100.7"),
        ("[2001:DB8::7]:5060", "write 2001:db8::7"),
        ("[2001:db8::7]", "write 2001:db8::7"),
        ("'198.51.100.7:5060'", "write 198.51.100.7"),
        ("6003@198.51.100.7:5060", "write 6003@198.51.100.7"),
        ("a b@198.51.100.7:5060", "write 'a b@198.51.100.7'"),
        # As a list or a mail has them.
        ("198.51.100.7,", "write 198.51.100.7"),
        (" 198.51.100.0/24", "write 198.51.100.0/24"),
        ("fe80::1%eth0", "the zone behind % can't be told in a packet; without it, it is fe80::1"),
        (
            "198.51.100.2-198.51.100.9",
            "write 198.51.100.2/31 198.51.100.4/30 198.51.100.8/31",
        ),
        (
            "198.51.100.0 - 198.51.100.255",
            "write 198.51.100.0/24",
        ),
        (
            "198.51.100.1-198.51.103.9",
            "a range is written as a network, for instance 198.51.100.0/24",
        ),
        ("198.51.100.*", "write 198.51.100.0/24"),
        ("198.51.*.*", "write 198.51.0.0/16"),
        ("office.example.org", "a name is taken by `allow add` alone; give its address"),
        ("6003", "a user is written user:6003"),
        ("", ""),
        ("user:", ""),
        ("300.1.1.1", ""),
        ("198.51.100", ""),
        ("198.051.100.7", ""),  # octal to some
        ("300.1.*", ""),
        ("198.51.100.9-198.51.100.2", ""),
        ("198.51.100.9-2001:db8::", ""),
        ("198.51.100.7/33", ""),
        ("größe", ""),
        ("6003@office", ""),
        ("a b", ""),
    ],
)
def test_it_is_said_how_to_write_it(text, said):
    assert meant(text) == said


@pytest.mark.parametrize("parse", [parse_subject, parse_entry])
def test_the_message_says_what_is_wrong_and_what_to_write(parse):
    with pytest.raises(ValueError, match=r"'198.51.100.7:5060' is no .*; write 198\.51\.100\.7$"):
        parse("198.51.100.7:5060")
    with pytest.raises(ValueError, match=r"'1.2.3' is no .*; write for instance "):
        parse("1.2.3")


@given(st.text() | st.text("0123456789abcdef.:-/*@%[] ,"))
def test_nothing_that_is_typed_makes_it_stumble(text):
    said = meant(text)
    assert said.isprintable()
    if said.startswith("write "):
        for word in shlex.split(said.removeprefix("write ")):
            parse_subject(word)
