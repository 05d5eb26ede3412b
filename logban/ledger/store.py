# SPDX-License-Identifier: MIT
"""The ledger's database: SQLite in WAL mode, with one writer.

A checkpoint is one transaction, so that after a crash the files' positions and all that the
lines up to them led to are of one and the same moment.  ``synchronous`` is FULL: what was
committed survives the loss of power, and a commit a second costs nothing that anybody notices.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Final

from logban.errors import LedgerDamaged, LedgerError, LedgerUnwritable
from logban.ledger.offences import MAX_OFFENCES, Offence
from logban.ledger.records import Allowed, Checkpoint, PastBan, Stored
from logban.ledger.rights import check_rights, make_private
from logban.ledger.rows import BAN_COLUMNS, KINDS, ORIGINS, ban_of, key_of, subject_of
from logban.ledger.writing import write
from logban.model import NO_FIELDS, Ban, Evidence, Position, Subject

LATE: Final = 60.0
"""Seconds that an ended ban may be in force where bans are taken back by hand, and not at once."""

CACHE: Final = 16 * 1024
"""KiB of pages that are kept in memory, once there is so much: a flood's transaction changes more
pages than SQLite's own 2 MiB hold, and what finds no room is written and read again and again.
"""

_SCHEMA: Final = """
CREATE TABLE bans (
    id INTEGER PRIMARY KEY,
    jail TEXT NOT NULL, kind TEXT NOT NULL, network TEXT NOT NULL, user TEXT NOT NULL,
    time REAL NOT NULL, until REAL, failures INTEGER NOT NULL, rule TEXT NOT NULL,
    origin TEXT NOT NULL, reason TEXT NOT NULL, ended REAL, ended_by TEXT NOT NULL,
    UNIQUE (jail, kind, network, user, time)
);
CREATE INDEX bans_in_force ON bans (jail) WHERE ended IS NULL;
CREATE INDEX bans_ended ON bans (ended) WHERE ended IS NOT NULL;
CREATE INDEX bans_of_network ON bans (network);
CREATE TABLE evidence (
    ban INTEGER NOT NULL REFERENCES bans (id) ON DELETE CASCADE,
    time REAL NOT NULL, rule TEXT NOT NULL, line TEXT NOT NULL, source TEXT NOT NULL
);
CREATE INDEX evidence_of_ban ON evidence (ban);
CREATE TABLE floors (
    kind TEXT NOT NULL, network TEXT NOT NULL, user TEXT NOT NULL, time REAL NOT NULL,
    PRIMARY KEY (kind, network, user)
) WITHOUT ROWID;
CREATE TABLE allowed (
    entry TEXT PRIMARY KEY, added REAL NOT NULL, until REAL, note TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE tracked (
    jail TEXT NOT NULL, kind TEXT NOT NULL, network TEXT NOT NULL, user TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (jail, kind, network, user)
) WITHOUT ROWID;
CREATE TABLE positions (
    path BLOB NOT NULL, device INTEGER NOT NULL, inode INTEGER NOT NULL,
    offset INTEGER NOT NULL, head BLOB NOT NULL, head_length INTEGER NOT NULL,
    PRIMARY KEY (path, device, inode)
) WITHOUT ROWID;
"""
# Tables that came later; an older logban that opens the database passes them over.
_ADDED: Final = """
CREATE TABLE IF NOT EXISTS pending (
    jail TEXT NOT NULL, kind TEXT NOT NULL, network TEXT NOT NULL, user TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (jail, kind, network, user)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS names (
    name TEXT PRIMARY KEY, addresses TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notes (
    jail TEXT NOT NULL, about TEXT NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (jail, about)
) WITHOUT ROWID;
"""
_STEPS: Final = (
    _SCHEMA,
    # Before there were offences, every ban of a jail was one unless it was taken back.
    """
    ALTER TABLE bans ADD COLUMN offence INTEGER NOT NULL DEFAULT 0;
    UPDATE bans SET offence = 1 WHERE origin = 'jail' AND ended_by NOT IN ('hand', 'exempt');
    """,
    "ALTER TABLE evidence ADD COLUMN weight REAL NOT NULL DEFAULT 1;",
)
"""What leads from each version of the schema to the next, from none to the first."""

SCHEMA_VERSION: Final = len(_STEPS)

_BAD_DISK: Final = frozenset({errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO})

_IN_FORCE: Final = (
    "SELECT id, jail, kind, network, user, time, until, failures, rule, origin, reason, offence"
    " FROM bans WHERE ended IS NULL"
)


class Store:
    """The database, for one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open or make the database; LedgerError if it can't be used."""
        self.path = path
        check_rights(path)
        self._lock = self._locked(path)
        try:
            with ExitStack() as undo:
                undo.callback(os.close, self._lock)
                make_private(path)
                self._database = sqlite3.connect(
                    path, isolation_level=None, check_same_thread=False
                )
                undo.callback(self._database.close)
                self._database.execute("PRAGMA journal_mode = WAL")
                self._database.execute("PRAGMA synchronous = FULL")
                self._database.execute("PRAGMA foreign_keys = ON")
                self._database.execute(f"PRAGMA cache_size = -{CACHE}")
                self._prepare()
                undo.pop_all()
        except sqlite3.Error as error:
            raise _kind(error)(
                f"the ledger {path} can't be opened: {error}; check the directory and its owner, "
                "or move the file away to start with an empty one"
            ) from error

    @staticmethod
    def _locked(path: Path) -> int:
        """Keep a second daemon out while this process lives; give the lock's descriptor."""
        lock = path.with_name(f"{path.name}.lock")
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            kind = LedgerUnwritable if error.errno in _BAD_DISK else LedgerError
            raise kind(f"{lock} can't be made: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise LedgerError(
                f"another logban uses the ledger {path}; stop it, or give this one another --state"
            ) from error
        return descriptor

    def _prepare(self) -> None:
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise LedgerError(
                f"the ledger {self.path} has version {version} and this logban knows "
                f"{SCHEMA_VERSION}; it was written by a newer one"
            )
        if version < SCHEMA_VERSION:
            steps = " ".join(_STEPS[version:])
            script = f"BEGIN; {steps} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            self._database.executescript(script)
        self._database.executescript(_ADDED)

    def close(self) -> None:
        """Close the database and let another daemon have it."""
        self._database.close()
        os.close(self._lock)

    def check(self) -> None:
        """Look through all pages; LedgerDamaged if one is not as it was written.

        By a connection of its own, so that this can be done in another thread.
        """
        try:
            with closing(sqlite3.connect(self.path)) as own:
                ((found,),) = own.execute("PRAGMA quick_check(1)").fetchall()
        except sqlite3.Error as error:
            raise _kind(error)(f"the ledger {self.path} can't be read: {error}") from error
        if found != "ok":
            raise LedgerDamaged(f"the ledger {self.path} is damaged: {found}")

    def load(self) -> Stored:
        """Give what a start needs: bans that had not ended, floors, trackers, positions."""
        # What waits to be taken out of force waits no longer than that behind the newest end.
        ended = self._query(
            f"SELECT id, {BAN_COLUMNS} FROM bans"  # noqa: S608  # columns are a constant
            " WHERE ended > (SELECT max(ended) FROM bans) - ?",
            (LATE,),
        )
        active = self._active()
        return Stored(
            active=tuple(sorted((ban for _, ban in active), key=attrgetter("time"))),
            ended=tuple(ban_of(row) for row in ended),
            floors={
                subject_of(kind, network, user): time
                for kind, network, user, time in self._query("SELECT * FROM floors")
            },
            allowed=tuple(Allowed(*row) for row in self._query("SELECT * FROM allowed")),
            tracked={
                (jail, subject_of(kind, network, user)): state
                for jail, kind, network, user, state in self._query("SELECT * FROM tracked")
            },
            pending={
                (jail, subject_of(kind, network, user)): state
                for jail, kind, network, user, state in self._query("SELECT * FROM pending")
            },
            names=dict(self._query("SELECT * FROM names")),
            notes={
                (jail, about): state for jail, about, state in self._query("SELECT * FROM notes")
            },
            positions=tuple(
                Position(os.fsdecode(path), device, inode % 2**64, *rest)
                for path, device, inode, *rest in self._query("SELECT * FROM positions")
            ),
            offences=self._offences(active),
        )

    def commit(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, whole or not at all; LedgerError if it can't be."""
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                write(self._database, checkpoint)
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:  # SQLite itself rolls back when the disk is full
                    self._database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise _kind(error)(f"the ledger {self.path} can't be written: {error}") from error

    def history(self, subject: Subject, limit: int) -> list[PastBan]:
        """Give a subject's bans with their evidence, the newest first."""
        rows = self._query(
            f"SELECT id, {BAN_COLUMNS} FROM bans WHERE kind = ? AND network = ? AND user = ?"  # noqa: S608  # columns are a constant
            " ORDER BY time DESC LIMIT ?",
            (*key_of(subject), limit),
        )
        return [
            PastBan(ban_of(row, tuple(self._evidence(row[0]))), ended=row[11], ended_by=row[12])
            for row in rows
        ]

    def count(self) -> int:
        """Give the number of bans that it knows, past and present."""
        (number,) = self._query("SELECT count(*) FROM bans")[0]
        return int(number)

    def purge(self, ended_before: float) -> int:
        """Drop the history of bans that ended before a time; give how many."""
        try:
            cursor = self._database.execute("DELETE FROM bans WHERE ended < ?", (ended_before,))
        except sqlite3.Error as error:
            raise _kind(error)(f"the ledger {self.path} can't be written: {error}") from error
        return cursor.rowcount

    def _active(self) -> list[tuple[int, Ban]]:
        """Give the bans in force by their number.

        They may be a hundred thousand, and somebody waits for the start: what many have in common
        is kept once, and nothing is read that is the same of all of them.
        """
        same: dict[str, str] = {}
        once = same.setdefault
        return [
            (
                number,
                Ban(
                    once(jail, jail),
                    Subject(KINDS[kind], network, user),
                    time,
                    until,
                    failures,
                    once(rule, rule),
                    (),
                    ORIGINS[origin],
                    once(reason, reason),
                    offence,
                    NO_FIELDS,
                ),
            )
            for number, jail, kind, network, user, time, until, failures, rule, origin, reason,
            offence in self._each(_IN_FORCE)
        ]  # fmt: skip

    def _offences(self, active: Iterable[tuple[int, Ban]]) -> tuple[Offence, ...]:
        """Give the newest bans that count, in the order in which they were laid.

        ``active`` are those in force with their numbers; they are not read a second time.
        """
        rows = self._each(
            "SELECT id, jail, kind, network, user, time, until, ended FROM bans"
            " WHERE offence > 0 AND ended IS NOT NULL ORDER BY id DESC LIMIT ?",
            (MAX_OFFENCES,),
        )
        offences = [
            (number, Offence(jail, subject_of(kind, network, user), time, _end_of(until, ended)))
            for number, jail, kind, network, user, time, until, ended in rows
        ]
        offences += [
            (number, Offence(ban.jail, ban.subject, ban.time, ban.until))
            for number, ban in active
            if ban.offence
        ]
        offences.sort(key=itemgetter(0))
        return tuple(offence for _, offence in offences[-MAX_OFFENCES:])

    def _evidence(self, ban: int) -> Iterator[Evidence]:
        query = "SELECT time, rule, line, source, weight FROM evidence WHERE ban = ? ORDER BY rowid"
        return (Evidence(*row) for row in self._query(query, (ban,)))

    def _query(self, sql: str, values: Iterable[object] = ()) -> list[tuple]:  # type: ignore[type-arg]  # rows are as wide as their query
        try:
            return self._database.execute(sql, tuple(values)).fetchall()
        except sqlite3.Error as error:
            raise _kind(error)(f"the ledger {self.path} can't be read: {error}") from error

    def _each(self, sql: str, values: Iterable[object] = ()) -> Iterator[tuple]:  # type: ignore[type-arg]  # as above
        """Give row after row: a hundred thousand at once would be a peak of memory."""
        try:
            yield from self._database.execute(sql, tuple(values))
        except sqlite3.Error as error:
            raise _kind(error)(f"the ledger {self.path} can't be read: {error}") from error


def _kind(error: sqlite3.Error) -> type[LedgerError]:
    """Tell which error SQLite's is, by the low byte of its code: the rest gives the details."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return LedgerDamaged
    if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY}:
        return LedgerUnwritable
    return LedgerError


def _end_of(until: float | None, ended: float | None) -> float | None:
    """Give when a ban ends or ended: what was lifted ended before its time."""
    return min((end for end in (until, ended) if end is not None), default=None)
