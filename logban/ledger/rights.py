# SPDX-License-Identifier: MIT
"""Who can write to the ledger's database, and read it: whoever could would lay and lift bans."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from logban.errors import LedgerError

_PARTS: Final = ("", "-wal", "-shm", "-journal", ".lock")
"""What belongs to a database, by what is appended to its name; SQLite follows the journals."""


def check_rights(path: Path) -> None:
    """Raise LedgerError where others than the owner of the database's directory can write to it.

    What can't be looked at is told where it is opened.
    """
    with suppress(OSError):
        folder = path.parent.stat()
        is_sticky = folder.st_mode & stat.S_ISVTX  # nobody can touch there what is another's
        if folder.st_mode & stat.S_IWOTH and not is_sticky:
            raise LedgerError(
                f"everybody can write to the directory of the ledger, {path.parent}, and so lay "
                f"and lift bans; do: chmod o-w {path.parent}"
            )
        owners = {0, os.geteuid()} if is_sticky else {0, os.geteuid(), folder.st_uid}
        for part in _PARTS:
            _check_file(path.with_name(f"{path.name}{part}"), owners)


def _check_file(path: Path, owners: Collection[int]) -> None:
    with suppress(OSError):
        found = path.lstat()
        if found.st_uid not in owners:
            raise LedgerError(
                f"the ledger's {path} belongs to user {found.st_uid}, who could lay and lift bans; "
                "move it away, or give it to the user that logban runs as"
            )
        if found.st_mode & stat.S_IWOTH and not stat.S_ISLNK(found.st_mode):
            raise LedgerError(
                f"everybody can write to the ledger's {path}, and so lay and lift bans; do: "
                f"chmod o-rw {path}"
            )


def make_private(path: Path) -> None:
    """Make the file of a new database for its owner alone; it holds lines of logs.

    What SQLite makes beside it gets the same mode.  What fails is told where it is opened.
    """
    with suppress(OSError):
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        os.close(os.open(path, flags, 0o600))
