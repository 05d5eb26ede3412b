# SPDX-License-Identifier: MIT
"""Opening the ledger's database where it can't be used as it is: damaged, or on a bad disk.

A host without its ban service is worse off than one whose bans are in memory for a while.
"""

from __future__ import annotations

import logging
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from logban.errors import LedgerDamaged, LedgerError, LedgerUnwritable
from logban.ledger.records import Checkpoint, PastBan, Stored
from logban.ledger.store import Store
from logban.model import Subject

log = logging.getLogger(__name__)

_PARTS: Final = ("", "-wal", "-shm")
"""What SQLite keeps of one database, by what is appended to its name."""

_MEMORY: Final = "/dev/shm"  # noqa: S108  # a directory of our own is made in it


class StandIn:
    """What is used as long as the database can't be written: a copy of it, for reading.

    Every commit tries to open the database again and fails as long as that fails, so whoever
    commits keeps what has changed; once it is open all goes to it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._real: Store | None = None
        self._copy: Store | None = None
        self._directory: TemporaryDirectory[str] | None = None
        for place in (None, _MEMORY):
            with suppress(OSError, LedgerError), ExitStack() as undo:
                directory = TemporaryDirectory(prefix="logban-", dir=place)
                undo.callback(directory.cleanup)
                copy = Path(directory.name, path.name)
                for part in _PARTS[:2]:
                    if Path(f"{path}{part}").exists():
                        shutil.copyfile(f"{path}{part}", f"{copy}{part}")
                self._copy, self._directory = Store(copy), directory
                undo.pop_all()
                return
        log.error("what the ledger %s holds can't be read either", path)

    @property
    def can_read(self) -> bool:
        """Tell whether it has what the database held."""
        return self._copy is not None

    def load(self) -> Stored:
        """Give what a start needs, as far as it can be read."""
        return Stored() if self._copy is None else self._copy.load()

    def commit(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint to the database if it can be opened by now; LedgerError if not."""
        if self._real is None:
            self._real = Store(self.path)
            log.warning("the ledger %s can be written again; nothing is lost", self.path)
        self._real.commit(checkpoint)

    def history(self, subject: Subject, limit: int) -> list[PastBan]:
        """Give a subject's bans, as far as they can be read."""
        store = self._real or self._copy
        return [] if store is None else store.history(subject, limit)

    def count(self) -> int:
        """Give the number of bans that are known."""
        store = self._real or self._copy
        return 0 if store is None else store.count()

    def purge(self, ended_before: float) -> int:
        """Drop the history of bans that ended before a time; give how many."""
        return 0 if self._real is None else self._real.purge(ended_before)

    def close(self) -> None:
        """Let go of everything."""
        for store in (self._real, self._copy):
            if store is not None:
                store.close()
        if self._directory is not None:
            self._directory.cleanup()


Database = Store | StandIn


@dataclass(frozen=True, slots=True)
class Opened:
    """The database, what it holds, and what is to be said of it.

    ``is_lost`` where that is not what was: it was damaged, can't be read, or is not there.  What is
    in force is then all that is known of the bans.
    """

    store: Database
    stored: Stored
    notice: str = ""
    is_lost: bool = False


def open_ledger(path: Path) -> Opened:
    """Open the database; LedgerError where another daemon has it or a newer one has written it."""
    is_new = not path.exists()
    try:
        return Opened(*_sound(path), is_lost=is_new)
    except LedgerDamaged as error:
        try:
            kept = _set_aside(path)
            store = Store(path)
        except (OSError, LedgerError) as second:
            raise LedgerError(f"{error}; and it can't be put aside: {second}") from second
        notice = (
            f"{error}. It is kept as {kept}, and a new one was begun from the bans that are in "
            "force; history, exemptions by hand and counts are gone"
        )
        return Opened(store, Stored(), notice, is_lost=True)
    except LedgerUnwritable as error:
        notice = f"{error}. Bans are kept in memory until it can be written"
        stand_in = StandIn(path)
        return Opened(stand_in, stand_in.load(), notice, is_lost=not stand_in.can_read)


def _sound(path: Path) -> tuple[Store, Stored]:
    """Open the database and give what it holds; LedgerDamaged if anything in it is damaged.

    All of it is looked through by SQLite while Python makes objects of what a start needs.
    """
    store = Store(path)
    try:
        with ThreadPoolExecutor(1, "ledger-check") as beside:
            checking = beside.submit(store.check)
            try:
                stored = store.load()
            except Exception:
                checking.result()  # what is damaged may be read as anything
                raise
            checking.result()
    except BaseException:
        store.close()
        raise
    return store, stored


def _set_aside(path: Path) -> Path:
    """Give the damaged database another name, with all that belongs to it."""
    kept = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}")
    for part in _PARTS:
        with suppress(FileNotFoundError):
            Path(f"{path}{part}").rename(f"{kept}{part}")
    return kept
