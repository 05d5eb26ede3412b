# SPDX-License-Identifier: MIT
"""The files beside a log, and which of them can be its predecessors."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from logban.sources import siblings
from logban.sources.book import Identity
from logban.sources.siblings import (
    Elder,
    Sibling,
    elders_of,
    head_of,
    is_predecessor,
    neighbours,
    scheme_of,
)


def sibling(name: str) -> Sibling:
    return Sibling(f"/var/log/{name}", Identity(1, 1), 0)


@pytest.mark.parametrize(
    ("name", "scheme"),
    [("full.1", ".0"), ("full.20", ".0"), ("full-20261120", "-0"), ("full", ""), ("other", None)],
)
def test_scheme(name: str, scheme: str | None) -> None:
    assert scheme_of("/var/log/full", sibling(name)) == scheme


@pytest.mark.parametrize(
    ("name", "scheme", "answer"),
    [
        ("full.1", None, True),
        ("full-20261120", None, True),
        ("full_debug", None, False),
        ("full.1.gz", None, False),
        ("messages.1", None, False),
        ("full.2", ".0", True),
        ("full-20261120", ".0", False),
        ("full.bak", ".0", False),
        ("full.1", "", False),
    ],
)
def test_predecessor(name: str, scheme: str | None, answer: bool) -> None:
    assert is_predecessor("/var/log/full", sibling(name), scheme) is answer


def test_a_log_with_a_number_is_not_its_neighbours_log() -> None:
    assert not is_predecessor("/var/log/app1.log", sibling("app2.log.1"), ".0")


def test_neighbours_are_the_other_regular_files_oldest_first(tmp_path: Path) -> None:
    for age, name in enumerate(["full", "full.1", "b", "full.2"]):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    (tmp_path / "full.d").mkdir()
    (tmp_path / "full.link").symlink_to(tmp_path / "full.1")
    known = [Identity.of((tmp_path / "b").stat())]
    path = str(tmp_path / "full")
    assert [entry.name for entry in neighbours(path, known)] == ["full.2", "b", "full.1"]
    assert [entry.name for entry in neighbours(path, ())] == ["full.2", "full.1"]


def test_namesakes_are_those_whose_names_go_on(tmp_path: Path, monkeypatch) -> None:
    """All others are not even looked at: there may be thousands."""
    for name in ("full", "full.1", "other", "ful"):
        (tmp_path / name).touch()
    of = Identity.of
    looked_at: list[int] = []
    monkeypatch.setattr(
        siblings.Identity, "of", lambda status: looked_at.append(status.st_ino) or of(status)
    )
    path = str(tmp_path / "full")
    assert [entry.name for entry in siblings.namesakes(path)] == ["full.1"]
    known = [Identity(0, (tmp_path / "ful").stat().st_ino)]
    assert {entry.name for entry in neighbours(path, known)} == {"full.1", "ful"}
    assert (tmp_path / "ful").stat().st_ino in looked_at
    assert (tmp_path / "other").stat().st_ino not in looked_at


def test_a_crowd_of_namesakes_does_not_hold_the_loop_up(tmp_path: Path, monkeypatch) -> None:
    """Whoever has the directory can make any number of them, and rotate all the time."""
    monkeypatch.setattr(siblings, "MOST_NAMESAKES", 10)
    path = tmp_path / "full"
    for number in range(50):
        path.with_name(f"full.{number}").touch()
    entries = siblings.namesakes(str(path))
    assert len(entries) == 10
    assert len(elders_of(str(path), {})) == 10
    others = {path.with_name(f"full.{number}") for number in range(50)} - {
        Path(entry.path) for entry in entries
    }
    known = [Identity.of(other.stat()) for other in others]
    assert {Path(entry.path) for entry in neighbours(str(path), known)} >= others


def test_no_neighbours_where_there_is_no_directory(tmp_path: Path) -> None:
    assert neighbours(str(tmp_path / "none" / "full"), ()) == []


def test_a_file_that_is_renamed_while_the_directory_is_listed_is_found(monkeypatch) -> None:
    one, two = Sibling("/full.1", Identity(1, 1), 1), Sibling("/full.2", Identity(1, 2), 0)
    listings = iter([[one], [one, two], [one, two]])
    monkeypatch.setattr(siblings, "_listing", lambda *_: next(listings))
    assert neighbours("/full", ()) == [two, one]


def test_a_directory_that_never_stands_still_is_listed_a_few_times(monkeypatch) -> None:
    listings = iter([[Sibling("/full.1", Identity(1, inode), 1)] for inode in range(100)])
    monkeypatch.setattr(siblings, "_listing", lambda *_: next(listings))
    assert len(neighbours("/full", ())) == siblings._MOST_LISTINGS


def test_elders(tmp_path: Path) -> None:
    (tmp_path / "full").write_bytes(b"now")
    (tmp_path / "full.1").write_bytes(b"then")
    (tmp_path / "full.2.gz").write_bytes(b"packed")
    elders = elders_of(str(tmp_path / "full"), {})
    (elder,) = elders.values()
    assert elders_of(str(tmp_path / "full"), elders)[elder.identity] is elder
    assert elder.head == b"then"
    assert elder.is_same(Elder(elder.identity, b"then and later"))
    assert not elder.is_same(Elder(elder.identity, b"another, with the inode"))
    assert not elder.is_same(Elder(Identity(0, 0), b"then"))
    empty = Elder(elder.identity, b"")
    assert empty.is_same(empty)
    assert not empty.is_same(elder)


def test_no_head_where_nothing_can_be_read(tmp_path: Path) -> None:
    assert head_of(str(tmp_path / "none")) == b""
    assert head_of(str(tmp_path)) == b""
