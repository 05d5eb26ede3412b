# SPDX-License-Identifier: MIT
"""One log followed by its name, through rotation, truncation and restarts, no line lost or doubled.

A follower reads a chain of files: the one that has the name now, and before it those that had it
earlier.  ``look`` finds out which they are, ``read`` hands on what they hold, the oldest first.
No call waits, and none raises: what is in the way is told by ``state`` and ``reason``.
"""

from __future__ import annotations

import errno
import logging
import os
import resource
import stat
from enum import StrEnum
from pathlib import Path

from logban.clock import Clock
from logban.model import Block
from logban.sources.book import Identity, PositionBook
from logban.sources.reader import BLOCK, CutOff, Reader
from logban.sources.recent import IsOld
from logban.sources.report import SourceState, Tally
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

# How long an older file is kept open after it was renamed and last grew: its writer goes on with
# it until it is told to reopen its log.  Without a successor that has been written to, the old
# file may well be the log still (a rotation that tells nobody), so it is kept for a day, or, if it
# was removed and only we keep its space from being freed, for an hour.
GRACE = 60.0
_GRACE_UNLINKED = 3600.0
_GRACE_ALONE = 86400.0
_MOST_WALKS = 8
# Of a log that is rotated faster than that, older files are let go of before their time.
_MOST_OLDER = 100
# Descriptors that are left to all that is not a log: the kernel, the database, programs.
_SPARE = 50
# libnftables waits by select(2), which ends the process where a descriptor is no smaller.
_FD_SETSIZE = 1024


class Start(StrEnum):
    """Where reading a file begins that was never read before."""

    HEAD = "head"
    TAIL = "tail"


