# SPDX-License-Identifier: MIT
"""A line that may begin a message is found, by that of its texts that is rare in the log."""

from __future__ import annotations

from logban.matching.engine.beginnings import Beginnings

ASKED = [
    (frozenset({b"chan_sip.c"}), frozenset({b"Call from"})),
    (frozenset({b"Host", b"peer"}), frozenset({b"iax"})),
]
LINES = [b"chan_sip.c: Call from 1\n", b"chan_sip.c: no\n", b"iax Host 1\n", b"iax peer\n", b"\n"]


def spans(text: bytes, lines: list[bytes]) -> list[tuple[int, int]]:
    found = [(text.index(line), text.index(line) + len(line)) for line in lines]
    return sorted(found)


def test_lines_with_a_rare_text_are_found() -> None:
    text = b"".join(LINES)
    assert Beginnings(ASKED).lines(text) == spans(text, [LINES[0], *LINES[2:4]])


def test_what_is_rare_depends_on_the_log() -> None:
    text = b"".join([*LINES, b"Call from the peer\n", b"a peer\n"])
    assert Beginnings(ASKED).lines(text) == spans(text, LINES[:1] + LINES[1:4])


def test_without_messages_no_line_is_found() -> None:
    assert Beginnings([]).lines(b"".join(LINES)) == []
