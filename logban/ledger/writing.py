# SPDX-License-Identifier: MIT
"""A checkpoint as the statements that write it, within the transaction of whoever calls.

A flood is thousands of bans a second: few statements, each prepared once and run for all.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from logban.ledger.records import MAX_EVIDENCE, BanRow, Checkpoint, State
from logban.ledger.rows import BAN_COLUMNS, ORIGIN_WORDS, WORDS, key_of, storable
from logban.model import Ban, Position, Subject

_NEW_BAN: Final = (
    f"INSERT INTO bans (id, {BAN_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  # columns are a constant
)
_NEW_EVIDENCE: Final = "INSERT INTO evidence VALUES (?, ?, ?, ?, ?, ?)"

_BAN_WRITTEN: Final = (
    f"INSERT INTO bans ({BAN_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  # columns are a constant
    " ON CONFLICT DO UPDATE SET until = excluded.until, failures = excluded.failures,"
    " rule = excluded.rule, origin = excluded.origin, reason = excluded.reason,"
    " ended = excluded.ended, ended_by = excluded.ended_by, offence = excluded.offence"
)

_NUMBER: Final = (
    "SELECT id FROM bans WHERE jail = ? AND kind = ? AND network = ? AND user = ? AND time = ?"
)

_EVIDENCE_CUT: Final = (
    "DELETE FROM evidence WHERE rowid IN (SELECT rowid FROM evidence WHERE ban = ?"  # noqa: S608  # a number that is a constant
    f" ORDER BY rowid DESC LIMIT -1 OFFSET {MAX_EVIDENCE})"
)
"""Leaves the newest lines of a ban."""


def write(database: sqlite3.Connection, checkpoint: Checkpoint) -> None:
    """Write all of it; sqlite3.Error leaves it half done."""
    run, many = database.execute, database.executemany
    _write_bans(database, checkpoint.bans)
    for subject, floor in checkpoint.floors.items():
        key = key_of(subject)
        run("DELETE FROM floors WHERE kind = ? AND network = ? AND user = ?", key)
        if floor is not None:
            run("INSERT INTO floors VALUES (?, ?, ?, ?)", (*key, floor))
            run(
                "UPDATE bans SET offence = 0"
                " WHERE kind = ? AND network = ? AND user = ? AND time <= ?",
                (*key, floor),
            )
    for entry, item in checkpoint.allowed.items():
        run("DELETE FROM allowed WHERE entry = ?", (entry,))
        if item is not None:
            values = (entry, item.added, item.until, storable(item.note))
            run("INSERT INTO allowed VALUES (?, ?, ?, ?)", values)
    _write_states(database, "tracked", checkpoint.tracked)
    _write_states(database, "pending", checkpoint.pending)
    for name, addresses in checkpoint.names.items():
        run("DELETE FROM names WHERE name = ?", (name,))
        if addresses is not None:
            run("INSERT INTO names VALUES (?, ?)", (name, addresses))
    for (jail, about), state in checkpoint.notes.items():
        if state is None:
            run("DELETE FROM notes WHERE jail = ? AND about = ?", (jail, storable(about)))
        else:
            run("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", (jail, storable(about), state))
    many(
        "DELETE FROM positions WHERE path = ? AND device = ? AND inode = ?",
        [_file(done) for done in checkpoint.retired],
    )
    many(
        "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?, ?)",
        [(*_file(at), at.offset, at.head, at.head_length) for at in checkpoint.positions],
    )


def _write_states(
    database: sqlite3.Connection, table: str, states: Mapping[tuple[str, Subject], State | None]
) -> None:
    gone = [(jail, *key_of(who)) for (jail, who), state in states.items() if not state]
    kept = [(jail, *key_of(who), str(state)) for (jail, who), state in states.items() if state]
    where = "jail = ? AND kind = ? AND network = ? AND user = ?"
    database.executemany(f"DELETE FROM {table} WHERE {where}", gone)  # noqa: S608  # one of our tables
    database.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?, ?)", kept)  # noqa: S608  # likewise


def _write_bans(database: sqlite3.Connection, rows: Sequence[BanRow]) -> None:
    """Write bans and the lines that have come to be known of them."""
    new = [row for row in rows if row.is_new]
    known = [row for row in rows if not row.is_new] if len(new) < len(rows) else []
    if new and not _add_bans(database, new):
        known = list(rows)
    if known:
        _update_bans(database, known)


def _add_bans(database: sqlite3.Connection, rows: Sequence[BanRow]) -> bool:
    """Write bans that are in no row yet; if one is, write none and tell so.

    That happens where a subject was let go and is banned again for a line of the same time.
    They get their numbers here: to look each up for its lines takes as long as to write it.
    """
    ((last,),) = database.execute("SELECT coalesce(max(id), 0) FROM bans").fetchall()
    database.execute("SAVEPOINT new_bans")
    try:
        columns = _columns(rows)
        database.executemany(
            _NEW_BAN, [(number, *each) for number, each in enumerate(columns, last + 1)]
        )
    except sqlite3.IntegrityError:
        database.execute("ROLLBACK TO new_bans")
        database.execute("RELEASE new_bans")
        return False
    database.execute("RELEASE new_bans")
    _add_evidence(database, [(number, row.ban) for number, row in enumerate(rows, last + 1)])
    return True


def _update_bans(database: sqlite3.Connection, rows: Sequence[BanRow]) -> None:
    """Write bans that may be in a row already."""
    database.executemany(_BAN_WRITTEN, _columns(rows))
    # Asked for once a ban: with each of its lines it would take four times as long as the lines.
    numbered = [
        (number, row.ban)
        for row in rows
        if row.ban.evidence
        for (number,) in database.execute(_NUMBER, _asked(row.ban))
    ]
    _add_evidence(database, numbered)
    # Whoever is banned for ever and does not stop must not fill the disk.
    database.executemany(_EVIDENCE_CUT, [(number,) for number, _ in numbered])


def _add_evidence(database: sqlite3.Connection, numbered: Iterable[tuple[int, Ban]]) -> None:
    """Write the lines of bans, each with its number."""
    database.executemany(
        _NEW_EVIDENCE,
        [
            (
                number,
                item.time,
                item.rule,
                storable(item.line),
                storable(item.source),
                item.weight,
            )
            for number, ban in numbered
            for item in ban.evidence[-MAX_EVIDENCE:]
        ],
    )


def _columns(rows: Iterable[BanRow]) -> list[tuple[object, ...]]:
    return [
        (
            ban.jail, WORDS[kind], network, storable(user) if user else "", ban.time, ban.until,
            ban.failures, ban.rule, ORIGIN_WORDS[ban.origin],
            storable(ban.reason) if ban.reason else "", row.ended, row.ended_by, ban.offence,
        )
        for row in rows
        for ban in (row.ban,)
        for kind, network, user in (ban.subject,)
    ]  # fmt: skip


def _asked(ban: Ban) -> tuple[str, str, str, str, float]:
    return (ban.jail, *key_of(ban.subject), ban.time)


def _file(position: Position) -> tuple[bytes, int, int]:
    """Give what tells a file from others; SQLite's integers have a sign, and inodes have none."""
    inode = position.inode - 2**64 if position.inode >= 2**63 else position.inode
    return os.fsencode(position.path), position.device, inode
