# SPDX-License-Identifier: MIT
"""Names for the kernel, made of any names."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from logban.actions.names import identifier


def test_a_plain_name_stays() -> None:
    assert identifier("asterisk-iptables", 21) == "asterisk-iptables"
    assert identifier("sip.v4_x", 21) == "sip.v4_x"


def test_any_other_gets_its_hash() -> None:
    assert re.fullmatch(r"my_jail-[0-9a-f]{8}", identifier("my jail", 21))
    assert re.fullmatch(r"_9-[0-9a-f]{8}", identifier("9", 21))
    assert re.fullmatch(r"_-[0-9a-f]{8}", identifier("", 21))
    assert re.fullmatch(r"x{12}-[0-9a-f]{8}", identifier("x" * 22, 21))
    assert identifier("sip-0123abcd", 21) != "sip-0123abcd"


@given(st.text(max_size=40), st.text(max_size=40), st.integers(12, 64))
def test_every_name_gives_a_word_of_its_own(one: str, other: str, limit: int) -> None:
    words = [identifier(name, limit) for name in (one, other)]
    for word in words:
        assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", word, re.ASCII)
        assert len(word) <= limit
    assert (words[0] == words[1]) == (one == other)
    again = identifier(words[0], limit)
    assert (again == words[0]) == (words[0] == one), "a made name is no other jail's plain one"
