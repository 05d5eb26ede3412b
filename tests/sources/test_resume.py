# SPDX-License-Identifier: MIT
"""Going on after a restart, whatever happened to the log meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from logban.sources import succession
from logban.sources.book import Identity
from logban.sources.follower import GRACE, Start
from logban.sources.report import SourceState


def test_grown(bench) -> None:
    bench.write(b"1\n2")
    assert bench.lines(bench.follow()) == [b"1"]
    bench.write(b"2\n3\n")
    (block,) = bench.blocks(bench.restart())
    assert (block.data, block.offset, block.live) == (b"22\n3\n", 2, False)


def test_grown_from_less_than_a_head(bench) -> None:
    bench.write(b"1\n")
    bench.lines(bench.follow())
    bench.write(b"x" * 1000 + b"\n")
    assert bench.lines(bench.restart()) == [b"x" * 1000]


def test_unchanged(bench) -> None:
    bench.write(b"1\n")
    bench.lines(bench.follow())
    follower = bench.restart()
    assert bench.lines(follower) == []
    assert follower.state is SourceState.FOLLOWING
    bench.write(b"2\n")
    (block,) = bench.blocks(follower)
    assert block.live


def test_from_the_position_of_any_block(bench) -> None:
    bench.write(b"".join(b"%d\n" % number for number in range(1000)))
    positions = [block.position for block in bench.blocks(bench.follow(), 100)]
    for position in positions[::7]:
        rest = [b"%d" % number for number in range(1000)]
        first = bench.path.read_bytes()[: position.offset].count(b"\n")
        assert bench.lines(bench.restart([position])) == rest[first:]


@pytest.mark.parametrize("suffix", [".1", "-20261120", ".rotated", ".bak"])
def test_renamed(bench, suffix: str) -> None:
    bench.write(b"1\n")
    bench.lines(bench.follow())
    bench.write(b"2\n")
    old = bench.rotate(suffix)
    bench.write(b"3\n")
    follower = bench.restart()
    blocks = bench.blocks(follower)
    assert [(block.data, block.live) for block in blocks] == [(b"2\n", False), (b"3\n", False)]
    bench.write(b"late\n", old)
    assert bench.lines(follower) == [b"late"]


def test_renamed_with_nothing_in_its_place(bench) -> None:
    bench.write(b"1\n")
    bench.lines(bench.follow())
    bench.write(b"2\n")
    bench.rotate()
    follower = bench.restart()
    assert bench.lines(follower) == [b"2"]
    assert follower.state is SourceState.DRAINING
    bench.write(b"3\n")
    (block,) = bench.blocks(follower)
    assert (block.data, block.live) == (b"3\n", True)


@pytest.mark.parametrize("names", ["{0}.{1}", "{0}-2026112{2}"])
def test_renamed_several_times(bench, names: str) -> None:
    bench.write(b"0\n")
    bench.lines(bench.follow())
    bench.write(b"0b\n")
    bench.write(b"another log\n", Path(f"{bench.path}_debug"))
    bench.path.rename(names.format(bench.path, 9, 0))
    for number in range(1, 4):
        bench.write(b"%d\n" % number)
        bench.path.rename(names.format(bench.path, 9 - number, number))
    bench.write(b"copy\n", Path(f"{bench.path}.bak"))
    bench.write(b"4\n")
    follower = bench.restart()
    assert bench.lines(follower) == [b"0b", b"1", b"2", b"3", b"4"]
    assert bench.lines(bench.restart()) == []


def test_an_older_file_that_was_still_being_drained(bench) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    old = bench.rotate()
    bench.write(b"2\n")
    bench.lines(follower)
    bench.write(b"late\n", old)
    bench.write(b"3\n")
    follower = bench.restart()
    assert bench.lines(follower) == [b"late", b"3"]
    bench.clock.advance(GRACE)
    assert bench.lines(follower) == []
    bench.write(b"later\n", old)
    assert bench.lines(follower) == []
    assert bench.lines(bench.restart()) == [b"later"]


def test_predecessors_that_were_read_to_their_end_are_not_read_again(bench) -> None:
    follower = bench.follow()
    for number in range(4):
        bench.write(b"%d\n" % number)
        assert bench.lines(follower) == [b"%d" % number]
        bench.clock.advance(GRACE)
        bench.lines(follower)
        bench.rotate(f".{9 - number}")
    bench.write(b"4\n")
    assert bench.lines(bench.restart()) == [b"4"]
    assert bench.lines(bench.restart()) == []


def test_predecessors_from_before_the_first_start_are_not_read(bench) -> None:
    older = Path(f"{bench.path}.5")
    bench.write(b"older\n", older)
    os.utime(older, (1, 1))
    bench.write(b"1\n")
    bench.lines(bench.follow())
    bench.rotate()
    bench.write(b"2\n")
    assert bench.lines(bench.restart()) == [b"2"]


def test_nothing_is_missed_where_the_log_is_known(bench) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    bench.rotate()
    bench.write(b"2\n")
    assert bench.lines(follower) == [b"2"]
    Path(f"{bench.path}.2").write_bytes(b"1\n")
    bench.write(b"3\n")
    assert bench.lines(bench.restart()) == [b"3"]


def test_removed_and_made_anew(bench) -> None:
    bench.write(b"1\n" * 100)
    bench.lines(bench.follow())
    bench.close()
    bench.path.unlink()
    bench.write(b"2\n" * 200)
    (block,) = bench.blocks(bench.restart())
    assert (block.data, block.offset, block.live) == (b"2\n" * 200, 0, False)


def test_the_inode_has_been_given_to_another_file(bench) -> None:
    bench.write(b"1\n" * 100)
    (block,) = bench.blocks(bench.follow())
    bench.path.write_bytes(b"2\n" * 200)
    assert bench.path.stat().st_ino == block.position.inode
    assert bench.lines(bench.restart()) == [b"2"] * 200


def test_the_inode_has_been_given_to_a_file_that_is_none_of_ours(bench) -> None:
    bench.write(b"1\n" * 100)
    (block,) = bench.blocks(bench.follow())
    other = bench.rotate("_of_another_program")
    other.write_bytes(b"2\n" * 200)
    assert other.stat().st_ino == block.position.inode
    bench.write(b"3\n")
    assert bench.lines(bench.restart()) == [b"3"]


def test_truncated_and_then_renamed(bench) -> None:
    bench.write(b"1\n" * 100)
    bench.lines(bench.follow())
    bench.path.write_bytes(b"2\n")
    bench.rotate()
    bench.write(b"3\n")
    assert bench.lines(bench.restart()) == [b"2", b"3"]


def test_renamed_while_its_position_is_looked_for(bench, monkeypatch) -> None:
    bench.write(b"1\n")
    bench.lines(bench.follow())
    bench.write(b"2\n")
    bench.rotate()
    bench.write(b"3\n")
    real, calls = succession.neighbours, []

    def neighbours(path: str, known: Iterable[Identity]) -> list[succession.Sibling]:
        found = real(path, known)
        calls.append(found)
        if len(calls) == 1:
            Path(f"{bench.path}.1").rename(f"{bench.path}.2")
        return found

    monkeypatch.setattr(succession, "neighbours", neighbours)
    assert bench.lines(bench.restart()) == [b"2", b"3"]


def test_truncated(bench) -> None:
    bench.write(b"1\n" * 100)
    bench.lines(bench.follow())
    os.truncate(bench.path, 0)
    bench.write(b"2\n")
    assert bench.lines(bench.restart()) == [b"2"]


def test_gone(bench) -> None:
    bench.write(b"1\n")
    bench.lines(bench.follow())
    bench.path.unlink()
    follower = bench.restart()
    assert bench.lines(follower) == []
    assert follower.state is SourceState.WAITING


def test_tail_reads_a_file_that_was_never_seen_from_its_end(bench) -> None:
    bench.write(b"1\nhal")
    follower = bench.follow(start=Start.TAIL)
    assert bench.lines(follower) == []
    bench.write(b"f\n")
    bench.close()
    assert bench.lines(bench.restart(start=Start.TAIL)) == [b"half"]


def test_tail_does_not_leave_out_what_came_after_a_rotation(bench) -> None:
    bench.write(b"1\n")
    bench.lines(bench.follow(start=Start.TAIL))
    bench.write(b"2\n")
    bench.rotate()
    bench.write(b"3\n")
    follower = bench.restart(start=Start.TAIL)
    assert bench.lines(follower) == [b"2", b"3"]
    bench.rotate(".2")
    bench.write(b"4\n")
    assert bench.lines(follower) == [b"4"]


def test_tail_of_a_file_that_comes_later_is_all_of_it(bench) -> None:
    follower = bench.follow(start=Start.TAIL)
    assert bench.lines(follower) == []
    bench.write(b"1\n")
    assert bench.lines(follower) == [b"1"]


def test_what_is_saved_as_it_changes_is_all_there_is(bench) -> None:
    """The rows that a daemon writes and deletes come to the same as the book."""
    rows = {}

    def save() -> None:
        for entry in bench.book.take_retired():
            rows.pop((entry.path, entry.device, entry.inode), None)
        for entry in bench.book.take_changed():
            rows[entry.path, entry.device, entry.inode] = entry

    follower = bench.follow()
    for number in range(6):
        bench.write(b"%d\n" % number)
        bench.lines(follower)
        save()
        assert set(rows.values()) == set(bench.book.positions())
        bench.rotate(f".{number}")
        bench.lines(follower)
        if number % 2:
            Path(f"{bench.path}.{number - 1}").unlink()
        bench.clock.advance(GRACE)
    bench.write(b"last\n")
    bench.lines(follower)
    save()
    assert set(rows.values()) == set(bench.book.positions())
    assert bench.lines(bench.restart(rows.values())) == []
