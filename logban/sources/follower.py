# SPDX-License-Identifier: MIT
"""One log followed by its name, through rotation, truncation and restarts, no line lost or doubled.

A follower reads a chain of files: the one that has the name now, and before it those that had it
earlier.  ``look`` finds out which they are, ``read`` hands on what they hold, the oldest first.
No call waits, and none raises: what is in the way is told by ``state`` and ``reason``.
"""

from __future__ import annotations

import logging
import os
import stat
from enum import StrEnum
from pathlib import Path

from logban.clock import Clock
from logban.model import Block
from logban.sources.book import Identity, PositionBook
from logban.sources.older import GRACE, OlderFiles
from logban.sources.opening import kind_of, open_to_read
from logban.sources.reader import BLOCK, CutOff, Reader
from logban.sources.recent import IsOld
from logban.sources.report import SourceState, Tally
from logban.sources.siblings import Sibling, is_predecessor, namesakes
from logban.sources.succession import Succession

log = logging.getLogger(__name__)


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
        self._older = OlderFiles(clock)
        self._current: Reader | None = None
        self._succession = Succession(path, book, self._open_older)

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
        self._older.look()
        if self.is_leaving:
            self._reason = "it is no longer followed"
            self._demote_current()
            return
        try:
            status = Path(self.path).stat()
        except (FileNotFoundError, NotADirectoryError):
            self._reason = "there is no such file"
            if not self._looked and not self._book.of_path(self.path):
                self._succession.wait_for_first()
            self._demote_current()
        except OSError as error:
            self._bar("looked at", error)
        else:
            self._see(status)
        if not self._looked and self._current is None:
            self._succession.open_saved(self._long_ago)
        elif self._succession.is_short:
            self._succession.open_postponed()
        # What cannot be opened yet was there all the same: it is no news when it can be.
        if not self._barred:
            self._looked = self._watched = True

    def read(self, limit: int = BLOCK) -> Block | None:
        """Give the next whole lines; None if there are none now."""
        if not self._looked:
            self.look()
        self.drained = False
        for reader in self._older.unread():
            block, is_at_end = self._read_from(reader, limit)
            if block is not None or not is_at_end:
                return block
        for reader in self._older.finished(self._is_succeeded, self._succession.is_short):
            block = self._retire(reader)
            if block is not None:
                self._older.look()
                return block
        if self._current is None:
            self.drained = True
            return None
        block, self.drained = self._read_from(self._current, limit)
        return block

    def look_at_older(self) -> None:
        """Let the next ``read`` see which of the older files have grown: one of them has."""
        self._older.look()

    def close(self) -> None:
        """Let go of all files; the book knows where to go on."""
        for reader in self._readers:
            self._let_go(reader)

    @property
    def _readers(self) -> tuple[Reader, ...]:
        return (*self._older, self._current) if self._current else tuple(self._older)

    def _read_from(self, reader: Reader, limit: int) -> tuple[Block | None, bool]:
        """Give the next lines of a file, and whether there is nothing else to be read of it."""
        try:
            if reader is self._found:
                self._skip_old(reader)
            block = reader.read(limit)
            has_copy = self._look_for_copy(reader)
        except OSError as error:
            self._give_up(reader, error)
            return None, True
        self._book.keep(reader.position)
        return block, reader.drained and not has_copy

    def _see(self, status: os.stat_result) -> None:
        """Take in what is at the path."""
        identity = Identity.of(status)
        if not stat.S_ISREG(status.st_mode):
            self._reason = f"it is {kind_of(status.st_mode)}, not a file"
            self._demote_current()
        elif self._current is not None and self._current.identity == identity:
            self._succession.note_written(status.st_mtime_ns)
        else:
            self._demote_current()
            self._current = self._older.take(identity)
            if self._current is not None:
                self._succession.pass_to(identity)
            elif not self._is_alias(identity):
                self._change_over()

    def _is_alias(self, identity: Identity) -> bool:
        """Tell whether somebody else reads this file, and note it."""
        owner = self._book.reader_of(identity)
        if owner is not None:
            self.alias_of = owner
            self._reason = f"it is being read as {owner}"
        return owner is not None

    def _change_over(self) -> None:
        """Open the file that has the name now, and those that had it since the last one."""
        try:  # where it can't be opened, a thousand may be waiting that all would look around
            os.close(open_to_read(self.path))
        except OSError as error:
            self._bar("opened", error)
            return
        elders = self._succession.look_around()
        from_end = (
            self._start is Start.TAIL and not self._watched and not self._book.of_path(self.path)
        )
        try:
            current = self._open(self.path, from_end=from_end)
        except OSError as error:
            self._bar("opened", error)
            return
        if current is None:
            return
        self._own(current)
        self._current = current
        is_known = not self._looked and current.resumed
        if not self._looked:
            self._succession.open_saved(self._long_ago, elders)
        if self._succession.last is None:
            if self._looked:  # there was none at first, and since then there may have been others
                self.tally.rotations += self._succession.open_missed()
        elif self._succession.last != current.identity and not is_known:
            self.tally.rotations += 1 + self._succession.open_missed()
        self._succession.pass_to(current.identity, elders)

    @property
    def _long_ago(self) -> float:
        """What was last changed before this time of day is over."""
        return self._clock.now() - GRACE if self._is_succeeded else 0.0

    def _open_older(self, sibling: Sibling, only_to_resume: bool) -> Reader | None:
        """Open one that had the name earlier, unless somebody reads it; None if it was not."""
        if self._book.reader_of(sibling.identity) is not None:
            return None
        reader = self._open(sibling.path, expected=sibling.identity)
        if reader is not None and only_to_resume and not reader.resumed:
            reader.close()
            reader = None
        if reader is not None:
            self._older.add(reader)
            self._own(reader)
        return reader

    def _open(
        self, path: str, *, from_end: bool = False, expected: Identity | None = None
    ) -> Reader | None:
        """Open this file where the book says; None if it isn't the one expected; OSError."""
        descriptor = open_to_read(path)
        reader = None
        try:
            reader = self._take(descriptor, from_end=from_end, expected=expected)
        finally:
            if reader is None:
                os.close(descriptor)
        return reader

    def _take(self, descriptor: int, *, from_end: bool, expected: Identity | None) -> Reader | None:
        status = os.fstat(descriptor)
        identity = Identity.of(status)
        if not stat.S_ISREG(status.st_mode) or expected not in {None, identity}:
            return None
        if self._book.reader_of(identity) if expected else self._is_alias(identity):
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
        for sibling in reversed(namesakes(self.path)):
            # A copy is a file of its own, which nobody has read from yet.
            is_known = self._book.get(sibling.identity) is not None
            if is_known or not is_predecessor(self.path, sibling, None):
                continue
            try:
                copy = self._open(sibling.path, expected=sibling.identity)
            except OSError:
                continue
            if copy is None:
                continue
            if copy.resume_copy(cut_off):
                self._own(copy)
                self._older.add(copy, is_copy=True)
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
            self._older.add(self._current)
            self._current = None

    @property
    def _is_succeeded(self) -> bool:
        """Tell whether the older files have a successor that has been written to."""
        return self.is_leaving or self._size_of(self._current) > 0

    def _retire(self, reader: Reader) -> Block | None:
        """Be done with an older file; what it holds without an LF is a line now."""
        if self._older.is_copy(reader):
            self._let_go(reader)  # what it holds without an LF went on in the other file
            self._book.drop(reader.identity)
            return None
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
