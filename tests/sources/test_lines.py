# SPDX-License-Identifier: MIT
"""Runs of whole lines in a stretch of bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.sources.lines import run_of_lines


@pytest.mark.parametrize(
    ("data", "run"),
    [
        (b"", (0, 0)),
        (b"half", (0, 0)),
        (b"one\n", (0, 4)),
        (b"one\ntwo\nhalf", (0, 8)),
        (b"\n", (0, 1)),
        (b"\r\n", (0, 2)),
        (b"one\rtwo\x0b\x0c\x1c\x85\xe2\x80\xa8three", (0, 0)),
        (b"a\0b\n", (0, 4)),
        (b"\0\0one\ntwo\n", (2, 10)),
        (b"one\n\0\0two\n", (0, 4)),
        (b"\0\0\0", (3, 3)),
        (b"\0\n", (1, 2)),
        (b"\0half", (1, 1)),
    ],
)
def test_run(data: bytes, run: tuple[int, int]) -> None:
    assert run_of_lines(data) == run


@given(st.lists(st.sampled_from([b"\n", b"\0", b"a", b"\r", b"\xff", b"\0\0\n"])).map(b"".join))
def test_all_runs_together_are_all_lines_without_leading_nuls(data: bytes) -> None:
    cursor, lines = 0, b""
    while True:
        begin, end = run_of_lines(data, cursor)
        assert not data[cursor:begin].strip(b"\0")
        if begin == end:
            assert b"\n" not in data[begin:]
            break
        lines += data[begin:end]
        cursor = end
    assert lines == b"".join(line.lstrip(b"\0") + b"\n" for line in data.split(b"\n")[:-1])
