# SPDX-License-Identifier: MIT
"""The bans that are in force in fail2ban, read from its SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from logban.addresses import canonical_address, canonical_network
from logban.errors import LedgerError
from logban.ledger.records import MAX_EVIDENCE
from logban.model import Evidence

_TABLES: Final = ("bips", "bans")
_LINE: Final = 1000
_PATIENCE: Final = 5.0
"""Seconds to wait for fail2ban, which may be writing."""


@dataclass(frozen=True, slots=True)
class FoundBan:
    """A ban of fail2ban's; ``who`` is an address, a network or whatever a filter called an id.

    ``until`` is None for ever.
    """

    jail: str
    who: str
    time: float
    until: float | None
    failures: int
    evidence: tuple[Evidence, ...] = ()


def read_bans(path: Path, now: float, bantimes: Mapping[str, float | None]) -> list[FoundBan]:
    """Give what is in force now, the oldest first; LedgerError if the file can't be read.

    Databases of fail2ban before 0.11 do not say how long a ban is: there ``bantimes`` of the
    jails count (None: for ever), as they did there.  Of a subject that was banned several times
    in a jail the end that is latest counts.
    """
    if not path.is_file():
        raise LedgerError(f"there is no database {path}")
    try:
        found = list(_rows(path))
    except (sqlite3.Error, UnicodeError) as error:
        raise LedgerError(
            f"the database {path} can't be read: {error}; is it fail2ban's?"
        ) from error
    latest: dict[tuple[str, str], FoundBan] = {}
    for row in found:
        ban = _ban(row, bantimes)
        if ban is None or (ban.until is not None and ban.until <= now):
            continue
        earlier = latest.get((ban.jail, ban.who))
        if earlier is None or _end(ban) >= _end(earlier):
            latest[ban.jail, ban.who] = ban
    return sorted(latest.values(), key=lambda ban: (ban.time, ban.jail, ban.who))


@dataclass(frozen=True, slots=True)
class _Row:
    jail: object
    who: object
    time: object
    bantime: object
    data: object


def _rows(path: Path) -> Iterator[_Row]:
    """Read the rows; nothing is written, and a database in use is read as it is."""
    database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_PATIENCE)
    try:
        # Log lines may be in any encoding.
        database.text_factory = lambda data: data.decode("utf-8", "replace")
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
        table = next((name for name in _TABLES if name in tables), None)
        if table is None:
            raise sqlite3.DatabaseError("it has no table of bans")
        columns = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
        bantime = "bantime" if "bantime" in columns else "NULL"
        data = "data" if "data" in columns else "NULL"
        query = f"SELECT jail, ip, timeofban, {bantime}, {data} FROM {table}"  # noqa: S608  # names of two tables and two columns
        for row in database.execute(query):
            yield _Row(*row)
    finally:
        database.close()


def _ban(row: _Row, bantimes: Mapping[str, float | None]) -> FoundBan | None:
    """Read a row; None if it is no ban of anybody."""
    if not isinstance(row.jail, str) or not isinstance(row.who, str):
        return None
    if not isinstance(row.time, int | float):
        return None
    bantime: float | None
    if isinstance(row.bantime, int | float):
        bantime = None if row.bantime < 0 else float(row.bantime)
    elif row.jail in bantimes:
        bantime = bantimes[row.jail]
    else:
        bantime = 0.0
    time = float(row.time)
    failures, lines = _details(row.data)
    evidence = tuple(Evidence(time, "", line, "fail2ban") for line in lines)
    until = None if bantime is None else time + bantime
    return FoundBan(row.jail, _canonical(row.who), time, until, failures, evidence)


def _details(data: object) -> tuple[int, list[str]]:
    """Give how many failures there were, and the lines that fail2ban kept of them."""
    try:
        value = json.loads(data) if isinstance(data, str | bytes) else None
    except ValueError:
        value = None
    if not isinstance(value, dict):
        return 0, []
    failures = value.get("failures")
    matches = value.get("matches")
    lines = [_joined(each) for each in matches] if isinstance(matches, list) else []
    return (
        failures if isinstance(failures, int) and failures > 0 else 0,
        [line[:_LINE] for line in lines if line][-MAX_EVIDENCE:],
    )


def _joined(match: object) -> str:
    """Give a line, which fail2ban keeps whole or parted around its date."""
    parts = match if isinstance(match, list) else [match]
    return "".join(part for part in parts if isinstance(part, str)).strip("\n")


def _canonical(who: str) -> str:
    for read in (canonical_address, canonical_network):
        try:
            return read(who)
        except ValueError:
            continue
    return who


def _end(ban: FoundBan) -> float:
    return float("inf") if ban.until is None else ban.until
