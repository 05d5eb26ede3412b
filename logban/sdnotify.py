# SPDX-License-Identifier: MIT
"""Telling the service manager how the daemon is; sd_notify(3), without its library.

Each of these does nothing where nobody wants to be told.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


class ServiceManager:
    """Whoever started the daemon and wants to be told; it gets datagrams at its socket."""

    def __init__(self, address: str | None, watchdog_seconds: float | None = None) -> None:
        """``address`` is a path, or an abstract name behind ``@``; None where there is nobody."""
        self._address = address
        self.watchdog_seconds = watchdog_seconds
        """The daemon is taken for dead after so many seconds without `alive`; None: never."""

    @classmethod
    def of(cls, environment: Mapping[str, str], pid: int) -> ServiceManager:
        """Read what the service manager has left in the environment for the process ``pid``."""
        watchdog: float | None = None
        # Of sd_watchdog_enabled(3): a process that this was not meant for may have inherited it.
        if environment.get("WATCHDOG_PID", str(pid)) == str(pid):
            text = environment.get("WATCHDOG_USEC", "")
            if text.isascii() and text.isdigit() and int(text) > 0:
                watchdog = int(text) / 1e6
        return cls(environment.get("NOTIFY_SOCKET") or None, watchdog)

    def ready(self, status: str = "") -> None:
        """Tell that the start, or a reload, is over."""
        self._tell("READY=1", status)

    def reloading(self, monotonic: float) -> None:
        """Tell that a reload begins; ``monotonic`` is the time of CLOCK_MONOTONIC in seconds."""
        self._tell("RELOADING=1", "", f"MONOTONIC_USEC={monotonic * 1e6:.0f}")

    def stopping(self, status: str = "") -> None:
        """Tell that the daemon is about to end."""
        self._tell("STOPPING=1", status)

    def status(self, status: str) -> None:
        """Give the line that ``systemctl status`` shows."""
        self._tell("", status)

    def alive(self) -> None:
        """Tell that the daemon still decides; to be repeated within half of the time given."""
        self._tell("WATCHDOG=1", "")

    def _tell(self, state: str, status: str, *more: str) -> None:
        if self._address is None:
            return
        # A line break would begin another assignment.
        shown = f"STATUS={' '.join(status.split())}" if status else ""
        text = "\n".join(line for line in (state, *more, shown) if line)
        address = self._address
        if address.startswith("@"):
            address = "\0" + address[1:]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            try:
                # A service manager that is busy must not hold up the loop that decides.
                sender.setblocking(False)
                sender.sendto(text.encode("utf-8", "replace"), os.fsencode(address))
            except OSError:
                # It is gone, or too busy: the next message, or the start's time limit, will tell.
                return
