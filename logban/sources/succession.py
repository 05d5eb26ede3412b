# SPDX-License-Identifier: MIT
"""Which files had a log's name between two looks at it, or before the daemon was started."""

from __future__ import annotations

import errno
import hashlib
import logging
import math
import os
from collections.abc import Callable
from typing import Final

from logban.model import Position
from logban.sources.book import Identity, PositionBook
from logban.sources.older import MOST
from logban.sources.reader import Reader
from logban.sources.siblings import (
    Elder,
    Sibling,
    elders_of,
    head_of,
    is_predecessor,
    neighbours,
    scheme_of,
)

log = logging.getLogger(__name__)

_TOO_MANY: Final = frozenset({errno.EMFILE, errno.ENFILE})
_MOST_WALKS: Final = 8
"""How often files are looked for again because one of them was renamed meanwhile."""

Elders = dict[Identity, Elder]
Open = Callable[[Sibling, bool], Reader | None]
"""Opens an older file, or, if so told, only if it can be resumed; None if it was not opened;
OSError."""


class Succession:
    """Finds these files; what it knows for that is which file was the last, and what lay there."""

    def __init__(self, path: str, book: PositionBook, open_older: Open) -> None:
        self._path = path
        self._book = book
        self._open_older = open_older
        # Whether some could not be opened, because too many others are open, and was it said.
        self.is_short = False
        self._is_told = False
        self.last: Identity | None = None
        self._last_written_ns: int | None = None
        # What lay beside the last file before it was opened.
        self._elders: Elders = {}

    def look_around(self) -> Elders:
        """Give what lies beside the log now; to be asked for before its file is opened."""
        return elders_of(self._path, self._elders)

    def wait_for_first(self) -> None:
        """Note what lies there while the log has no file yet."""
        self._elders = self.look_around()

    def note_written(self, modified_ns: int) -> None:
        """Note when the last file was last written to."""
        self._last_written_ns = modified_ns

    def pass_to(self, identity: Identity, elders: Elders | None = None) -> None:
        """Note that another file has the name now, and what lay beside it before."""
        self.last, self._last_written_ns = identity, None
        if elders is not None:
            self._elders = elders

    def open_saved(self, long_ago: float, elders: Elders | None = None) -> None:
        """Open what was read under this name before the daemon stopped, wherever it is.

        Not what has been read and was not changed since ``long_ago``, a time of day, or is one too
        many: there may be thousands of those.  ``elders`` is what lies beside the log now.
        """
        saved = {Identity(entry.device, entry.inode) for entry in self._book.of_path(self._path)}
        saved = {identity for identity in saved if self._book.reader_of(identity) is None}
        if saved and elders is None:
            elders = self.look_around()
        resumed: list[Sibling] = []
        others: list[Sibling] = []
        for _ in range(_MOST_WALKS if saved else 0):
            there = neighbours(self._path, saved)
            beside = [entry for entry in there if entry.identity in saved]
            to_open = []
            for left, sibling in zip(range(len(beside), 0, -1), beside, strict=True):
                if self._is_over(sibling, long_ago if left <= MOST else math.inf, elders or {}):
                    resumed.append(sibling)
                    continue
                to_open.append(sibling)
                # What does not fit is the same file, truncated, or another with its inode; by its
                # name it may be an older file of this log all the same, and nobody has read it.
                reader = self._open(sibling, not is_predecessor(self._path, sibling, None))
                if reader is not None:
                    (resumed if reader.resumed else others).append(sibling)
            if not any(map(_has_moved, to_open)):
                break
        if self.last is None and (resumed or others):
            last = resumed[-1] if resumed else others[0]
            self.last, self._last_written_ns = last.identity, last.modified_ns

    def open_missed(self) -> int:
        """Open the files that had the name between the last look and now; tell how many."""
        opened = 0
        own = {Identity(entry.device, entry.inode) for entry in self._book.of_path(self._path)}
        for _ in range(_MOST_WALKS):
            beside = neighbours(self._path, (*own, *filter(None, (self.last,))))
            missed = self._missed(beside)
            opened += sum(self._open(each, False) is not None for each in missed)
            if not any(map(_has_moved, missed)):
                break
        there = {entry.identity for entry in beside}
        for identity in own - there:
            if self._book.reader_of(identity) is None:
                self._book.drop(identity)
        return opened

    def open_postponed(self) -> None:
        """Open what there were no descriptors for; what was read already is let be."""
        self.is_short = False
        self.open_saved(math.inf)
        if not self.is_short:
            self._is_told = False
            log.info("%r: no older file waits any more", self._path)

    def _open(self, sibling: Sibling, only_to_resume: bool) -> Reader | None:
        try:
            return self._open_older(sibling, only_to_resume)
        except OSError as error:
            if error.errno in _TOO_MANY:
                self._postpone(sibling.identity)
            return None

    def _postpone(self, identity: Identity) -> None:
        """Have it opened when there are descriptors again, be it after a restart."""
        self.is_short = True
        if self._book.get(identity) is None:
            nothing_read = hashlib.sha256(b"").digest()
            self._book.keep(Position(self._path, *identity, 0, nothing_read, 0))
        if not self._is_told:
            self._is_told = True
            log.warning("%r: too few descriptors for all its older files, some wait", self._path)

    def _missed(self, beside: list[Sibling]) -> list[Sibling]:
        last = [entry for entry in beside if entry.identity == self.last]
        scheme = scheme_of(self._path, last[0]) or "" if last else None
        return [
            entry
            for entry in beside
            if (self._last_written_ns is None or entry.modified_ns >= self._last_written_ns)
            and is_predecessor(self._path, entry, scheme)
            and self._book.reader_of(entry.identity) is None
            and not self._is_elder(entry)
            and not self._is_read(entry, self._elders)
        ]

    def _is_over(self, sibling: Sibling, before: float, elders: Elders) -> bool:
        """Tell whether this was read to its end and not changed since, be it by a new name."""
        return sibling.changed_ns < before * 1e9 and self._is_read(sibling, elders)

    def _is_read(self, sibling: Sibling, elders: Elders) -> bool:
        """Tell whether the book knows this very file, by its first bytes, and has it to its end."""
        position = self._book.get(sibling.identity)
        if position is None or position.offset != sibling.size or not position.head_length:
            return False
        elder = elders.get(sibling.identity)
        is_known = elder is not None and elder.is_unchanged(sibling)
        head = elder.head if elder is not None and is_known else head_of(sibling.path)
        return hashlib.sha256(head[: position.head_length]).digest() == position.head

    def _is_elder(self, sibling: Sibling) -> bool:
        """Tell whether this lay there already when the last file was opened."""
        elder = self._elders.get(sibling.identity)
        return elder is not None and (
            elder.is_unchanged(sibling)
            or elder.is_same(Elder(sibling.identity, head_of(sibling.path)))
        )


def _has_moved(sibling: Sibling) -> bool:
    """Tell whether another file, or none, is at its path now: then it was renamed meanwhile."""
    try:
        return Identity.of(os.stat(sibling.path)) != sibling.identity  # noqa: PTH116  # of hundreds
    except OSError:
        return True
