# SPDX-License-Identifier: MIT
"""A checkpoint as the statements that write it, within the transaction of whoever calls.

A flood is thousands of bans a second: few statements, each prepared once and run for all.  The
interpreter is let go of and waited for at each step of one, which costs both threads more than a
row does, so most statements write many rows in a step.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Final

from logban.ledger.records import MAX_EVIDENCE, BanRow, Checkpoint, State
from logban.ledger.rows import BAN_COLUMNS, ORIGIN_WORDS, WORDS, key_of, storable
from logban.model import Ban, Position, Subject

AT_ONCE: Final = 50
"""Rows that are written in one step."""

# FAIL leaves what a statement has written before; all of it is undone by whoever calls.
_NEW_BAN: Final = f"INSERT OR FAIL INTO bans (id, {BAN_COLUMNS})"
_NEW_EVIDENCE: Final = "INSERT OR FAIL INTO evidence"
_BAN_WRITTEN: Final = f"INSERT INTO bans ({BAN_COLUMNS})"
_BAN_KNOWN: Final = (
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
    kept = ((jail, *key_of(who), str(state)) for (jail, who), state in states.items() if state)
    where = "jail = ? AND kind = ? AND network = ? AND user = ?"
    database.executemany(f"DELETE FROM {table} WHERE {where}", gone)  # noqa: S608  # one of our tables
    _insert(database, f"INSERT OR REPLACE INTO {table}", kept)


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
        columns = enumerate(_columns(rows), last + 1)
        _insert(database, _NEW_BAN, ((number, *each) for number, each in columns))
    except sqlite3.IntegrityError:
        database.execute("ROLLBACK TO new_bans")
        database.execute("RELEASE new_bans")
        return False
    database.execute("RELEASE new_bans")
    _add_evidence(database, ((number, row.ban) for number, row in enumerate(rows, last + 1)))
    return True


def _update_bans(database: sqlite3.Connection, rows: Sequence[BanRow]) -> None:
    """Write bans that may be in a row already."""
    _insert(database, _BAN_WRITTEN, _columns(rows), _BAN_KNOWN)
    # Asked for once a ban: with each of its lines it would take four times as long as the lines.
    numbered = [
        (number, row.ban)
        for row in rows
        if row.ban.evidence
        for (number,) in database.execute(_NUMBER, _asked(row.ban))
    ]
    _add_evidence(database, numbered)
    # Whoever is banned for ever and does not stop must not fill the disk.
    database.executemany(_EVIDENCE_CUT, _with_too_much(database, [each for each, _ in numbered]))


def _with_too_much(database: sqlite3.Connection, bans: Sequence[int]) -> list[tuple[int]]:
    """Give the numbers of those bans that have more lines than are kept."""
    found: list[tuple[int]] = []
    for begin in range(0, len(bans), AT_ONCE):
        some = bans[begin : begin + AT_ONCE]
        marks = ", ".join("?" * len(some))
        found += database.execute(
            f"SELECT ban FROM evidence WHERE ban IN ({marks}) GROUP BY ban"  # noqa: S608  # marks and a number that is a constant
            f" HAVING count(*) > {MAX_EVIDENCE}",
            some,
        )
    return found


def _add_evidence(database: sqlite3.Connection, numbered: Iterable[tuple[int, Ban]]) -> None:
    """Write the lines of bans, each with its number."""
    _insert(
        database,
        _NEW_EVIDENCE,
        (
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
        ),
    )


def _insert(
    database: sqlite3.Connection, into: str, rows: Iterable[tuple[object, ...]], then: str = ""
) -> None:
    """Write rows, all as wide as the first, by a statement that begins and ends so.

    They are asked for as they are written: lists of a flood's would be what garbage is looked for
    in.
    """
    left = iter(rows)
    some = list(islice(left, AT_ONCE))
    row = f"({', '.join('?' * len(some[0]))})" if some else ""
    many = f"{into} VALUES {', '.join([row] * AT_ONCE)}{then}"
    while len(some) == AT_ONCE:
        database.execute(many, tuple(chain.from_iterable(some)))
        some = list(islice(left, AT_ONCE))
    if some:
        database.executemany(f"{into} VALUES {row}{then}", some)


def _columns(rows: Iterable[BanRow]) -> Iterator[tuple[object, ...]]:
    return (
        (
            ban.jail, WORDS[kind], network, storable(user) if user else "", ban.time, ban.until,
            ban.failures, ban.rule, ORIGIN_WORDS[ban.origin],
            storable(ban.reason) if ban.reason else "", row.ended, row.ended_by, ban.offence,
        )
        for row in rows
        for ban in (row.ban,)
        for kind, network, user in (ban.subject,)
    )  # fmt: skip


def _asked(ban: Ban) -> tuple[str, str, str, str, float]:
    return (ban.jail, *key_of(ban.subject), ban.time)


def _file(position: Position) -> tuple[bytes, int, int]:
    """Give what tells a file from others; SQLite's integers have a sign, and inodes have none."""
    inode = position.inode - 2**64 if position.inode >= 2**63 else position.inode
    return os.fsencode(position.path), position.device, inode
