# SPDX-License-Identifier: MIT
"""Opening a ledger that is sound, damaged, newer, another's, or on a disk that takes nothing."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from logban.errors import LedgerError, LedgerUnwritable
from logban.ledger.opening import StandIn, open_ledger
from logban.ledger.records import BanRow, Checkpoint, Stored
from logban.ledger.store import SCHEMA_VERSION, Store
from logban.model import Ban, Subject

BAN = Ban("pbx", Subject.parse("198.51.100.7"), 1000.0, 2000.0)
OTHER = Ban("pbx", Subject.parse("203.0.113.50"), 1000.0, 2000.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "logban.sqlite3"
    store = Store(made)
    store.commit(Checkpoint(bans=(BanRow(BAN),)))
    store.close()
    return made


def _refusing(path: Path) -> Callable[..., int]:
    """Give an ``os.open`` of a file system that is read-only where the database is."""
    opening = os.open

    def refuse(file: object, *arguments: int, **more: int) -> int:
        if str(file).startswith(str(path)):
            raise OSError(errno.EROFS, "Read-only file system")
        return opening(file, *arguments, **more)  # type: ignore[arg-type]  # a path

    return refuse


def test_a_sound_one(path: Path) -> None:
    opened = open_ledger(path)
    assert opened.notice == ""
    assert not opened.is_lost
    assert opened.store.load().active == (BAN,)
    opened.store.close()


def test_damage_in_a_page_that_a_start_does_not_read(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-4096:] = b"\xff" * 4096
    path.write_bytes(data)
    opened = open_ledger(path)
    assert opened.is_lost
    assert "damaged" in opened.notice
    assert opened.store.load().active == ()
    opened.store.close()
    (kept,) = path.parent.glob("*.damaged-*[0-9]")
    assert kept.read_bytes() == data
    again = open_ledger(path)
    assert not again.is_lost
    again.store.close()


def test_one_that_is_not_there(tmp_path: Path) -> None:
    opened = open_ledger(tmp_path / "logban.sqlite3")
    assert opened.is_lost
    assert opened.notice == ""
    opened.store.close()


def test_one_of_a_newer_logban_or_of_another_daemon_is_left_alone(path: Path) -> None:
    first = Store(path)
    with pytest.raises(LedgerError, match="another logban"):
        open_ledger(path)
    first.close()
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    database.close()
    with pytest.raises(LedgerError, match="newer one"):
        open_ledger(path)
    assert list(path.parent.glob("*damaged*")) == []


def test_where_nothing_can_be_read_either_it_is_lost(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "open", _refusing(path))

    def unreadable(source: str, _: str) -> None:
        raise OSError(errno.EIO, "Input/output error", source)

    monkeypatch.setattr(shutil, "copyfile", unreadable)
    opened = open_ledger(path)
    assert opened.is_lost
    assert "kept in memory" in opened.notice
    assert opened.store.load() == Stored()
    opened.store.close()


def test_what_stands_in_can_be_read_and_passes_on_what_is_committed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "open", _refusing(path))
    opened = open_ledger(path)
    store = opened.store
    assert isinstance(store, StandIn)
    assert "Read-only" in opened.notice
    assert not opened.is_lost
    assert store.load().active == (BAN,)
    assert store.count() == 1
    with pytest.raises(LedgerUnwritable):
        store.commit(Checkpoint(bans=(BanRow(OTHER),)))
    assert store.purge(5000.0) == 0
    monkeypatch.undo()
    store.commit(Checkpoint(bans=(BanRow(OTHER),)))
    assert store.count() == 2
    assert len(store.history(OTHER.subject, 5)) == 1
    store.close()
    again = Store(path)
    assert len(again.load().active) == 2
    again.close()
