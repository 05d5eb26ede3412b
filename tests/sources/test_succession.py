# SPDX-License-Identifier: MIT
"""Finding the files that had a log's name between two looks, or before a start."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from logban.sources import opening, succession
from logban.sources.book import Identity
from logban.sources.older import GRACE, MOST
from logban.sources.siblings import Elder, Sibling


@pytest.mark.parametrize("between", [1, 2, 5])
def test_several_rotations_between_two_looks(bench, between: int) -> None:
    (bench.path.parent / "full.7.gz").write_bytes(b"packed\n")
    (bench.path.parent / "full_debug").write_bytes(b"another log\n")
    bench.write(b"old predecessor\n", Path(f"{bench.path}.0"))
    bench.write(b"0\n")
    follower = bench.follow()
    assert bench.lines(follower) == [b"0"]
    bench.write(b"0b\n")
    for number in range(1, between + 1):
        for index in range(number, 0, -1):
            Path(f"{bench.path}.{index - 1}").rename(f"{bench.path}.{index}")
        bench.rotate(".0")
        bench.write(b"%d\n" % number)
    bench.write(b"another log\n", bench.path.parent / "full_debug")
    assert bench.lines(follower) == [b"0b"] + [b"%d" % n for n in range(1, between + 1)]
    assert follower.tally.rotations == between


def test_what_is_not_named_like_the_last_one_is_no_predecessor(bench) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    bench.path.rename(bench.path.parent / "kept")
    bench.write(b"copy\n", Path(f"{bench.path}.1"))
    bench.write(b"2\n")
    assert bench.lines(follower) == [b"2"]


def test_files_that_came_and_were_rotated_before_anybody_looked(bench) -> None:
    bench.write(b"of before\n", Path(f"{bench.path}.3"))
    follower = bench.follow()
    assert bench.lines(follower) == []
    for number in (2, 1):
        bench.write(b"%d\n" % number)
        bench.rotate(f".{number}")
    bench.write(b"0\n")
    assert bench.lines(follower) == [b"2", b"1", b"0"]
    assert follower.tally.rotations == 2


def test_a_predecessor_that_was_given_the_inode_of_an_older_one(bench, monkeypatch) -> None:
    older = Path(f"{bench.path}.1")
    bench.write(b"older\n", older)
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    older.unlink()
    bench.rotate(".2")
    # Whether the file system gives the inode out again or not, it may.
    bench.write(b"2\n")
    inode = bench.path.stat()
    identity = Identity.of(inode)
    follower._succession._elders = {identity: Elder(identity, b"older\n")}
    bench.rotate(".1")
    bench.write(b"3\n")
    assert bench.lines(follower) == [b"2", b"3"]


def test_a_predecessor_that_is_renamed_before_it_can_be_opened(bench, monkeypatch) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    bench.rotate(".2")
    bench.write(b"2\n")
    bench.rotate(".1")
    bench.write(b"3\n")
    real, calls = succession.neighbours, []

    def neighbours(path: str, known: Iterable[Identity]) -> list[Sibling]:
        found = real(path, known)
        calls.append(found)
        if len(calls) == 1:
            Path(f"{bench.path}.2").rename(f"{bench.path}.3")
            Path(f"{bench.path}.1").rename(f"{bench.path}.2")
        return found

    monkeypatch.setattr(succession, "neighbours", neighbours)
    assert bench.lines(follower) == [b"2", b"3"]
    assert len(calls) == 2


def test_what_is_forgotten_of_files_that_are_gone(bench) -> None:
    follower = bench.follow()
    for number in range(4):
        bench.write(b"%d\n" % number)
        assert bench.lines(follower) == [b"%d" % number]
        old = bench.rotate(f".{number}")
        bench.path.touch()
        bench.lines(follower)
        bench.write(b"next\n")
        bench.clock.advance(GRACE)
        assert bench.lines(follower) == [b"next"]
        assert bench.lines(follower) == []
        old.unlink()
    assert len(bench.book.positions()) <= 2


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
    bench.rotate_on(8)
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
    lines = bench.rotate_on(MOST + 20)
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
    lines = bench.rotate_on(60)
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
