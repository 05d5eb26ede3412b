# SPDX-License-Identifier: MIT
"""A log followed through rotation, truncation and everything else that happens to its name."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

from logban.sources import follower as follower_module
from logban.sources import siblings, succession
from logban.sources.follower import FileFollower, Start
from logban.sources.older import GRACE
from logban.sources.reader import Reader
from logban.sources.report import SourceState


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


def test_a_file_that_waits_for_a_descriptor_costs_no_look_at_the_directory(
    bench, monkeypatch
) -> None:
    """Of two thousand files one half may wait, and each of them looks every second."""
    bench.write(b"1\n")
    listed: list[str] = []
    listing = siblings._listing
    monkeypatch.setattr(
        siblings, "_listing", lambda *given: listed.append(given[0]) or listing(*given)
    )

    def full(_path: str) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as short:
        short.setattr(follower_module, "open_to_read", full)
        waiting = bench.follow()
        for _ in range(3):
            waiting.look()
        assert "Too many open files" in waiting.reason
        assert listed == []
    assert bench.lines(waiting) == [b"1"]
    assert listed


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
