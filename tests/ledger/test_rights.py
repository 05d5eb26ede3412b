# SPDX-License-Identifier: MIT
"""A database that others could have written is not used, and a new one is nobody else's."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

import pytest

from logban.errors import LedgerError
from logban.ledger.opening import open_ledger
from logban.ledger.records import Checkpoint
from logban.ledger.store import Store

MAN = pwd.getpwnam("man").pw_uid  # a user of Debian's base-passwd


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database that has been used."""
    made = tmp_path / "state" / "logban.sqlite3"
    made.parent.mkdir()
    store = Store(made)
    store.commit(Checkpoint())
    store.close()
    return made


def test_a_new_one_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = Store(tmp_path / "logban.sqlite3")
        store.commit(Checkpoint())
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(before)
    assert {"logban.sqlite3", "logban.sqlite3-wal", "logban.sqlite3.lock"} <= modes.keys()
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize(("what", "mode"), [("", 0o666), ("..", 0o777)])
def test_one_that_everybody_can_write_to_is_refused(path: Path, what: str, mode: int) -> None:
    (path if not what else path.parent).chmod(mode)
    for use in (Store, open_ledger):
        with pytest.raises(LedgerError, match=r"^everybody can write to the .*; do: chmod o-"):
            use(path)


def test_one_of_somebody_else_is_refused(path: Path) -> None:
    os.chown(path, MAN, -1)
    with pytest.raises(LedgerError, match=f"belongs to user {MAN}"):
        Store(path)


def test_root_may_open_that_of_the_service(path: Path) -> None:
    for each in (path, path.parent):
        os.chown(each, MAN, -1)
    Store(path).close()


def test_where_the_sticky_bit_is_set_it_has_to_be_ours(path: Path) -> None:
    path.parent.chmod(0o1777)
    Store(path).close()
    os.chown(path, MAN, -1)
    with pytest.raises(LedgerError, match="belongs to user"):
        Store(path)


@pytest.mark.parametrize("part", ["-wal", "-journal", "-shm", ".lock"])
def test_what_belongs_to_it_is_looked_at_as_well(path: Path, part: str) -> None:
    """SQLite would take in what the journal says: bans of his own, if he could leave one."""
    beside = path.with_name(f"{path.name}{part}")
    path.unlink()
    path.parent.chmod(0o1777)
    beside.touch()
    os.chown(beside, MAN, -1)
    with pytest.raises(LedgerError, match=f"{part} belongs to user {MAN}"):
        Store(path)
    os.chown(beside, 0, -1)
    beside.chmod(0o666)
    with pytest.raises(LedgerError, match=rf"everybody can write to the ledger's .*{part},"):
        Store(path)
    beside.chmod(0o600)
    Store(path).close()


def test_a_lock_is_made_where_it_seems_to_be(path: Path, tmp_path: Path) -> None:
    lock = path.with_name(f"{path.name}.lock")
    lock.unlink()
    lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LedgerError, match="can't be made"):
        Store(path)
    assert not (tmp_path / "elsewhere").exists()
