# SPDX-License-Identifier: MIT
"""Opening a log without waiting for anything, and without taking the last descriptors."""

from __future__ import annotations

import errno
import os
import resource
import stat
from typing import Final

_SPARE: Final = 50
"""Descriptors that are left to all that is not a log: the kernel, the database, programs."""

_FD_SETSIZE: Final = 1024
"""libnftables waits by select(2), which ends the process where a descriptor is no smaller."""


def open_to_read(path: str) -> int:
    """Give a descriptor of this file; OSError if it can't be had, or too few would be left.

    O_NONBLOCK, because a FIFO may have come to the path since it was looked at.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    limit = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], _FD_SETSIZE)
    # The kernel gives the lowest one that is free.
    if descriptor >= limit - min(_SPARE, limit // 2):
        os.close(descriptor)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    return descriptor


def kind_of(mode: int) -> str:
    """Say what it is that is no regular file."""
    if stat.S_ISDIR(mode):
        return "a directory"
    return "a FIFO" if stat.S_ISFIFO(mode) else "a device or socket"
