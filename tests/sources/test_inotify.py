# SPDX-License-Identifier: MIT
"""The kernel's own word of what has been written to."""

from __future__ import annotations

import select
from pathlib import Path

import pytest

from logban.sources.inotify import Inotify


def test_what_grows_is_told_by_directory_and_name(tmp_path: Path) -> None:
    inotify = Inotify()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "log").touch()
        inotify.add(str(tmp_path / name))
    assert list(inotify.read()) == []
    (tmp_path / "two" / "log").write_bytes(b"1\n")
    with (tmp_path / "one" / "a name of any length \xe9 at all").open("wb", 0) as file:
        for _ in range(3):
            file.write(b"x")
    assert select.select([inotify], [], [], 5)[0]
    told = list(inotify.read())
    assert set(told) == {
        (str(tmp_path / "two"), "log"),
        (str(tmp_path / "one"), "a name of any length \xe9 at all"),
    }
    inotify.close()


def test_more_than_one_read_holds(tmp_path: Path) -> None:
    inotify = Inotify()
    inotify.add(str(tmp_path))
    paths = [tmp_path / f"{'x' * 200}{number}" for number in range(400)]
    for path in paths:
        path.write_bytes(b"x")
    assert {name for _, name in inotify.read()} == {path.name for path in paths}
    inotify.close()


def test_a_directory_that_is_let_go_of_or_gone(tmp_path: Path) -> None:
    inotify = Inotify()
    kept, gone = tmp_path / "kept", tmp_path / "gone"
    for directory in (kept, gone):
        directory.mkdir()
    number, other = inotify.add(str(kept)), inotify.add(str(gone))
    gone.rmdir()
    (kept / "log").write_bytes(b"1")
    inotify.remove(number)
    inotify.remove(number)
    assert list(inotify.read()) == []
    inotify.remove(other)
    inotify.close()


def test_what_is_no_directory_is_refused(tmp_path: Path) -> None:
    inotify = Inotify()
    (tmp_path / "log").touch()
    with pytest.raises(NotADirectoryError):
        inotify.add(str(tmp_path / "log"))
    with pytest.raises(FileNotFoundError):
        inotify.add(str(tmp_path / "none"))
    inotify.close()
