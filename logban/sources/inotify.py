# SPDX-License-Identifier: MIT
"""inotify by the C library: which files of some directories have been written to, without a thread.

watchdog tells of every write through two threads, which costs several times what reading the lines
does; so it is asked for names alone, and growth is heard of here.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from typing import Final

_MODIFY: Final = 0x2
_ATTRIB: Final = 0x4
_IGNORED: Final = 0x8000
_ONLYDIR: Final = 0x1000000
_EVENT: Final = struct.Struct("iIII")
"""Of inotify(7): the watch, what happened, a cookie, the length of the name behind it."""

_MOST: Final = 64 * 1024


class Inotify:
    """One inotify instance; ``fileno`` is readable when there is something to ``read``."""

    def __init__(self) -> None:
        """Make it; OSError where the kernel gives none."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._checked(
            self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), "inotify"
        )
        self._directories: dict[int, str] = {}

    def fileno(self) -> int:
        """Give the descriptor to wait at."""
        return self._descriptor

    def add(self, directory: str) -> int:
        """Hear of this directory's files from now on; give the watch's number, or OSError."""
        number = self._checked(
            self._libc.inotify_add_watch(
                self._descriptor, os.fsencode(directory), _MODIFY | _ATTRIB | _ONLYDIR
            ),
            directory,
        )
        self._directories[number] = directory
        return number

    def remove(self, number: int) -> None:
        """Hear of a directory no longer; it may be gone already."""
        if self._directories.pop(number, None) is not None:
            self._libc.inotify_rm_watch(self._descriptor, number)

    def read(self) -> Iterator[tuple[str, str]]:
        """Give directory and name of what was written to since this was last asked."""
        while True:
            try:
                data = os.read(self._descriptor, _MOST)
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                number, what, _, length = _EVENT.unpack_from(data, at)
                at += _EVENT.size + length
                name = data[at - length : at].rstrip(b"\0")
                directory = self._directories.get(number)
                if what & _IGNORED:
                    self._directories.pop(number, None)
                elif directory is not None and name:
                    yield directory, os.fsdecode(name)
            if len(data) < _MOST // 2:
                return

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)

    def _checked(self, result: int, about: str) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), about)
        return result
