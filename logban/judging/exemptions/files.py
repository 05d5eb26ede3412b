# SPDX-License-Identifier: MIT
"""Files of exemptions (``ignoreip = file:/path``): read again as soon as they change.

Kamailio's address file, that of its module permissions, is one too (``kamailio:1:/path``).  The
usual form is fail2ban's: entries separated by line ends, blanks or commas; ``#`` and ``;`` begin a
comment.  A customer must not be locked out by a slip of the pen, so while a file can't be read,
what it held last goes on holding, and while one of its lines is broken, that holds *beside* what
can be read of it now.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from logban.judging.exemptions.exemption import Exemption, Exemptions
from logban.judging.exemptions.lists import Listing
from logban.text import visible

MAX_BYTES: Final = 2 * 1024 * 1024
"""The longest file that is read: some 100,000 addresses."""

PREFIX: Final = "file:"

_COMMENT: Final = re.compile(r"[#;].*")
_SHOWN: Final = 60

_State = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Reading:
    entries: dict[str, Exemption]
    broken: tuple[str, ...]


def entries_of(line: str) -> list[str]:
    """Give the entries of a line of our own files."""
    return [word for word in re.split(r"[\s,]+", line) if word]


def addresses_of(line: str, group: str) -> list[str]:
    """Give the address of a line of Kamailio's address file, ``GROUP IP [MASK [PORT [TAG]]]``.

    Those of other groups are passed over, and what logban itself has written there: its bans.
    """
    words = line.split()
    if not words or words[0] != group or "".join(words[4:]).startswith("logban/"):
        return []
    if len(words) < 2:
        raise ValueError("it is no line of Kamailio's address file: GROUP IP MASK PORT TAG")
    return ["/".join(words[1:3])]


def list_of(key: str, parse: Callable[[str], str]) -> FileList:
    """Give the list that an entry of ignoreip names: ``file:/path`` or ``kamailio:GROUP:/path``."""
    if key.startswith(PREFIX):
        return FileList(key, key.removeprefix(PREFIX), parse)
    _, group, path = key.split(":", 2)
    return FileList(key, path, parse, lambda line: addresses_of(line, group))


class FileList:
    """One file; ``parse`` reads an entry (ValueError if it is none), as in ``ignoreip``.

    ``split`` gives the entries of a line without its comment.
    """

    def __init__(
        self,
        key: str,
        path: str,
        parse: Callable[[str], str],
        split: Callable[[str], list[str]] = entries_of,
    ) -> None:
        self.key = key
        self.problem = ""
        self._path = path
        self._split = split
        self._parse = parse
        self._state: _State | None = None
        self._good: dict[str, Exemption] = {}
        self._held: dict[str, Exemption] | None = None

    async def refresh(self) -> Listing | None:
        """Give what it holds if that is news; the disk is read in a thread."""
        return await asyncio.to_thread(self.read)

    def read(self) -> Listing | None:
        """Give what it holds if that is news, None if not; ``problem`` tells what is wrong."""
        try:
            reading = self._reading()
        except OSError as error:
            self.problem = f"{self._path} can't be read: {error.strerror or error}"
            self._state = None
            return None
        if reading is None:
            return None
        if reading.broken:
            self.problem = "; ".join(reading.broken[:3])
            if len(reading.broken) > 3:
                self.problem += f"; and {len(reading.broken) - 3} lines more"
            entries = self._good | reading.entries
        else:
            self.problem = ""
            entries = self._good = reading.entries
        if entries == self._held:
            return None
        self._held = entries
        return _listing(entries)

    def _reading(self) -> _Reading | None:
        """Read the file if it is another than the last time; OSError if that can't be."""
        descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            state = _state_of(descriptor)
            if state == self._state:
                return None
            data = opened.read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                raise OSError(f"it is longer than {MAX_BYTES} bytes")
            # Whoever is still writing it will have changed the state: it is read once more then.
            self._state = state
        return self._parsed(data.decode("utf-8", "replace"))

    def _parsed(self, text: str) -> _Reading:
        entries: dict[str, Exemption] = {}
        broken = []
        for number, line in enumerate(text.split("\n"), 1):
            text_of_line = _COMMENT.sub("", line)
            try:
                words = self._split(text_of_line)
            except ValueError as error:
                broken.append(f"{self._path}:{number}: {visible(text_of_line, _SHOWN)}: {error}")
                continue
            for word in words:
                try:
                    entry = self._parse(word)
                except ValueError as error:
                    shown = visible(word, _SHOWN)
                    broken.append(f"{self._path}:{number}: {shown}: {error}")
                else:
                    entries.setdefault(entry, Exemption(entry, f"{self._path}:{number}"))
        return _Reading(entries, tuple(broken))


def _state_of(descriptor: int) -> _State:
    """Give what differs when a file has changed; OSError if it is none to be followed."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise OSError("it is no regular file")
    if status.st_mode & stat.S_IWOTH:
        raise OSError("everybody can write to it, and so exempt himself; do: chmod o-w")
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _listing(entries: dict[str, Exemption]) -> Listing:
    networks, names = Exemptions(), {}
    for entry, exemption in entries.items():
        try:
            networks.add(entry, exemption)
        except ValueError:  # a name: whatever is neither was refused by the parser
            names[entry] = exemption
    return Listing(networks, names)