class FileFollower:
    """Follows the log at ``path``; resumes where ``book`` says, and keeps the book up to date.

    ``appeared`` says that the file came while its directory was being watched, so that all of it
    is live.  ``drained`` says whether the last ``read`` came to the end of all there is.
    ``alias_of`` is the path under which the file is read already, if it is.  ``is_leaving`` is set
    from outside: nobody asks for this path any more, but what is open is still to be drained.
    Of a file that was there already and is new to the book, lines that ``is_old`` are left out.
    """

    def __init__(
        self,
        path: str,
        *,
        clock: Clock,
        book: PositionBook,
        start: Start = Start.HEAD,
        appeared: bool = False,
        is_old: IsOld = lambda _: False,
    ) -> None:
        self.path = path
        self.drained = False
        self.tally = Tally()
        self.alias_of: str | None = None
        self.is_leaving = False
        self._clock = clock
        self._book = book
        self._start = start
        self._is_old = is_old
        # A file that was found and has not been read from yet: it may begin with what is old.
        self._found: Reader | None = None
        self._watched = appeared
        self._looked = False
        self._reason = ""
        self._barred = False
        self._older: list[Reader] = []
        # Those of them that are copies of a file that was truncated then: nobody writes to them.
        self._copies: set[Reader] = set()
        self._current: Reader | None = None
        # For finding what was created and rotated away between two looks: when the last file was
        # last written to, and what lay beside it before it was opened.
        self._last_written_ns: int | None = None
        self._last_identity: Identity | None = None
        self._elders: dict[Identity, Elder] = {}

    @property
    def state(self) -> SourceState:
        """What it is doing."""
        readers = self._readers
        if not readers:
            return SourceState.WAITING
        if any(reader.catching_up for reader in readers):
            return SourceState.CATCHING_UP
        return SourceState.DRAINING if self._current is None else SourceState.FOLLOWING

    @property
    def reason(self) -> str:
        """Why it can't read the file at its path; "" if it can."""
        return self._reason

    @property
    def size(self) -> int:
        """The size of the file at the path, 0 if there is none."""
        return self._size_of(self._current)

    @property
    def offset(self) -> int:
        """How far that file has been handed on."""
        return self._current.position.offset if self._current else 0

    @property
    def lag(self) -> int:
        """How many bytes have not been handed on yet, of this file and of its predecessors."""
        return sum(
            max(0, self._size_of(reader) - reader.position.offset) for reader in self._readers
        )

    @property
    def idle(self) -> bool:
        """Tell whether it has nothing open."""
        return not self._readers

    def look(self) -> None:
        """See which file has the name now; if it is another one, find all that had it since."""
        self._reason = ""
        self._barred = False
        self.alias_of = None
        if self.is_leaving:
            self._reason = "it is no longer followed"
            self._demote_current()
            return
        try:
            status = Path(self.path).stat()
        except (FileNotFoundError, NotADirectoryError):
            self._reason = "there is no such file"
            if not self._looked and not self._book.of_path(self.path):
                self._elders = elders_of(self.path, self._elders)
            self._demote_current()
        except OSError as error:
            self._bar("looked at", error)
        else:
            self._see(status)
        if not self._looked and self._current is None:
            self._open_saved()
        # What cannot be opened yet was there all the same: it is no news when it can be.
        if not self._barred:
            self._looked = self._watched = True

    def read(self, limit: int = BLOCK) -> Block | None:
        """Give the next whole lines; None if there are none now."""
        if not self._looked:
            self.look()
        self.drained = False
        readers = self._readers
        for reader in readers:
            try:
                if reader is self._found:
                    self._skip_old(reader)
                block = reader.read(limit)
                has_copy = self._look_for_copy(reader)
            except OSError as error:
                self._give_up(reader, error)
                continue
            self._book.keep(reader.position)
            if block is not None:
                self.drained = reader is readers[-1] and reader.drained and not has_copy
                return block
            if has_copy or not reader.drained:
                return None
        for reader in tuple(self._older):
            is_past = self._clock.steady() - reader.quiet_since >= self._grace(reader)
            if reader in self._copies:
                self._copies.discard(reader)
                self._let_go(reader)  # what it holds without an LF went on in the other file
                self._book.drop(reader.identity)
            elif is_past or len(self._older) > _MOST_OLDER:
                block = self._retire(reader)
                if block is not None:
                    return block
        self.drained = True
        return None

    def close(self) -> None:
        """Let go of all files; the book knows where to go on."""
        for reader in self._readers:
            self._let_go(reader)

    @property
    def _readers(self) -> tuple[Reader, ...]:
        return (*self._older, self._current) if self._current else tuple(self._older)

    def _see(self, status: os.stat_result) -> None:
        """Take in what is at the path."""
        identity = Identity.of(status)
        if not stat.S_ISREG(status.st_mode):
            self._reason = f"it is {_kind(status.st_mode)}, not a file"
            self._demote_current()
        elif self._current is not None and self._current.identity == identity:
            self._last_written_ns = status.st_mtime_ns
        else:
            self._demote_current()
            again = [reader for reader in self._older if reader.identity == identity]
            if again:
                self._older.remove(again[0])
                self._become(again[0])
            else:
                self._change_over()

    def _become(self, current: Reader) -> None:
        self._current = current
        self._last_identity = current.identity
        self._last_written_ns = None

    def _change_over(self) -> None:
        """Open the file that has the name now, and those that had it since the last one."""
        elders = elders_of(self.path, self._elders)
        from_end = (
            self._start is Start.TAIL and not self._watched and not self._book.of_path(self.path)
        )
        current = self._open(self.path, from_end=from_end)
        if current is None:
            return
        self._own(current)
        is_known = not self._looked and current.resumed
        if not self._looked:
            self._open_saved()
        if self._last_identity is None:
            if self._looked:  # there was none at first, and since then there may have been others
                self._open_missed()
        elif self._last_identity != current.identity and not is_known:
            self.tally.rotations += 1
            self._open_missed()
        self._become(current)
        self._elders = elders

    def _open_saved(self) -> None:
        """Open what else was read under this name before the daemon stopped, wherever it is."""
        saved = {Identity(entry.device, entry.inode) for entry in self._book.of_path(self.path)}
        resumed: list[Sibling] = []
        others: list[Sibling] = []
        for _ in range(_MOST_WALKS if saved else 0):
            beside = [entry for entry in neighbours(self.path) if entry.identity in saved]
            for sibling in beside:
                # What does not fit is the same file, truncated, or another with its inode; by its
                # name it may be an older file of this log all the same, and nobody has read it.
                is_older = is_predecessor(self.path, sibling, None)
                if self._open_older(sibling, only_to_resume=not is_older):
                    (resumed if self._older[-1].resumed else others).append(sibling)
            if not any(map(_has_moved, beside)):
                break
        if resumed or others:
            last = resumed[-1] if resumed else others[0]
            self._last_identity, self._last_written_ns = last.identity, last.modified_ns

    def _open_missed(self) -> None:
        """Open the files that had the name between the last look and now."""
        for _ in range(_MOST_WALKS):
            beside = neighbours(self.path)
            missed = self._missed(beside)
            self.tally.rotations += sum(map(self._open_older, missed))
            if not any(map(_has_moved, missed)):
                break
        there = {entry.identity for entry in beside}
        for entry in self._book.of_path(self.path):
            identity = Identity(entry.device, entry.inode)
            if identity not in there and self._book.reader_of(identity) is None:
                self._book.drop(identity)

    def _missed(self, beside: list[Sibling]) -> list[Sibling]:
        last = [entry for entry in beside if entry.identity == self._last_identity]
        scheme = scheme_of(self.path, last[0]) or "" if last else None
        return [
            entry
            for entry in beside
            if (self._last_written_ns is None or entry.modified_ns >= self._last_written_ns)
            and is_predecessor(self.path, entry, scheme)
            and self._book.reader_of(entry.identity) is None
            and not self._is_elder(entry)
        ]

    def _is_elder(self, sibling: Sibling) -> bool:
        """Tell whether this lay there already when the last file was opened."""
        elder = self._elders.get(sibling.identity)
        return elder is not None and (
            elder.is_unchanged(sibling)
            or elder.is_same(Elder(sibling.identity, head_of(sibling.path)))
        )

    def _open_older(self, sibling: Sibling, *, only_to_resume: bool = False) -> bool:
        """Open one that had the name earlier, unless somebody reads it; tell whether it did."""
        if self._book.reader_of(sibling.identity) is not None:
            return False
        reader = self._open(sibling.path, expected=sibling.identity)
        if reader is not None and only_to_resume and not reader.resumed:
            reader.close()
            reader = None
        if reader is not None:
            self._older.append(reader)
            self._own(reader)
        return reader is not None

    def _open(
        self, path: str, *, from_end: bool = False, expected: Identity | None = None
    ) -> Reader | None:
        """Open this file where the book says; None if it can't be, or isn't the one expected.

        O_NONBLOCK, because a FIFO may have come to the path since it was looked at.
        """
        descriptor = -1
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
            _leave_some(descriptor)
            reader = self._take(descriptor, from_end=from_end, expected=expected)
        except OSError as error:
            if path == self.path:
                self._bar("opened", error)
            reader = None
        if reader is None and descriptor >= 0:
            os.close(descriptor)
        return reader

    def _take(self, descriptor: int, *, from_end: bool, expected: Identity | None) -> Reader | None:
        status = os.fstat(descriptor)
        identity = Identity.of(status)
        if not stat.S_ISREG(status.st_mode) or expected not in {None, identity}:
            return None
        owner = self._book.reader_of(identity)
        if owner is not None:
            if expected is None:
                self.alias_of = owner
                self._reason = f"it is being read as {owner}"
            return None
        reader = Reader(
            descriptor, self.path, clock=self._clock, tally=self.tally, live=self._watched
        )
        saved = self._book.get(identity)
        if saved is None or not reader.resume(saved):
            if from_end:
                reader.skip_to_end()
            elif expected is None and not self._watched:
                self._found = reader
            if saved is not None:
                reader.cut_off = CutOff(saved)  # truncated while nobody looked, or another file
        return reader

    def _look_for_copy(self, reader: Reader) -> bool:
        """Find the copy that was made of a file before it was truncated; tell if there is one.

        What of it had not been read is read next.
        """
        cut_off, reader.cut_off = reader.cut_off, None
        if cut_off is None:
            return False
        for sibling in reversed(neighbours(self.path)):
            # A copy is a file of its own, which nobody has read from yet.
            is_known = self._book.get(sibling.identity) is not None
            if is_known or not is_predecessor(self.path, sibling, None):
                continue
            copy = self._open(sibling.path, expected=sibling.identity)
            if copy is None:
                continue
            if copy.resume_copy(cut_off):
                self._own(copy)
                self._older.append(copy)
                self._copies.add(copy)
                return True
            copy.close()
        return False

    def _skip_old(self, reader: Reader) -> None:
        self._found = None
        skipped = reader.skip_old(self._is_old)
        if skipped:
            log.info("%r: the first %d MB are too old to matter", self.path, skipped // 1_000_000)

    def _own(self, reader: Reader) -> None:
        self._book.claim(reader.identity, self.path)
        self._book.keep(reader.position)

    def _bar(self, what: str, error: OSError) -> None:
        self._barred = True
        self._reason = f"it cannot be {what}: {error.strerror}"

    def _demote_current(self) -> None:
        """Take note that a file has the name no longer; it is read on for a while."""
        if self._current is not None:
            # However long it has been quiet: its writer may be told only now.
            self._current.quiet_since = self._clock.steady()
            self._older.append(self._current)
            self._current = None

    def _grace(self, reader: Reader) -> float:
        if self.is_leaving or self._size_of(self._current):
            return GRACE
        try:
            return _GRACE_ALONE if reader.linked else _GRACE_UNLINKED
        except OSError:
            return GRACE

    def _retire(self, reader: Reader) -> Block | None:
        """Be done with an older file; what it holds without an LF is a line now."""
        try:
            block = reader.finish()
            self._book.keep(reader.position)
            if not reader.linked:
                self._book.drop(reader.identity)
        except OSError as error:
            self._give_up(reader, error)
            return None
        self._let_go(reader)
        return block

    def _give_up(self, reader: Reader, error: OSError) -> None:
        """Close what can't be read; if it has the name still, the next look opens it again."""
        self._reason = f"it cannot be read: {error.strerror}"
        self._let_go(reader)

    def _let_go(self, reader: Reader) -> None:
        if reader is self._current:
            self._current = None
        else:
            self._older.remove(reader)
        self._book.release(reader.identity)
        reader.close()

    def _size_of(self, reader: Reader | None) -> int:
        try:
            return reader.size if reader else 0
        except OSError:
            return 0


def _leave_some(descriptor: int) -> None:
    """Raise OSError where this leaves too few descriptors: the kernel gives the lowest one."""
    limit = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], _FD_SETSIZE)
    if descriptor >= limit - min(_SPARE, limit // 2):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def _has_moved(sibling: Sibling) -> bool:
    """Tell whether another file, or none, is at its path now: then it was renamed meanwhile."""
    try:
        return Identity.of(Path(sibling.path).stat()) != sibling.identity
    except OSError:
        return True


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a directory"
    return "a FIFO" if stat.S_ISFIFO(mode) else "a device or socket"
