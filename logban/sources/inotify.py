# SPDX-License-Identifier: MIT
"""inotify by the C library: what happens in some directories, without a thread.

watchdog's threads pass on every single write, which costs several times what reading the lines
does; they pair moves by the time of day, and end unheard where the clock is set back.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

_MODIFY: Final = 0x2
_ATTRIB: Final = 0x4
_MOVED_FROM: Final = 0x40
_MOVED_TO: Final = 0x80
_CREATE: Final = 0x100
_DELETE: Final = 0x200
_DELETE_SELF: Final = 0x400
_MOVE_SELF: Final = 0x800
_UNMOUNT: Final = 0x2000
_OVERFLOW: Final = 0x4000
_IGNORED: Final = 0x8000
_ONLYDIR: Final = 0x1000000

_GROWTH: Final = _MODIFY | _ATTRIB
_NAMES: Final = _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE
_ITSELF: Final = _DELETE_SELF | _MOVE_SELF
_EVENT: Final = struct.Struct("iIII")
"""Of inotify(7): the watch, what happened, a cookie, the length of the name behind it."""

_MOST: Final = 64 * 1024
_READS: Final = 16
"""Of what is written faster than it is read, the rest is told another time."""

_LIMITS: Final = {
    errno.EMFILE: "no instance is left (fs.inotify.max_user_instances)",
    errno.ENOSPC: "no watch is left (fs.inotify.max_user_watches)",
}


class Heard(NamedTuple):
    """What happened: a file was written to, or, if ``names_changed``, it came or went.

    Without a ``name`` it is the directory that has gone; without a directory either, the kernel
    has dropped what there was to tell.
    """

    directory: str
    name: str
    names_changed: bool


class Inotify:
    """One inotify instance; ``fileno`` is readable when there is something to ``read``."""

    def __init__(self) -> None:
        """Make it; OSError where the kernel gives none."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._checked(
            self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), "inotify"
        )
        self._numbers: dict[str, int] = {}
        # Several paths may lead to one directory, which has one watch then.
        self._directories: dict[int, list[str]] = {}

    def fileno(self) -> int:
        """Give the descriptor to wait at."""
        return self._descriptor

    def __contains__(self, directory: str) -> bool:
        """Tell whether it is heard of: no longer when it has been removed or unmounted."""
        return directory in self._numbers

    def add(self, directory: str) -> None:
        """Hear of what happens in this directory from now on; OSError if that can't be had."""
        number = self._checked(
            self._libc.inotify_add_watch(
                self._descriptor, os.fsencode(directory), _GROWTH | _NAMES | _ITSELF | _ONLYDIR
            ),
            directory,
        )
        self._numbers[directory] = number
        self._directories.setdefault(number, []).append(directory)

    def remove(self, directory: str) -> None:
        """Hear of a directory no longer; it may be gone already."""
        number = self._numbers.pop(directory, None)
        if number is None:
            return
        self._directories[number].remove(directory)
        if not self._directories[number]:
            del self._directories[number]
            self._libc.inotify_rm_watch(self._descriptor, number)

    def read(self) -> Iterator[Heard]:
        """Give what has happened since this was last asked."""
        for _ in range(_READS):
            try:
                data = os.read(self._descriptor, _MOST)
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                number, what, _, length = _EVENT.unpack_from(data, at)
                at += _EVENT.size + length
                name = os.fsdecode(data[at - length : at].rstrip(b"\0"))
                yield from self._heard(number, what, name)
            if len(data) < _MOST // 2:
                return

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)

    def _heard(self, number: int, what: int, name: str) -> Iterator[Heard]:
        if what & _OVERFLOW:
            yield Heard("", "", names_changed=True)
        elif what & _IGNORED:
            for directory in self._directories.pop(number, ()):
                del self._numbers[directory]
        elif name or what & (_ITSELF | _UNMOUNT):
            for directory in self._directories.get(number, ()):
                yield Heard(directory, name, names_changed=not what & _GROWTH)

    def _checked(self, result: int, about: str) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, _LIMITS.get(number) or os.strerror(number), about)
        return result
