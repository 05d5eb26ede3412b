# SPDX-License-Identifier: MIT
"""Whether what the configuration says can have been written by those alone who may command us.

A file, or a program that is to be run, is followed if root, the user that logban runs as, or the
owner of the configuration directory owns it, and if nobody else can put another in its place: not
everybody can write to its directory or to one above, and no directory or link on the way to it
belongs to somebody else.  In a directory above with the sticky bit (``/tmp``) nobody can touch
what is another's.

What the configuration names and is only read, as a password or a template, may also be the
service's own user's; a list that somebody else keeps, as Kamailio's addresses, may be anybody's
that the admin has chosen, but nothing is followed that everybody could change.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import shutil
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

PROGRAMS: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for, as `process` runs them."""

_INTERPRETER: Final = re.compile(r"(?:ba|da|z|k)?sh|(?:python|perl|ruby|php|lua|node)[\d.]*")
_LINKS: Final = 40  # that the kernel follows on one way


SERVICE: Final = "logban"
"""The user that the packaged service runs as; whoever checks a configuration may be root."""


class Trust:
    """Judges the files of one configuration directory, and those that it names."""

    def __init__(self, directory: Path) -> None:
        """Trust also whoever owns this directory: it was named on purpose, a checkout perhaps."""
        self._owners = {0, os.geteuid()}
        self._above: set[Path] = set()
        with suppress(OSError):  # it is not there: nothing in it is read either
            self._owners.add(directory.stat().st_uid)
            self._above = {*directory.absolute().parents, *directory.resolve().parents}
        self._remarked: set[Path] = set()

    def objection(self, path: Path) -> str:
        """Say why a file is not followed, and what to do; "" if it is."""
        return self._objection(path, self._owners)

    def objection_to_data(self, path: Path) -> str:
        """Say the same of a file that is only read: a secret, which is the service's user's own."""
        with suppress(KeyError):
            return self._objection(path, {*self._owners, pwd.getpwnam(SERVICE).pw_uid}, SERVICE)
        return self._objection(path, self._owners)

    def objection_to_list(self, path: Path) -> str:
        """Say the same of a list that somebody else keeps, whom the admin has named by it."""
        return self._objection(path, None)

    def _objection(self, path: Path, owners: Collection[int] | None, better: str = "root") -> str:
        """Say why a file is not followed whose owner has to be one of these, if anybody."""
        try:
            status = path.stat()
            holders = {path.absolute().parent, path.resolve().parent}
            on_the_way = [(place, place.lstat()) for place in _way_to(path)]
        except OSError:
            return ""  # that it can't be read is told where it is read
        if status.st_mode & stat.S_IWOTH:
            return f"everybody can write to it; do: chmod o-w {path}"
        if owners is not None and status.st_uid not in owners:
            return f"it belongs to {self._stranger(status.st_uid)}; do: chown {better} {path}"
        for place, found in on_the_way:
            said = self._objection_to(place, found, owners, holds_it=place in holders)
            if said:
                return said
        return ""

    def objection_to_command(self, words: Sequence[str]) -> str:
        """Say why a program is not run, or the script that an interpreter is given; "" if it is."""
        parts = [shutil.which(words[0], path=PROGRAMS) or words[0]]
        if _INTERPRETER.fullmatch(Path(parts[0]).name):
            parts += [word for word in words[1:] if word.startswith("/")][:1]
        for part in parts:
            objection = self.objection(Path(part)) if part.startswith("/") else ""
            if objection:
                return f"{part} is not run: {objection}"
        return ""

    def remark(self, path: Path) -> str:
        """Say what is odd about the rights on a file that is followed; "" if nothing is.

        Of directories it is said once.
        """
        try:
            if self._is_of_a_group(path.stat()):
                group = _group(path.stat().st_gid)
                return f"the group {group} can write to it; if that is not meant: chmod g-w"
            for place in _way_to(path):
                if place not in self._remarked and self._is_of_a_group(place.stat()):
                    self._remarked.add(place)
                    group = _group(place.stat().st_gid)
                    return (
                        f"the group {group} can write to its directory; if that is not meant: "
                        f"chmod g-w {place}"
                    )
        except OSError:
            return ""
        return ""

    def _objection_to(
        self,
        place: Path,
        found: os.stat_result,
        owners: Collection[int] | None,
        *,
        holds_it: bool,
    ) -> str:
        """Say why somebody could put another file there by way of this directory or link."""
        is_link = stat.S_ISLNK(found.st_mode)
        is_sticky = found.st_mode & stat.S_ISVTX and not holds_it
        if found.st_mode & stat.S_IWOTH and not is_link and not is_sticky:
            return f"everybody can write to its directory; do: chmod o-w {place}"
        # Whose house the configuration stands in is not for us to say.
        if owners is not None and found.st_uid not in owners and place not in self._above:
            what = "the link" if is_link else "its directory"
            who = self._stranger(found.st_uid)
            return f"{what} {place} belongs to {who}; do: chown -h root {place}"
        return ""

    def _stranger(self, number: int) -> str:
        return f"{_user(number)}, who is neither root nor the owner of the configuration"

    def _is_of_a_group(self, status: os.stat_result) -> bool:
        """Tell whether a group can write to it that others than its owner are in."""
        is_own = status.st_gid in (0, os.getegid())
        # Of a sticky directory the owners of files decide.
        if not status.st_mode & stat.S_IWGRP or is_own or status.st_mode & stat.S_ISVTX:
            return False
        return not _is_private(status.st_gid, status.st_uid)


def _way_to(path: Path) -> Iterator[Path]:
    """Give every directory and every link that the kernel passes on its way to a file."""
    left = [*reversed(path.absolute().parts)]
    here = Path(left.pop())
    yield here
    links = 0
    while left:
        part = left.pop()
        if part == "..":
            here = here.parent
            continue
        entry = here / part
        if entry.is_symlink():
            links += 1
            if links > _LINKS:
                return
            yield entry
            target = entry.readlink()
            here = Path(target.anchor) if target.is_absolute() else here
            left += reversed(target.parts[1:] if target.is_absolute() else target.parts)
        elif left:
            here = entry
            yield here


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
