# SPDX-License-Identifier: MIT
"""A log that is copied and truncated before it was read to its end: the rest is in the copy."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from logban.sources.follower import FileFollower


def lines(begin: int, end: int) -> bytes:
    return b"".join(
        b"line %06d of this log, and no other log has it\n" % n for n in range(begin, end)
    )


def append(bench, data: bytes) -> None:
    with Path(bench.path).open("ab") as handle:
        handle.write(data)


def copytruncate(bench, suffix: str) -> None:
    shutil.copyfile(bench.path, f"{bench.path}{suffix}")
    os.truncate(bench.path, 0)


def drain(follower: FileFollower) -> bytes:
    follower.look()
    data = b""
    while True:
        block = follower.read()
        if block is not None:
            data += block.data
        elif follower.drained:
            return data


@pytest.mark.parametrize("read", [1, 30, 99, 100])
@pytest.mark.parametrize("refilled", [0, 10, 500])
def test_what_was_not_read_is_read_from_the_copy(bench, read: int, refilled: int) -> None:
    append(bench, lines(0, read))
    follower = bench.follow()
    assert drain(follower) == lines(0, read)
    append(bench, lines(read, 100))
    copytruncate(bench, ".1")
    append(bench, lines(100, 100 + refilled))
    found = drain(follower) + drain(follower)
    assert sorted(found.splitlines()) == lines(read, 100 + refilled).splitlines() or not refilled
    append(bench, lines(100 + refilled, 700))
    found += drain(follower)
    assert sorted(found.splitlines()) == lines(read, 700).splitlines()


def test_again_and_again(bench) -> None:
    append(bench, lines(0, 1))
    follower = bench.follow()
    found = drain(follower)
    for number in range(1, 30):
        begin = number * 100
        append(bench, lines(begin - 99, begin - 50))
        found += drain(follower)
        append(bench, lines(begin - 50, begin))
        copytruncate(bench, f".{number}")
        Path(f"{bench.path}.{number - 5}").unlink(missing_ok=True)
        append(bench, lines(begin, begin + 1))
        found += drain(follower)
    found += drain(follower)
    assert sorted(found.splitlines()) == lines(0, 2901).splitlines()


def test_while_the_daemon_was_away(bench) -> None:
    append(bench, lines(0, 50))
    follower = bench.follow()
    found = drain(follower)
    append(bench, lines(50, 100))
    copytruncate(bench, ".1")
    append(bench, lines(100, 120))
    found += drain(bench.restart())
    assert sorted(found.splitlines()) == lines(0, 120).splitlines()


def test_a_file_that_only_begins_alike_is_no_copy(bench) -> None:
    append(bench, lines(0, 50))
    follower = bench.follow()
    drain(follower)
    Path(f"{bench.path}.1").write_bytes(lines(0, 20) + b"another\n" * 1000)
    os.truncate(bench.path, 0)
    append(bench, lines(200, 210))
    assert drain(follower) == lines(200, 210)
