# SPDX-License-Identifier: MIT
"""The kernel's own word of what has happened in some directories."""

from __future__ import annotations

import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from logban.sources.inotify import Heard, Inotify


@pytest.fixture
def inotify() -> Iterator[Inotify]:
    made = Inotify()
    yield made
    made.close()


def test_what_grows_is_told_by_directory_and_name(inotify: Inotify, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "log").touch()
        inotify.add(str(tmp_path / name))
    assert list(inotify.read()) == []
    (tmp_path / "two" / "log").write_bytes(b"1\n")
    with (tmp_path / "one" / "a name of any length \xe9 at all").open("wb", 0) as file:
        assert {heard.names_changed for heard in inotify.read()} == {False, True}
        for _ in range(3):
            file.write(b"x")
    assert select.select([inotify], [], [], 5)[0]
    one = str(tmp_path / "one")
    assert set(inotify.read()) == {Heard(one, "a name of any length \xe9 at all", False)}


def test_more_than_one_read_holds(inotify: Inotify, tmp_path: Path) -> None:
    inotify.add(str(tmp_path))
    paths = [tmp_path / f"{'x' * 200}{number}" for number in range(400)]
    for path in paths:
        path.write_bytes(b"x")
    assert {heard.name for heard in inotify.read()} == {path.name for path in paths}


def test_names_that_come_and_go(inotify: Inotify, tmp_path: Path) -> None:
    directory, log = str(tmp_path), tmp_path / "log"
    inotify.add(directory)
    for change, names in (
        (log.touch, ["log"]),
        (lambda: log.rename(f"{log}.1"), ["log", "log.1"]),
        (lambda: Path(f"{log}.1").unlink(), ["log.1"]),
        ((tmp_path / "folder").mkdir, ["folder"]),
    ):
        change()
        heard = [each for each in inotify.read() if each.names_changed]
        assert heard == [Heard(directory, name, True) for name in names]


def test_a_directory_that_is_let_go_of(inotify: Inotify, tmp_path: Path) -> None:
    inotify.add(str(tmp_path))
    inotify.remove(str(tmp_path))
    inotify.remove(str(tmp_path))
    (tmp_path / "log").write_bytes(b"1")
    assert list(inotify.read()) == []
    assert str(tmp_path) not in inotify


def test_a_directory_that_is_gone_is_told_of_and_no_longer_heard_of(
    inotify: Inotify, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    inotify.add(str(gone))
    assert str(gone) in inotify
    gone.rmdir()
    assert Heard(str(gone), "", True) in list(inotify.read())
    assert str(gone) not in inotify
    inotify.remove(str(gone))


def test_a_directory_that_is_renamed_is_told_of(inotify: Inotify, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    inotify.add(str(moved))
    moved.rename(tmp_path / "away")
    assert list(inotify.read()) == [Heard(str(moved), "", True)]


def test_two_paths_of_one_directory(inotify: Inotify, tmp_path: Path) -> None:
    """The kernel gives both of them the same watch."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    inotify.add(str(one))
    one.rename(two)
    inotify.add(str(two))
    list(inotify.read())
    (two / "log").touch()
    assert {heard.directory for heard in inotify.read()} == {str(one), str(two)}
    inotify.remove(str(one))
    (two / "log").write_bytes(b"1")
    assert set(inotify.read()) == {Heard(str(two), "log", False)}


def test_what_the_kernel_has_dropped_is_told(inotify: Inotify, tmp_path: Path) -> None:
    inotify.add(str(tmp_path))
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    with (tmp_path / "one").open("wb", 0) as one, (tmp_path / "two").open("wb", 0) as two:
        for _ in range(most // 2 + 1):  # in turn: what is like the last one is told once
            one.write(b"1")
            two.write(b"2")
    heard = list(inotify.read())
    assert len(heard) == most + 1
    assert heard[-1] == Heard("", "", True)


def test_what_is_no_directory_is_refused(inotify: Inotify, tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    with pytest.raises(NotADirectoryError):
        inotify.add(str(tmp_path / "log"))
    with pytest.raises(FileNotFoundError):
        inotify.add(str(tmp_path / "none"))
