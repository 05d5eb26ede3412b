# SPDX-License-Identifier: MIT
"""Hundreds of older files beside a log: none is lost, and none costs anything while it is quiet."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from logban.sources import opening
from logban.sources.older import GRACE, MOST
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


def rotate(bench, times: int) -> list[bytes]:
    """Write a line into each of so many files, the log the last of them; give the lines."""
    lines = []
    for number in range(times, -1, -1):
        lines.append(b"of %d" % number)
        bench.write(lines[-1] + b"\n")
        if number:
            bench.rotate(f".{number}")
    return lines


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
    lines = rotate(bench, 50)
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
    lines = rotate(bench, 3)
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
    rotate(bench, 3)
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


@pytest.fixture
def opened(bench, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Give a way to tell which files beside the log the process has open."""

    def names() -> list[str]:
        links = [Path(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]  # noqa: PTH208  # numbers
        paths = [os.readlink(link) for link in links if link.is_symlink()]  # noqa: PTH115  # as it is
        return sorted(Path(path).name for path in paths if path.startswith(f"{bench.path}."))

    return names


def test_a_start_opens_nothing_that_is_over(bench, opened: Callable[[], list[str]]) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    bench.rotate(".9")
    rotate(bench, 8)
    bench.lines(follower)
    newest = max(Path(f"{bench.path}.{number}").stat().st_ctime for number in range(1, 10))
    bench.clock.advance(newest - bench.clock.now() + GRACE / 2)
    follower = bench.restart()
    assert bench.lines(follower) == []
    assert len(opened()) == 9
    bench.clock.advance(GRACE)
    bench.write(b"more\n", Path(f"{bench.path}.5"))
    assert bench.lines(bench.restart()) == [b"more"]
    assert opened() == ["full.5"]
    follower = bench.restart()
    assert bench.lines(follower) == []
    assert opened() == []
    bench.write(b"2\n")
    bench.rotate(".0")
    bench.write(b"3\n")
    assert bench.lines(follower) == [b"2", b"3"]
    assert follower.tally.rotations == 1


def test_a_start_opens_all_while_the_log_may_still_be_the_older_one(
    bench, opened: Callable[[], list[str]]
) -> None:
    bench.write(b"1\n")
    bench.lines(bench.follow())
    older = bench.rotate()
    bench.path.touch()
    bench.clock.advance(older.stat().st_ctime - bench.clock.now() + 2 * GRACE)
    follower = bench.restart()
    assert bench.lines(follower) == []
    assert opened() == ["full.1"]
    bench.write(b"2\n", older)
    assert bench.lines(follower) == [b"2"]


def test_a_start_is_not_deceived_by_another_file_of_the_same_size(bench) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    older = bench.rotate()
    bench.write(b"2\n")
    assert bench.lines(follower) == [b"2"]
    older.write_bytes(b"3\n")  # with the inode of the one before, as a file system may give it out
    bench.clock.advance(older.stat().st_ctime - bench.clock.now() + 2 * GRACE)
    assert bench.lines(bench.restart()) == [b"3"]


def test_a_start_opens_no_more_than_it_keeps(bench, opened: Callable[[], list[str]]) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    bench.rotate(f".{MOST + 21}")
    lines = rotate(bench, MOST + 20)
    assert bench.lines(follower) == lines
    follower = bench.restart()
    follower.look()
    assert len(opened()) == MOST
    assert bench.lines(follower) == []


@pytest.mark.parametrize("is_restarted", [False, True])
def test_more_older_files_than_descriptors(
    bench, monkeypatch: pytest.MonkeyPatch, caplog, is_restarted: bool
) -> None:
    lowest = os.open("/", os.O_RDONLY)
    os.close(lowest)
    monkeypatch.setattr(opening, "_FD_SETSIZE", lowest + 10 + opening._SPARE)
    caplog.set_level("INFO")
    monkeypatch.setattr(opening.resource, "getrlimit", lambda _: (4096, 4096))
    bench.write(b"1\n")
    follower = bench.follow()
    found = bench.lines(follower)
    bench.rotate(".61")
    lines = rotate(bench, 60)
    found += bench.lines(follower)
    assert len(found) < len(lines)
    if is_restarted:
        follower = bench.restart()
    for _ in range(10):
        found += bench.lines(follower)
    assert sorted(found) == sorted([b"1", *lines])
    said = [message.partition(": ")[2] for message in caplog.messages]
    assert said == [
        "too few descriptors for all its older files, some wait",
        *["too few descriptors for all its older files, some wait"] * is_restarted,
        "no older file waits any more",
    ]
