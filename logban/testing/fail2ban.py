# SPDX-License-Identifier: MIT
"""Databases like fail2ban's, of its present form and of the older one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path

Row = tuple[str, str, int, int, list[str]]
"""Jail, address, when it was banned, for how many seconds (-1: for ever), the lines behind it."""


def write_database(path: Path, rows: Iterable[Row], *, old: bool = False) -> Path:
    """Make a database; an ``old`` one, of before 0.11, does not say how long a ban is."""
    database = sqlite3.connect(path)
    try:
        if old:
            database.execute("CREATE TABLE bans (jail TEXT, ip TEXT, timeofban INTEGER, data JSON)")
        else:
            for table in ("bans", "bips"):
                database.execute(
                    f"CREATE TABLE {table} (ip TEXT, jail TEXT, timeofban INTEGER,"
                    " bantime INTEGER, bancount INTEGER DEFAULT 1, data JSON)"
                )
        for jail, address, time, bantime, lines in rows:
            data = json.dumps({"matches": lines, "failures": len(lines)})
            if old:
                database.execute(
                    "INSERT INTO bans VALUES (?, ?, ?, ?)", (jail, address, time, data)
                )
            else:
                database.execute(
                    "INSERT INTO bips VALUES (?, ?, ?, ?, 1, ?)",
                    (address, jail, time, bantime, data),
                )
        database.commit()
    finally:
        database.close()
    return path
