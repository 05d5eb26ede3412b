# SPDX-License-Identifier: MIT
"""The files beside a log: its predecessors, renamed by whatever rotates it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from logban.sources.book import Identity

COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".lzma", ".Z", ".zip", ".br")
_HEAD = 256
MOST_NAMESAKES: Final = 4096
"""Files that are looked at because of their names; whoever has a directory could make any number,
and the loop waits meanwhile.  What was read and saved is found beside them all the same."""

# How often a directory is listed until two listings agree.
_MOST_LISTINGS = 8
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Sibling:
    """A regular file of the directory."""

    path: str
    identity: Identity
    modified_ns: int
    changed_ns: int = 0
    size: int = 0

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Elder:
    """A sibling that was there before a file was opened, how it began and when it last changed."""

    identity: Identity
    head: bytes
    modified_ns: int = -1

    def is_unchanged(self, sibling: Sibling) -> bool:
        """Tell whether that can be seen without reading it; not of one that was empty.

        What is written within a few milliseconds bears one and the same time.
        """
        return bool(self.head) and self.modified_ns == sibling.modified_ns

    def is_same(self, other: Elder) -> bool:
        """Tell whether that is the same file later on, not one that was given its inode.

        One that was empty tells nothing: with something in it, it is rather another.
        """
        return self.identity == other.identity and (
            other.head.startswith(self.head) if self.head else not other.head
        )


def namesakes(path: str) -> list[Sibling]:
    """Give the regular files of the directory whose names go on with the log's, oldest first."""
    return neighbours(path, ())


def neighbours(path: str, known: Iterable[Identity]) -> list[Sibling]:
    """Give these, and those known ones that are in the directory by whatever name; oldest first.

    None if it can't be read.  All others cost no more than their names: there may be a hundred
    thousand, each rotation looks, and the loop waits.

    A file that is renamed while a directory is being listed may be left out, so it is listed
    until two listings agree; what any of them showed is given.
    """
    directory, name = os.path.split(path)
    inodes = frozenset(identity.inode for identity in known)
    found: dict[Identity, Sibling] = {}
    last: set[Identity] | None = None
    for _ in range(_MOST_LISTINGS):
        listed = {
            entry.identity: entry
            for entry in _listing(directory, name, inodes)
            if entry.name != name
        }
        found.update(listed)
        if last == listed.keys():
            break
        last = set(listed)
    return sorted(found.values(), key=lambda entry: (entry.modified_ns, entry.path))


def scheme_of(path: str, sibling: Sibling) -> str | None:
    """Give what one rule of rotation appends to a log's name, its numbers left out.

    None for a name that doesn't begin with the log's.
    """
    name = path.rpartition("/")[2]
    return _DIGITS.sub("0", sibling.name[len(name) :]) if sibling.name.startswith(name) else None


def is_predecessor(path: str, sibling: Sibling, scheme: str | None) -> bool:
    """Tell by its name whether this can be an older file of the log at ``path``.

    ``scheme`` is :func:`scheme_of` one that is known to be; None where none is known: then any
    uncompressed name will do that goes on with a number behind the log's.
    """
    own = scheme_of(path, sibling)
    if own is None or own.endswith(COMPRESSED):
        return False
    return own == scheme if scheme is not None else "0" in own


def elders_of(path: str, known: Mapping[Identity, Elder]) -> dict[Identity, Elder]:
    """Give the files that a later predecessor of the log at ``path`` must not be mistaken for.

    Of those that are ``known`` and have not changed, none is read again: there may be thousands.
    """
    found = {}
    for entry in namesakes(path):
        if is_predecessor(path, entry, None):
            elder = known.get(entry.identity)
            if elder is None or not elder.is_unchanged(entry):
                elder = Elder(entry.identity, head_of(entry.path), entry.modified_ns)
            found[entry.identity] = elder
    return found


def head_of(path: str) -> bytes:
    """Give a file's first bytes; none if it can't be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return b""
    try:
        return os.pread(descriptor, _HEAD, 0)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _listing(directory: str, prefix: str, inodes: Collection[int]) -> list[Sibling]:
    found: list[Sibling] = []
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                # What a directory says of inodes is only a hint: overlayfs may say another.
                if entry.inode() not in inodes and (
                    not entry.name.startswith(prefix) or len(found) >= MOST_NAMESAKES
                ):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue  # it was removed meanwhile
                if stat.S_ISREG(status.st_mode):
                    found.append(_sibling(entry.path, status))
    except OSError:
        return []
    return found


def _sibling(path: str, status: os.stat_result) -> Sibling:
    return Sibling(
        path, Identity.of(status), status.st_mtime_ns, status.st_ctime_ns, status.st_size
    )
