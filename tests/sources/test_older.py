# SPDX-License-Identifier: MIT
"""Hundreds of older files beside a log: none is lost, and none costs anything while it is quiet."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from logban.sources.older import GRACE
from logban.sources.reader import Reader


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give the inodes of the files that were read from."""
    inodes: list[int] = []
    really_read = Reader.read

    def read(self: Reader, limit: int) -> object:
        inodes.append(self.identity.inode)
        return really_read(self, limit)

    monkeypatch.setattr(Reader, "read", read)
    return inodes


def take_some(follower) -> list[bytes]:
    """Read what there is, without a look."""
    lines = []
    while True:
        block = follower.read()
        if block is not None:
            lines += block.data[:-1].split(b"\n")
        if follower.drained:
            return lines


def test_a_quiet_file_is_not_touched_with_each_block(bench, read: list[int]) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    bench.rotate(".51")
    lines = bench.rotate_on(50)
    assert bench.lines(follower) == lines
    bench.lines(follower)
    read.clear()
    for number in range(10):
        bench.write(b"%d\n" % number)
        assert take_some(follower) == [b"%d" % number]
    assert set(read) == {bench.path.stat().st_ino}


def test_an_older_file_that_has_grown_is_read_when_somebody_says_so(bench) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    older = bench.rotate(".4")
    lines = bench.rotate_on(3)
    assert bench.lines(follower) == lines
    bench.write(b"late\n", older)
    bench.write(b"2\n")
    assert take_some(follower) == [b"2"]
    bench.write(b"3\n")
    follower.look_at_older()
    assert take_some(follower) == [b"late", b"3"]


def test_several_that_have_grown_are_read_one_after_another(bench) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    oldest = bench.rotate(".4")
    bench.lines(follower)
    bench.rotate_on(3)
    bench.lines(follower)
    late = [oldest, *(Path(f"{bench.path}.{number}") for number in (3, 2, 1))]
    for path in late:
        bench.write(b"late in %s\n" % path.name.encode(), path)
    follower.look_at_older()
    assert take_some(follower) == [b"late in %s" % path.name.encode() for path in late]


def test_the_last_one_is_looked_at_before_the_log(bench) -> None:
    """Its writer goes on with it until he is told: what he writes there comes first."""
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    older = bench.rotate()
    bench.write(b"2\n")
    assert bench.lines(follower) == [b"2"]
    bench.write(b"3\n", older)
    bench.write(b"4\n")
    assert take_some(follower) == [b"3", b"4"]


def test_one_that_was_truncated_and_has_grown_as_long_again(bench) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    os.truncate(bench.path, 0)
    bench.write(b"2\n")
    bench.rotate()
    bench.write(b"3\n")
    assert bench.lines(follower) == [b"2", b"3"]


def test_the_old_file_is_kept_until_its_writer_has_been_quiet(bench) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    old = bench.rotate()
    bench.write(b"2\n")
    bench.lines(follower)
    for number in range(3):
        bench.clock.advance(GRACE - 1)
        bench.write(b"late %d\n" % number, old)
        assert bench.lines(follower) == [b"late %d" % number]
    bench.write(b"unfinished", old)
    assert bench.lines(follower) == []
    bench.clock.advance(GRACE - 1)
    assert bench.lines(follower) == []
    bench.clock.advance(1)
    (last,) = bench.blocks(follower)
    assert last.data == b"unfinished\n"
    assert last.position.offset == old.stat().st_size
    bench.write(b"too late\n", old)
    assert bench.lines(follower) == []


def test_an_old_file_is_kept_while_nobody_writes_the_new_one(bench) -> None:
    """A rotation that does not tell the program goes on in the old file for days."""
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    old = bench.rotate()
    bench.path.touch()
    bench.clock.advance(23 * 3600)
    bench.write(b"2\n", old)
    assert bench.lines(follower) == [b"2"]
    bench.clock.advance(25 * 3600)
    assert bench.lines(follower) == []
    bench.write(b"3\n", old)
    assert bench.lines(follower) == []


def test_the_space_of_a_removed_file_is_freed_within_the_hour(bench) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    bench.path.unlink()
    bench.lines(follower)
    bench.clock.advance(3599)
    bench.lines(follower)
    assert not follower.idle
    bench.clock.advance(1)
    bench.lines(follower)
    assert follower.idle
    assert bench.book.positions() == ()


def test_an_old_file_that_fails_does_not_hold_up_the_new_one(bench, monkeypatch) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    bench.rotate()
    bench.write(b"2\n")
    follower.look()

    def fail(self: Reader, *_: object) -> None:
        raise OSError(5, "Input/output error")

    (old,) = follower._older
    really_read = Reader.read
    monkeypatch.setattr(
        Reader, "read", lambda self, limit: (fail if self is old else really_read)(self, limit)
    )
    assert bench.lines(follower) == [b"2"]
    monkeypatch.setattr(Reader, "finish", fail)
    monkeypatch.setattr(Reader, "read", really_read)
    bench.rotate()
    bench.write(b"3\n")
    assert bench.lines(follower) == [b"3"]
    bench.clock.advance(GRACE)
    assert bench.lines(follower) == []
