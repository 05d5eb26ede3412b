# SPDX-License-Identifier: MIT
"""A log followed through rotation, truncation and everything else that happens to its name."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

import pytest

from logban.sources import opening, siblings, succession
from logban.sources.book import Identity
from logban.sources.follower import FileFollower, Start
from logban.sources.older import GRACE
from logban.sources.reader import Reader
from logban.sources.report import SourceState
from logban.sources.siblings import Elder, Sibling


def offsets(follower: FileFollower) -> tuple[int, int, int]:
    return follower.size, follower.offset, follower.lag


def test_lines_that_were_there_and_lines_that_come(bench) -> None:
    bench.write(b"one\ntwo\n")
    follower = bench.follow()
    (found,) = bench.blocks(follower)
    assert (found.data, found.offset, found.live) == (b"one\ntwo\n", 0, False)
    bench.write(b"three\n")
    (come,) = bench.blocks(follower)
    assert (come.data, come.offset, come.live) == (b"three\n", 8, True)
    assert come.position.offset == 14
    assert follower.tally.lines == 3
    assert follower.tally.bytes == 14


def test_read_looks_by_itself_at_first(bench) -> None:
    bench.write(b"one\n")
    block = bench.follow().read()
    assert block is not None


def test_progress_of_a_first_read(bench) -> None:
    bench.write(b"0123456\n" * 1000)
    follower = bench.follow()
    follower.look()
    assert follower.state is SourceState.CATCHING_UP
    assert offsets(follower) == (8000, 0, 8000)
    follower.read(4000)
    assert follower.state is SourceState.CATCHING_UP
    assert offsets(follower) == (8000, 4000, 4000)
    bench.lines(follower)
    assert follower.state is SourceState.FOLLOWING
    assert offsets(follower) == (8000, 8000, 0)


def test_a_file_that_appears_later_is_live_from_its_first_line(bench) -> None:
    follower = bench.follow()
    assert bench.blocks(follower) == []
    assert follower.state is SourceState.WAITING
    assert follower.reason == "there is no such file"
    assert follower.idle
    assert offsets(follower) == (0, 0, 0)
    bench.write(b"one\n")
    (block,) = bench.blocks(follower)
    assert (block.data, block.live) == (b"one\n", True)
    assert (follower.state, follower.reason) == (SourceState.FOLLOWING, "")


def test_a_file_that_a_glob_found_later_is_live_from_its_first_line(bench) -> None:
    bench.write(b"one\n")
    (block,) = bench.blocks(bench.follow(appeared=True, start=Start.TAIL))
    assert (block.data, block.live) == (b"one\n", True)


def test_a_directory_that_appears_later(bench, tmp_path) -> None:
    path = tmp_path / "new" / "log"
    follower = bench.follow(path)
    assert bench.lines(follower) == []
    path.parent.mkdir()
    bench.write(b"one\n", path)
    assert bench.lines(follower) == [b"one"]


def test_renamed_and_made_anew(bench) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    assert bench.lines(follower) == [b"1"]
    old = bench.rotate()
    bench.write(b"2\n", old)
    bench.write(b"3\n")
    blocks = bench.blocks(follower)
    assert [(block.data, block.live) for block in blocks] == [(b"2\n", True), (b"3\n", True)]
    bench.write(b"4\n", old)
    bench.write(b"5\n")
    assert bench.lines(follower) == [b"4", b"5"]
    assert follower.tally.rotations == 1


def test_renamed_with_nothing_in_its_place(bench) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    old = bench.rotate()
    bench.write(b"2\n", old)
    assert bench.lines(follower) == [b"2"]
    assert follower.state is SourceState.DRAINING
    assert follower.reason == "there is no such file"
    bench.clock.advance(3 * 3600)
    bench.write(b"3\n", old)
    assert bench.lines(follower) == [b"3"]
    bench.write(b"4\n")
    assert bench.lines(follower) == [b"4"]
    assert follower.state is SourceState.FOLLOWING


def test_removed_and_made_anew(bench) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    with bench.path.open("ab") as writer:
        bench.path.unlink()
        bench.write(b"2\n")
        writer.write(b"late\n")
        writer.flush()
        assert bench.lines(follower) == [b"late", b"2"]


def test_renamed_and_back_again(bench) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    old = bench.rotate()
    bench.write(b"2\n")
    assert bench.lines(follower) == [b"2"]
    old.replace(bench.path)
    bench.write(b"3\n")
    assert bench.lines(follower) == [b"3"]
    bench.rotate()
    bench.write(b"4\n")
    assert bench.lines(follower) == [b"4"]


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

    def neighbours(path: str) -> list[Sibling]:
        found = real(path)
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


def test_copytruncate(bench) -> None:
    bench.write(b"1\n2\n")
    follower = bench.follow()
    bench.lines(follower)
    Path(f"{bench.path}.1").write_bytes(bench.path.read_bytes())
    os.truncate(bench.path, 0)
    bench.write(b"3\n")
    assert bench.lines(follower) == [b"3"]
    bench.write(b"4\n")
    assert bench.lines(follower) == [b"4"]
    assert (follower.tally.truncations, follower.tally.rotations) == (1, 0)


def test_a_link_that_is_laid_to_another_file(bench, tmp_path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    bench.write(b"1\n", one)
    bench.path.symlink_to(one)
    follower = bench.follow()
    assert bench.lines(follower) == [b"1"]
    bench.write(b"2\n", two)
    bench.path.unlink()
    bench.path.symlink_to(two)
    bench.write(b"late\n", one)
    blocks = bench.blocks(follower)
    assert [(block.data, block.live) for block in blocks] == [(b"late\n", True), (b"2\n", True)]


def test_what_is_no_file_is_waited_for(bench) -> None:
    follower = bench.follow()
    bench.path.mkdir()
    assert bench.lines(follower) == []
    assert (follower.state, follower.reason) == (
        SourceState.WAITING,
        "it is a directory, not a file",
    )
    bench.path.rmdir()
    os.mkfifo(bench.path)
    assert bench.lines(follower) == []
    assert follower.reason == "it is a FIFO, not a file"
    bench.path.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(bench.path))
        assert bench.lines(follower) == []
        assert follower.reason == "it is a device or socket, not a file"
    bench.path.unlink()
    bench.write(b"1\n")
    assert bench.lines(follower) == [b"1"]
    bench.rotate()
    bench.path.mkdir()
    assert bench.lines(follower) == []
    assert follower.state is SourceState.DRAINING


def test_a_fifo_that_comes_between_looking_and_opening(bench, monkeypatch) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    monkeypatch.setattr(
        succession, "elders_of", lambda *_: bench.path.unlink() or os.mkfifo(bench.path)
    )
    assert bench.lines(follower) == []
    assert follower.state is SourceState.WAITING


def test_a_loop_of_links(bench) -> None:
    bench.path.symlink_to(bench.path)
    follower = bench.follow()
    assert bench.lines(follower) == []
    assert follower.reason.startswith("it cannot be looked at: ")
    bench.path.unlink()
    bench.write(b"1\n")
    (block,) = bench.blocks(follower)
    assert not block.live


def test_a_file_that_may_not_be_read_is_no_news_once_it_may(bench, monkeypatch) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    really_open = os.open

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert bench.lines(follower) == []
    assert follower.state is SourceState.WAITING
    assert follower.reason == "it cannot be opened: Permission denied"
    monkeypatch.setattr(os, "open", really_open)
    (block,) = bench.blocks(follower)
    assert (block.data, block.live) == (b"1\n", False)


def test_a_file_that_fails_is_opened_again_where_it_was(bench, monkeypatch) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    bench.write(b"2\n")
    really_pread = os.pread

    def fail(*_: object) -> bytes:
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(os, "pread", fail)
    assert bench.lines(follower) == []
    assert follower.reason == "it cannot be read: Stale file handle"
    assert bench.lines(follower) == []
    assert follower.reason == "it cannot be opened: Stale file handle"
    monkeypatch.setattr(os, "pread", really_pread)
    assert bench.lines(follower) == [b"2"]


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


def test_sizes_and_names_that_cannot_be_had_are_no_error(bench, monkeypatch) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    bench.rotate()
    bench.lines(follower)

    def fail(_: Reader) -> int:
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(Reader, "size", property(fail))
    monkeypatch.setattr(Reader, "linked", property(fail))
    assert follower.lag == 0
    bench.clock.advance(GRACE)
    assert bench.lines(follower) == []
    assert follower.idle


def test_a_file_is_read_once_whatever_its_names(bench, tmp_path) -> None:
    bench.write(b"1\n")
    first, second = bench.follow(), bench.follow(tmp_path / "other")
    os.link(bench.path, tmp_path / "other")
    assert bench.lines(first) == [b"1"]
    assert bench.lines(second) == []
    assert second.alias_of == str(bench.path)
    assert second.reason == f"it is being read as {bench.path}"
    bench.write(b"2\n")
    first.close()
    assert bench.lines(second) == [b"2"]
    assert second.alias_of is None


def test_a_file_that_is_read_already_costs_no_look_at_the_directory(
    bench, tmp_path, monkeypatch
) -> None:
    """Behind a glob there may be hundreds, and each of them looks every second."""
    bench.write(b"1\n")
    bench.lines(bench.follow())
    os.link(bench.path, tmp_path / "other")
    second = bench.follow(tmp_path / "other")
    listed: list[str] = []
    monkeypatch.setattr(siblings, "_listing", lambda *given: listed.append(given[0]) or [])
    for _ in range(2):
        second.look()
    assert second.alias_of == str(bench.path)
    assert listed == []


def test_a_glob_that_matches_the_rotated_names_too(bench) -> None:
    old_path = Path(f"{bench.path}.1")
    bench.write(b"old\n", old_path)
    bench.write(b"1\n")
    log, old = bench.follow(), bench.follow(old_path)
    assert bench.lines(log) + bench.lines(old) == [b"1", b"old"]
    old_path.rename(f"{bench.path}.2")
    bench.rotate()
    bench.write(b"2\n")
    older = bench.follow(Path(f"{bench.path}.2"), appeared=True)
    for follower, lines in ((log, [b"2"]), (old, []), (older, [])):
        assert bench.lines(follower) == lines
    bench.write(b"late\n", old_path)
    bench.clock.advance(2 * 86400)
    found = [line for _ in range(3) for each in (log, old, older) for line in bench.lines(each)]
    assert found == [b"late"]
    bench.clock.advance(2 * 86400)
    assert [
        line for _ in range(3) for each in (log, old, older) for line in bench.lines(each)
    ] == []
    bench.write(b"later\n", old_path)
    assert bench.lines(old) == [b"later"]


def test_leaving(bench) -> None:
    bench.write(b"1\n")
    follower = bench.follow()
    bench.lines(follower)
    follower.is_leaving = True
    bench.write(b"2\nhalf")
    assert bench.lines(follower) == [b"2"]
    assert follower.reason == "it is no longer followed"
    follower.is_leaving = False
    bench.write(b"way\n")
    assert bench.lines(follower) == [b"halfway"]
    assert follower.state is SourceState.FOLLOWING
    follower.is_leaving = True
    bench.lines(follower)
    bench.clock.advance(GRACE)
    bench.lines(follower)
    assert follower.idle


def test_descriptors_stay_below_what_select_can_wait_for(bench, monkeypatch) -> None:
    """However many the process may have: libnftables would end it."""
    monkeypatch.setattr(opening.resource, "getrlimit", lambda _: (65536, 65536))
    bench.write(b"1\n")
    really_open = os.open

    def high(path: str, flags: int) -> int:
        descriptor = really_open(path, flags)
        raised = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 1024)
        os.close(descriptor)
        return raised

    monkeypatch.setattr(os, "open", high)
    follower = bench.follow()
    follower.look()
    assert "Too many open files" in follower.reason
