# SPDX-License-Identifier: MIT
"""The book of positions: what is to be saved, and what not any more."""

from __future__ import annotations

from logban.model import Position
from logban.sources import book as module
from logban.sources.book import Identity, PositionBook


def position(inode: int, offset: int = 0, path: str = "/log") -> Position:
    return Position(path, 1, inode, offset, b"", 0)


def test_what_was_loaded_is_not_to_be_saved_again() -> None:
    book = PositionBook([position(1, 5)])
    assert book.get(Identity(1, 1)) == position(1, 5)
    assert book.take_changed() == ()


def test_changes_are_given_once() -> None:
    book = PositionBook()
    first, second = position(1), position(1, 9)
    book.keep(first)
    book.keep(second)
    assert book.take_changed() == (second,)
    book.keep(second)
    assert book.take_changed() == ()


def test_a_dropped_position_is_retired_and_not_saved() -> None:
    book = PositionBook()
    book.keep(position(1))
    book.drop(Identity(1, 1))
    book.drop(Identity(1, 1))
    assert book.take_changed() == ()
    assert book.take_retired() == (position(1),)
    assert book.take_retired() == ()


def test_a_file_that_is_read_under_another_name_has_one_row() -> None:
    book = PositionBook([position(1, 5, "/log")])
    book.keep(position(1, 5, "/log.1"))
    assert book.take_retired() == (position(1, 5, "/log"),)
    assert book.take_changed() == (position(1, 5, "/log.1"),)
    book.keep(position(1, 6, "/log"))
    assert book.take_retired() == (position(1, 5, "/log.1"),)
    assert book.of_path("/log") == (position(1, 6),)
    assert book.of_path("/log.1") == ()


def test_a_row_that_is_used_again_is_not_retired() -> None:
    book = PositionBook([position(1, 5)])
    book.drop(Identity(1, 1))
    book.keep(position(1, 0))
    assert book.take_retired() == ()
    assert book.take_changed() == (position(1, 0),)


def test_bounded_but_never_forgets_what_is_being_read(monkeypatch) -> None:
    monkeypatch.setattr(module, "_MOST_ENTRIES", 2)
    book = PositionBook()
    book.claim(Identity(1, 1), "/log")
    for inode in (1, 2, 3):
        book.keep(position(inode))
    assert {entry.inode for entry in book.positions()} == {1, 3}
    book.claim(Identity(1, 3), "/log")
    book.claim(Identity(1, 4), "/log")
    book.keep(position(4))
    assert {entry.inode for entry in book.positions()} == {1, 3, 4}
    book.release(Identity(1, 3))
    book.keep(position(5))
    assert {entry.inode for entry in book.positions()} == {1, 4, 5}
