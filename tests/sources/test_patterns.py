# SPDX-License-Identifier: MIT
"""What patterns lead to, and where to watch for more."""

from __future__ import annotations

from pathlib import Path

import pytest

from logban.sources.patterns import WatchPoint, expand, watch_points


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a/one.log", "a/two.log", "b/one.log", "a/one.log.1", "a/one.log.2.gz"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "a" / "dir.log").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    return tmp_path


def test_a_plain_path_leads_to_itself(tree: Path) -> None:
    assert expand(f"{tree}/a/one.log") == [f"{tree}/a/one.log"]
    assert expand(f"{tree}/none/none.log") == [f"{tree}/none/none.log"]
    assert expand(f"{tree}/link/none.log") == [f"{tree}/a/none.log"]


def test_wildcards(tree: Path) -> None:
    assert expand(f"{tree}/a/*.log") == [f"{tree}/a/one.log", f"{tree}/a/two.log"]
    assert expand(f"{tree}/*/one.log") == [f"{tree}/a/one.log", f"{tree}/b/one.log"]
    assert expand(f"{tree}/a/one.log*") == [f"{tree}/a/one.log", f"{tree}/a/one.log.1"]
    assert expand(f"{tree}/[c-z]/*") == []


def points(pattern: str) -> set[WatchPoint]:
    return set(watch_points(pattern))


def test_the_directory_of_a_plain_path_is_watched(tree: Path) -> None:
    assert points(f"{tree}/a/one.log") == {WatchPoint(f"{tree}/a", "one.log*")}
    assert points(f"{tree}/link/one.log") == {WatchPoint(f"{tree}/a", "one.log*")}


def test_the_nearest_directory_that_exists_is_watched(tree: Path) -> None:
    assert points(f"{tree}/none/deep/x.log") == {WatchPoint(str(tree), "none")}


def test_directories_of_wildcards_are_watched(tree: Path) -> None:
    assert points(f"{tree}/*/x.log") == {
        WatchPoint(str(tree), "*"),
        WatchPoint(f"{tree}/a", "x.log*"),
        WatchPoint(f"{tree}/b", "x.log*"),
    }


def test_the_root_itself_is_no_trouble() -> None:
    assert points("/") == {WatchPoint("/", "*")}


def test_a_directory_that_cannot_be_read(tree: Path, monkeypatch) -> None:
    def refuse(_: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", refuse)
    assert points(f"{tree}/*/x.log") == {WatchPoint(str(tree), "*")}
