# SPDX-License-Identifier: MIT
"""Messages of several lines: which of their lines the program wrote, and which the peer.

Some messages hold text of the peer's with its line breaks, so that he can make lines which look
as if they were the program's own.  Such a message is written in one piece and has a greatest
length.  Its first line opens a *window* of that many bytes.  In a window

- a line whose thread was seen outside of all windows is the program's own, and the message has
  ended before it: no peer is told the numbers of the program's threads;
- a failure of the first line's own address is believed, whoever wrote it: that peer did fail;
- any other failure, and every success, is held back, until the window is over or the thread is
  seen outside of one.

What is held back turns out to be doubtful, and is counted as that, if

- all messages of the kind end in a known way, and such an end comes in a line that is not surely
  the program's own, or the message was cut just where a line break of the peer's was;
- the program writes all messages of the kind twice, and the line came twice;
- neither can be told of the kind, and the thread is not seen outside of a window either, unless
  the source's thread numbers tell nothing (see ``threads``).

A ``late`` quote has the address behind the peer's text.  Then the first line itself may end where
the peer chose, and its own failure is held back in the same way.

Nothing of this depends on where one block ends and the next begins.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from logban.matching.held_back import Held, HeldBack
from logban.matching.messages import Opened, Window, Windows
from logban.matching.threads import Threads
from logban.model import Outcome, Success

QUIET_AFTER: Final = 1.0
"""Seconds without a line after which no message is still being written."""

GIVEN_UP_AFTER: Final = 30.0
"""Seconds without a line after which nothing is waited for any more."""

_DATED: Final = b"T"
"""The eleventh byte of a line that a container's runtime has dated; others' lines may have it."""


@dataclass(frozen=True, slots=True)
class SeenLine:
    """A line of interest: where it begins, its thread, and what it may be.

    ``headed`` says that it begins as the program's lines do; ``ends`` names the quotes whose
    end it may be.
    """

    start: int
    headed: bool
    thread: str | None
    outcome: Outcome | None
    opened: tuple[Opened, ...] = ()
    ends: Collection[str] = ()


class Unread(NamedTuple):
    """A line of the program's own of which nobody has looked yet whether it begins a message.

    What it may begin reaches no farther than ``until``; ``read`` looks.
    """

    until: int
    read: Callable[[], SeenLine]


class Messages(NamedTuple):
    """All of one source that may not be over, and where its last block ended."""

    end: int
    windows: tuple[Window, ...]
    held: tuple[Held, ...]


class QuoteGuard:
    """Decides which failures and successes of one source are believed."""

    def __init__(self) -> None:
        self._windows = Windows()
        self._unread: Unread | None = None
        self._threads = Threads()
        self._held = HeldBack()
        # Nothing changes by mere progress before this offset.
        self._due = 0
        self._data = b""
        self._offset = 0
        self._seen_at = 0.0

    @property
    def is_open(self) -> bool:
        """Say whether some window may be open, or something held back."""
        return bool(self._windows or self._held or self._unread)

    @property
    def is_holding(self) -> bool:
        """Say whether something is held back."""
        return bool(self._held)

    def take_doubtful(self) -> int:
        """Give how much has been given up since this was last asked."""
        taken, self._held.doubtful = self._held.doubtful, 0
        return taken

    def messages(self) -> Messages:
        """Give what may not be over."""
        end = self._offset + len(self._data)
        self._recall(end)
        return Messages(end, tuple(self._windows), tuple(self._held))

    def take_up(self, messages: Messages, now: float) -> None:
        """Go on with what was not over when an earlier process ended, as if heard of just now."""
        self._data, self._offset, self._seen_at = b"", messages.end, now
        self._windows.take_up(messages.windows)
        self._held.take_up(messages.held)
        self._set_due()

    def unknown_of(self, threads: Iterable[str]) -> set[str]:
        """Give those of some threads that have not been seen outside of all windows."""
        return self._threads.unknown_of(threads)

    def may_forget(self, new: int) -> bool:
        """Say whether so many new threads could make others be forgotten."""
        return self._threads.have_no_room_for(new)

    def pass_by(self, threads: Sequence[str], last: Unread | None) -> None:
        """Note lines with an outcome of their own, of known threads; ``last`` is the last of them.

        It is None if that one begins nothing.  Nothing is held back, and no message is late or
        written twice.  The same as taking each of them, and all are believed: of what they begin
        only the last one's can still be open.  Where nothing was open, threads may be unknown up to
        the first line that begins something, as long as none is forgotten for them.
        """
        self._threads.pass_by(threads)
        self._go_on_from(last)

    def passes_by(self, threads: Sequence[str], last: Unread | None) -> bool:
        """Do the same if all of the threads are known; tell whether they are."""
        if not self._threads.passes_by(threads):
            return False
        self._go_on_from(last)
        return True

    def is_clear_at(self, start: int) -> bool:
        """Tell whether a line of that kind would be believed there, whatever thread it names."""
        self._recall(start)
        if self._windows and start >= self._due:
            self._advance(start)
        return self._is_clear()

    def welcome(self, thread: str, line: Unread | None) -> None:
        """Note a line of that kind, of a thread that is not known, where the guard is clear."""
        self._threads.learn(thread)
        self._go_on_from(line)

    def _go_on_from(self, line: Unread | None) -> None:
        if self._windows:
            self._close(_is_written_once)
        self._unread = line

    def _recall(self, position: int | None) -> None:
        """Open what the unread line begins, if that may still be going on at a position."""
        unread, self._unread = self._unread, None
        if unread is not None and (position is None or position < unread.until):
            line = unread.read()
            for opened in line.opened:
                self._open(opened, line)

    def open_quotes(self) -> set[str]:
        """Give the names of the quotes of which some message may not be over."""
        self._recall(None)
        names = {window.quote.name for window in self._windows}
        for held in self._held:
            names.update(window.quote.name for window in held.windows)
        return names

    def knows(self, thread: str | None) -> bool:
        """Say whether a thread has been seen outside of all windows."""
        return thread in self._threads

    def begin_block(self, data: bytes, offset: int, now: float) -> None:
        """Take up the next block; one that lies before the last one's end is of another file."""
        if offset < self._offset + len(self._data):
            self._windows.clear()
            self._unread = None
            self._held.give_up_all()
        self._data, self._offset, self._seen_at = data, offset, now

    def skips(self, data: bytes, offset: int, now: float) -> bool:
        """Take up a block without a line of interest, unless something can still be in it."""
        if self._windows or self._held:
            return False
        self.begin_block(data, offset, now)
        return True

    def end_block(self) -> None:
        """Look for what has to be found in this block, for the next ones won't show it again."""
        end = self._offset + len(self._data)
        if self._unread is not None and end < self._unread.until and self._data[10:11] == _DATED:
            self._recall(end)
        self._grow(end)

    def take(self, line: SeenLine) -> list[Outcome]:
        """Give the outcomes that this line makes believable, in their order."""
        trusted, believed = self._reached(line)
        held = line.outcome is not None and any(opened.quote.late for opened in line.opened)
        doubted: dict[Window, int] = {}
        strange: list[Window] = []
        if self._windows and not trusted:
            strange = self._strange(line)
            ended = [window for window in strange if window.quote.name in line.ends]
            if ended:
                self._held.end(ended, line.start)
            if line.outcome is not None:
                for window in strange:
                    own = window.address == line.outcome.address and not window.quote.late
                    if not own or isinstance(line.outcome, Success):
                        doubted[window] = window.until
        for opened in line.opened:
            window = self._open(opened, line)
            if held and opened.quote.late:
                doubted[window] = window.until
        if line.outcome is None:
            return believed
        twice = next((window for window in strange if window.quote.twice), None)
        is_second = twice is not None and self._held.came_before(line.outcome, twice.wrapping)
        if is_second or any(
            window.quote.name in line.ends for window in doubted if window in strange
        ):
            self._held.doubtful += 1
        elif doubted:
            self._held.hold(Held(line.outcome, line.thread, doubted))
            self._due = min(self._due, *doubted.values())
        else:
            believed.append(line.outcome)
        return believed

    def _reached(self, line: SeenLine) -> tuple[bool, list[Outcome]]:
        """Tell whether a line is surely the program's own; give what its coming makes believable.

        Such a line ends all messages, but for those that are written twice.
        """
        trusted = line.headed and line.thread is not None and line.thread in self._threads
        if trusted:
            self._unread = None  # what it began is over
        else:
            self._recall(line.start)
        believed = self._advance(line.start) if self.is_open and line.start >= self._due else []
        # A line that is neither may be a piece of one, too short to be more.
        whole = line.outcome is not None or bool(line.opened)
        if line.headed and line.thread is not None and (trusted or (whole and self._is_clear())):
            believed += self._learn(line.thread)
            if self._windows or self._held:
                believed += self._close(_is_written_once)
            trusted = True
        return trusted, believed

    def flush(self, now: float | None) -> list[Outcome]:
        """Give what is believable once the source has been quiet; None: it has come to its end."""
        quiet = float("inf") if now is None else now - self._seen_at
        if not self.is_open or quiet < QUIET_AFTER:
            return []
        self._unread = None
        believed = self._advance(None)
        if quiet >= GIVEN_UP_AFTER:
            self._held.give_up_all()
        return believed

    def _is_clear(self) -> bool:
        """Tell whether a line is the program's, whichever thread it names.

        That is so outside of all windows; and where only the thread could tell, but the source's
        thread numbers tell nothing.
        """
        if self._windows and self._threads.are_telling:
            return False
        return all(window.is_whole for window in self._windows)

    def _strange(self, line: SeenLine) -> list[Window]:
        """Give the windows in which a line, whose thread is not known, may be the peer's."""

        def is_near(window: Window) -> bool:
            reach = window.quote.neighbours
            if not (reach and line.thread):
                return False
            number = int(line.thread[:18])
            known = (*self._threads, window.thread or "")
            return any(abs(int(each[:18]) - number) <= reach for each in known if each)

        return [
            window
            for window in self._windows
            if line.thread is None
            or not line.headed
            or (line.thread != window.thread and not is_near(window))
        ]

    def _open(self, opened: Opened, line: SeenLine) -> Window:
        due = self._due if self.is_open else None
        window = self._windows.open(opened, line.thread, line.start, (self._data, self._offset))
        window.is_whole &= opened.quote.name in line.ends and not opened.quote.twice
        self._due = window.until if due is None else min(due, window.until)
        return window

    def _learn(self, thread: str) -> list[Outcome]:
        """Know a thread from now on; give what was held back for want of that."""
        is_new = self._threads.learn(thread)
        return self._held.learn(thread) if is_new and self._held else []

    def _advance(self, position: int | None) -> list[Outcome]:
        """Close the windows that are over at a position (None: all); give what that releases."""
        self._grow(position)
        return self._close(lambda _, until: position is None or until <= position)

    def _grow(self, position: int | None) -> None:
        """Take in what is known of the block; give up what stands in messages that were cut."""
        end = self._offset + len(self._data)
        reached = end if position is None else min(end, position)
        for window, cut in self._windows.grow(self._data, self._offset, reached):
            self._held.cut(window, cut)

    def _close(self, is_over: Callable[[Window, int], bool]) -> list[Outcome]:
        self._windows.close(is_over)
        believed = self._held.close(is_over)
        if not any(window.quote.twice for window in self._windows):
            self._held.forget_twice()
        self._set_due()
        return believed

    def _set_due(self) -> None:
        untils = [window.until for window in self._windows]
        untils += [until for held in self._held for until in held.windows.values()]
        self._due = min(untils, default=0)


def _is_written_once(window: Window, _: int) -> bool:
    return not window.quote.twice
