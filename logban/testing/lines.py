# SPDX-License-Identifier: MIT
"""Lines in the shapes in which Asterisk writes them, for logs that tests write."""

from __future__ import annotations

import itertools
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

CUSTOMERS: Final = r"""[Definition]
datepattern = {^LN-BEG}
[rule in]
successregex = ^\[\] \S+ in <F-USER>\S+</F-USER> <HOST>$
[rule password]
kind = wrong-password
proof = response
failregex = ^\[\] \S+ refused <F-USER>\S+</F-USER> <HOST>$
"""
"""A filter for lines that say ``in`` or ``refused``, and then a user and an address."""

_ports = itertools.cycle(range(32768, 61000))


def asterisk_line(text: str, when: float | None = None, level: str = "NOTICE[19675]") -> str:
    """Give a line of Asterisk's file channels, with ``dateformat=%F %T.%3q``, in UTC."""
    moment = datetime.fromtimestamp(time.time() if when is None else when, UTC)
    stamp = moment.isoformat(" ", "milliseconds").removesuffix("+00:00")
    return f"[{stamp}] {level} {text}\n"


def wrong_password(address: str, when: float | None = None, user: str = "2001") -> str:
    """Give what chan_sip writes about a wrong password, each time from another port."""
    host = f"[{address}]" if ":" in address else address
    return asterisk_line(
        f"chan_sip.c: Registration from '<sip:{user}@192.0.2.1>' failed for "
        f"'{host}:{next(_ports)}' - Wrong password",
        when,
    )


class LogFile:
    """A log as a program writes it: opened once, every line written at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = self._open()

    def write(self, text: str) -> None:
        """Append."""
        os.write(self._handle, text.encode("utf-8", "surrogateescape"))

    def fail(self, address: str, times: int = 1, when: float | None = None) -> None:
        """Append that many failures of that address."""
        for _ in range(times):
            self.write(wrong_password(address, when))

    def reopen(self) -> None:
        """Do what a program does after rotation: go on in a file of the old name."""
        self.close()
        self._handle = self._open()

    def close(self) -> None:
        """Close it."""
        os.close(self._handle)

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
