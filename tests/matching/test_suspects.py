# SPDX-License-Identifier: MIT
"""Which lines look like an attack."""

from __future__ import annotations

import pytest

from logban.matching.suspects import suspects


def shown(*lines: str) -> list[str]:
    data = "".join(f"{line}\n" for line in lines).encode()
    return [data[start:end].decode() for start, end in suspects(data)]


@pytest.mark.parametrize(
    "line",
    [
        "login failed from 198.51.100.7",
        "198.51.100.7: FORBIDDEN",
        "Wrong password (2001:db8::7)",
        "blocked 1:2:3:4:5:6:7:8",
    ],
)
def test_words_of_failure_and_an_address(line: str) -> None:
    assert shown("all is well", line, "all is well 198.51.100.7") == [line]


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-20 10:00:00 module failed to load",
        "failed after 10.5 s",
        "invalid version 1.2.3.4.5",
        "00:11:22:33:44:55 rejected",
        "198.51.100.7 logged in",
        "198.51.100.7 sailed home",
        "",
    ],
)
def test_one_without_the_other(line: str) -> None:
    assert shown(line) == []


def test_each_line_once_and_also_the_last_without_its_end() -> None:
    assert shown("failed failure denied 198.51.100.7", "denied 198.51.100.8") == [
        "failed failure denied 198.51.100.7",
        "denied 198.51.100.8",
    ]
    assert list(suspects(b"x\nfailed 198.51.100.7")) == [(2, 21)]
    assert list(suspects(b"")) == []
