# SPDX-License-Identifier: MIT
"""What of the daemon's capabilities the programs that it starts inherit: none, unless lent.

The service manager gives the daemon its capabilities as ambient ones, which outlast execve(2) and
so would be those of each mail program and each script as well.  The ambient set is a thread's own
(capabilities(7)), and what a thread starts, threads and programs, begins with it: cleared in the
first thread before there is another, it is empty in all of them, and what the threads themselves
may do stays as it is.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_LOG: Final = logging.getLogger(__name__)

# linux/prctl.h and linux/capability.h
_PR_CAP_AMBIENT: Final = 47
_RAISE: Final = 2
_CLEAR_ALL: Final = 4
CAP_NET_ADMIN: Final = 12
CAP_NET_RAW: Final = 13

FIREWALL: Final = (CAP_NET_ADMIN, CAP_NET_RAW)
"""What nft and ipset need, and iptables, which speaks to the kernel through a raw socket."""


def keep_from_programs() -> None:
    """Let programs inherit nothing; to be called before there is a second thread."""
    if not _ambient(_CLEAR_ALL):
        _LOG.warning("programs that are started keep logban's capabilities: this kernel can't help")


@contextmanager
def lent_to_programs() -> Iterator[None]:
    """Let what this thread starts meanwhile inherit what changes the firewall.

    Only what the daemon has itself can be lent.  As root it has no need to: a program of root's has
    all that there is.
    """
    try:
        for capability in FIREWALL:
            _ambient(_RAISE, capability)
        yield
    finally:
        _ambient(_CLEAR_ALL)


def _ambient(operation: int, capability: int = 0) -> bool:
    """Change the set of this thread; tell whether that could be done."""
    words = [ctypes.c_ulong(each) for each in (operation, capability, 0, 0)]
    return bool(ctypes.CDLL(None).prctl(_PR_CAP_AMBIENT, *words) == 0)
