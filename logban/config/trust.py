# SPDX-License-Identifier: MIT
"""Whether a file of the configuration can have been written by those alone who may command us.

A file is followed if root, the user that logban runs as, or the owner of the configuration
directory owns it, and if not everybody can write to it, to its directory or to one above; in a
directory above with the sticky bit (``/tmp``) nobody can touch what is another's.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path


class Trust:
    """Judges the files of one configuration directory."""

    def __init__(self, directory: Path) -> None:
        """Trust also whoever owns this directory: it was named on purpose, a checkout perhaps."""
        self._owners = {0, os.geteuid()}
        with suppress(OSError):  # it is not there: nothing in it is read either
            self._owners.add(directory.stat().st_uid)
        self._judged: dict[Path, str] = {}

    def objection(self, path: Path) -> str:
        """Say why a file is not followed, and what to do; "" if it is."""
        try:
            status = path.stat()
            written_at, real = path.absolute().parent, path.resolve().parent
        except OSError:
            return ""  # that it can't be read is told where it is read
        if status.st_mode & stat.S_IWOTH:
            return f"everybody can write to it; do: chmod o-w {path}"
        if status.st_uid not in self._owners:
            return (
                f"it belongs to {_user(status.st_uid)}, who is neither root nor the owner of the "
                f"configuration; do: chown root {path}"
            )
        return self._of_directory(written_at) or self._of_directory(real)

    def remark(self, path: Path) -> str:
        """Say what is odd about the rights on a file that is followed; "" if nothing is."""
        try:
            status = path.stat()
        except OSError:
            return ""
        if not status.st_mode & stat.S_IWGRP or status.st_gid in (0, os.getegid()):
            return ""
        if _is_private(status.st_gid, status.st_uid):
            return ""
        return f"the group {_group(status.st_gid)} can write to it; if that is not meant: chmod g-w"

    def _of_directory(self, directory: Path) -> str:
        if directory not in self._judged:
            self._judged[directory] = self._judge(directory)
        return self._judged[directory]

    def _judge(self, directory: Path) -> str:
        for place in (directory, *directory.parents):
            mode = place.stat().st_mode
            if mode & stat.S_IWOTH and (place == directory or not mode & stat.S_ISVTX):
                return f"everybody can write to its directory; do: chmod o-w {place}"
        return ""


def _is_private(group: int, owner: int) -> bool:
    """Tell whether a group is a user's own, which nobody else is in."""
    try:
        user, members = pwd.getpwuid(owner), grp.getgrgid(group).gr_mem
    except KeyError:
        return False
    return user.pw_gid == group and set(members) <= {user.pw_name}


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
