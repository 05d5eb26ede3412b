# SPDX-License-Identifier: MIT
"""One open file, read line by line from a position on, whatever its writer does to it.

Nothing is held between two looks but the offset behind the last line that was handed on, so what
is saved is always true, and an unfinished line is simply read again when there is more of it.
"""

from __future__ import annotations

import hashlib
import os
from typing import NamedTuple

from logban.clock import Clock
from logban.model import Block, Position, count_lines
from logban.sources.book import Identity
from logban.sources.lines import run_of_lines
from logban.sources.recent import IsOld, recent_offset
from logban.sources.report import Tally

BLOCK = 256 * 1024
MAX_LINE = 1024 * 1024
_HEAD = 256
# Bytes before the offset that are compared before reading on: a file that was truncated and has
# grown past the offset again has other bytes there.
_FINGERPRINT = 64
_EMPTY = hashlib.sha256(b"").digest()
# Looks in one call of read(): with long lines and NULs, a call ends after 4 MiB without a line.
_LOOKS = 16


class CutOff(NamedTuple):
    """Where a file was when it was truncated, and the bytes before that, None if not known."""

    position: Position
    before: bytes | None = None


class Reader:
    """Reads one descriptor, which it owns; blocks are named after ``path``.

    ``live`` says that all of it counts as written while it was being watched.  Every method but
    ``close`` and ``has_grown`` may raise OSError.  ``drained`` says whether the last ``read`` came
    to the end, ``resumed`` whether this is known to be the file of a saved position,
    ``quiet_since`` when it last grew.
    """

    def __init__(
        self, descriptor: int, path: str, *, clock: Clock, tally: Tally, live: bool
    ) -> None:
        status = os.fstat(descriptor)
        self.identity = Identity.of(status)
        self.drained = False
        self.resumed = False
        self.quiet_since = clock.steady()
        self._descriptor = descriptor
        self._path = path
        self._clock = clock
        self._tally = tally
        # What lies before this was there when the file was found.  0: all of that is read.
        self._found_until = 0 if live else status.st_size
        # What was read last and not yet handed on, where it lies, and how far it is handed on.
        self._chunk = b""
        self._chunk_at = 0
        self._cursor = 0
        self._chunk_ends_file = False
        # The first bytes, by which the file is known again, and their hash.
        self._first = b""
        self._head = _EMPTY
        # The fingerprint: the bytes just before the position.
        self._before = b""
        # Where the next line begins: behind the position and any NULs that follow it.
        self._line_at = 0
        # Up to where that line's LF has been looked for in vain.
        self._searched = 0
        self._end_seen = 0
        self.cut_off: CutOff | None = None
        self._position = self._position_at(0)

    @property
    def position(self) -> Position:
        """Where to go on: just behind the last line that was handed on."""
        return self._position

    @property
    def catching_up(self) -> bool:
        """Tell whether some is left of what was there when the file was found."""
        return self._searched < self._found_until

    @property
    def size(self) -> int:
        """The file's size now."""
        return os.fstat(self._descriptor).st_size

    @property
    def has_grown(self) -> bool:
        """Tell whether the file ends elsewhere than when it was last read, as far as is known."""
        try:
            return self.size != self._end_seen
        except OSError:
            return True

    @property
    def linked(self) -> bool:
        """Tell whether the file still has a name."""
        return os.fstat(self._descriptor).st_nlink > 0

    def resume(self, position: Position) -> bool:
        """Go on at this position if it was taken in this very file; tell whether it was."""
        head = os.pread(self._descriptor, position.head_length, 0)
        if (
            self.size < position.offset
            or len(head) < position.head_length
            or hashlib.sha256(head).digest() != position.head
        ):
            return False
        self._go_to(position.offset)
        # At the beginning of a file there is nothing yet to know it by but its inode.
        self.resumed = position.head_length > 0
        return True

    def resume_copy(self, cut_off: CutOff) -> bool:
        """Go on where another file was truncated if this is its copy; tell whether it is."""
        at = cut_off.position
        if at.head_length == 0 or self.size <= at.offset or not self.resume(at):
            return False
        return cut_off.before is None or cut_off.before == self._before

    def skip_to_end(self) -> None:
        """Leave out all whole lines that are there; an unfinished last one is still awaited."""
        end = self.size
        window = os.pread(self._descriptor, MAX_LINE, max(0, end - MAX_LINE))
        self._go_to(end - len(window) + window.rfind(b"\n") + 1)

    def skip_old(self, is_old: IsOld) -> int:
        """Leave out what is too old to matter, of a file not read yet; give the bytes left out."""
        offset = recent_offset(self._descriptor, self.size, is_old)
        if offset:
            self._go_to(offset)
        return offset

    def read(self, limit: int = BLOCK) -> Block | None:
        """Give the next whole lines, ``limit`` bytes at most unless one line is longer.

        None if there are none yet, or if the call has looked at enough without finding one.
        """
        self.drained = False
        block = self._next_run()
        looks = _LOOKS
        while block is None and not self.drained and looks:
            looks -= 1
            block = self._look(limit)
        return block

    def finish(self) -> Block | None:
        """Give what is left without an LF as a line, its LF added; for a file that is done with."""
        data = os.pread(self._descriptor, MAX_LINE, self._line_at)
        line = data.lstrip(b"\0")
        if not line:
            return None
        end = self._line_at + len(data)
        begin = end - len(line)
        if len(data) == MAX_LINE and self.size > end:
            end = self.size
            self._tally.long_lines += 1
        return self._hand_on(line if line.endswith(b"\n") else line + b"\n", begin, end)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _look(self, limit: int) -> Block | None:
        """Read once more; set ``drained`` at the end of the file."""
        length = limit
        if self._searched < self._found_until:
            length = min(limit, self._found_until - self._searched)
        known = 0
        if self._searched == self._position.offset:
            # One call for the fingerprint and what follows, so that nothing happens in between.
            known = len(self._before)
            data = os.pread(self._descriptor, known + length, self._searched - known)
            truncated = data[:known] != self._before
        else:
            truncated = not self._is_what_it_was()
            data = os.pread(self._descriptor, length, self._searched)
            truncated = truncated or (not data and self.size < self._searched)
        # Afterwards, so that what was read is of this file: lines may be alike for long stretches,
        # and then what comes before the offset tells nothing.
        truncated = truncated or os.pread(self._descriptor, len(self._first), 0) != self._first
        if truncated:
            self._start_again()
            return None
        at_end = len(data) - known < length
        if len(data) == known:
            self.drained = True
            return None
        self._note_growth(self._searched + len(data) - known)
        if self._searched > self._line_at:
            return self._search_line_end(data, at_end)
        self._chunk, self._chunk_at, self._cursor = data, self._searched - known, known
        self._chunk_ends_file = at_end
        block = self._next_run()
        if block is None:
            self._pass_over(data, known, length, limit, at_end)
        return block

    def _pass_over(self, data: bytes, known: int, length: int, limit: int, at_end: bool) -> None:
        """Decide how to go on where there is no whole line in what was read."""
        begin, _ = run_of_lines(data, known)
        self._line_at = self._searched + begin - known
        if begin == len(data):
            self._searched = self._line_at = self._behind_hole(self._line_at)
            self.drained = at_end
        elif at_end:
            self._searched = self._line_at
            self.drained = True
        elif length < limit:
            # The line was being written when the file was found: its end counts as live.
            self._found_until = 0
            self._searched = self._line_at
        else:
            self._searched += len(data) - known

    def _search_line_end(self, data: bytes, at_end: bool) -> Block | None:
        """Go on looking for the LF of a line that is longer than a block."""
        line_end = data.find(b"\n")
        if line_end < 0:
            self._searched += len(data)
            self.drained = at_end
            return None
        end = self._searched + line_end + 1
        length = end - self._line_at
        if length <= MAX_LINE + 1:
            line = os.pread(self._descriptor, length, self._line_at)
        else:
            line = os.pread(self._descriptor, MAX_LINE, self._line_at) + b"\n"
            self._tally.long_lines += 1
        return self._hand_on(line, self._line_at, end)

    def _next_run(self) -> Block | None:
        """Give the next run of lines out of what was read last."""
        begin, end = run_of_lines(self._chunk, self._cursor)
        if begin == end:
            self._chunk, self._cursor = b"", 0
            return None
        data = self._chunk[begin:end]
        self._cursor = end
        if self._chunk_ends_file and end == len(self._chunk):
            self.drained = True
        return self._hand_on(data, self._chunk_at + begin, self._chunk_at + end)

    def _hand_on(self, data: bytes, offset: int, end: int) -> Block:
        gap = offset - self._position.offset
        if end - offset == len(data):
            before = (self._before + bytes(min(gap, _FINGERPRINT)) + data[-_FINGERPRINT:])[
                -_FINGERPRINT:
            ]
        else:
            before = os.pread(self._descriptor, min(end, _FINGERPRINT), max(0, end - _FINGERPRINT))
        self._tally.bytes += len(data)
        lines = count_lines(data)
        self._tally.lines += lines
        self._tally.nuls += gap
        self._line_at = self._searched = end
        self._before = before
        self._position = self._position_at(end)
        return Block(
            source=self._path,
            data=data,
            offset=offset,
            live=end > self._found_until,
            position=self._position,
            counted=lines,
        )

    def _position_at(self, offset: int) -> Position:
        if len(self._first) != min(offset, _HEAD):
            self._first = os.pread(self._descriptor, min(offset, _HEAD), 0)
            self._head = hashlib.sha256(self._first).digest()
        return Position(
            self._path, *self.identity, offset, head=self._head, head_length=len(self._first)
        )

    def _go_to(self, offset: int) -> None:
        """Go on at ``offset``, where a line begins."""
        self._chunk = b""
        self._cursor = 0
        self._first, self._head = b"", _EMPTY
        self._before = os.pread(
            self._descriptor, min(offset, _FINGERPRINT), max(0, offset - _FINGERPRINT)
        )
        self._line_at = self._searched = self._end_seen = offset
        self._position = self._position_at(offset)

    def _start_again(self) -> None:
        """Go to the beginning of a file that was truncated; what it holds now was written since."""
        self._tally.truncations += 1
        self.cut_off = CutOff(self._position, self._before)
        self._found_until = 0
        self.quiet_since = self._clock.steady()
        self._go_to(0)

    def _note_growth(self, end: int) -> None:
        """Note when there was last more than before: an unfinished line is read again and again."""
        if end > self._end_seen:
            self._end_seen = end
            self.quiet_since = self._clock.steady()

    def _is_what_it_was(self) -> bool:
        """Compare the fingerprint, for a look that begins further on; False: it was truncated.

        Where NULs have been passed over, some network file systems show them before they show
        what is written there; so they are looked at again.
        """
        known = len(self._before)
        offset = self._position.offset
        data = os.pread(self._descriptor, known + _FINGERPRINT, offset - known)
        if data[:known] != self._before:
            return False
        if data[known : known + self._line_at - offset].strip(b"\0"):
            self._line_at = self._searched = offset
        return True

    def _behind_hole(self, offset: int) -> int:
        """Give where data begins again at or behind ``offset``, as the file system knows it."""
        try:
            return os.lseek(self._descriptor, offset, os.SEEK_DATA)
        except OSError:
            # ENXIO: a hole up to the end.  EINVAL: a file system that has no holes.
            return offset
