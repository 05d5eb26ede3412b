# SPDX-License-Identifier: MIT
"""Telling the service manager how the daemon is; sd_notify(3), without its library.

Each of these does nothing where nobody wants to be told.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

_LOG: Final = logging.getLogger(__name__)

Later = Callable[[float, Callable[[], None]], object]
"""Has something done after so many seconds, as an event loop's call_later."""

_BUSY: Final = {errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.EMFILE, errno.ENFILE}
"""What passes: its queue is full, as in a boot, or we are short of descriptors."""

RETRY_EVERY: Final = 0.1
TRIES: Final = 900
"""How often it is tried to tell what waits: for 90 seconds, systemd's own limit of a start."""

_WAITING: Final = 16
"""Messages that wait; the oldest go, for the last ones say how it is."""

_ALIVE: Final = "WATCHDOG=1"


class ServiceManager:
    """Whoever started the daemon and wants to be told; it gets datagrams at its socket.

    What its queue has no room for is told later, in the same order: were READY=1 lost, or the one
    that ends a reload, it would take the daemon for one that hangs.
    """

    def __init__(
        self,
        address: str | None,
        watchdog_seconds: float | None = None,
        later: Later | None = None,
    ) -> None:
        """``address`` is a path, or an abstract name behind ``@``; None where there is nobody.

        Without ``later`` what waits is told only with the next message.
        """
        self._address = address
        self.watchdog_seconds = watchdog_seconds
        """The daemon is taken for dead after so many seconds without `alive`; None: never."""
        self._later = later
        self._waiting: list[str] = []
        self._tries = 0

    @classmethod
    def of(
        cls, environment: Mapping[str, str], pid: int, later: Later | None = None
    ) -> ServiceManager:
        """Read what the service manager has left in the environment for the process ``pid``."""
        watchdog: float | None = None
        # Of sd_watchdog_enabled(3): a process that this was not meant for may have inherited it.
        if environment.get("WATCHDOG_PID", str(pid)) == str(pid):
            text = environment.get("WATCHDOG_USEC", "")
            if text.isascii() and text.isdigit() and int(text) > 0:
                watchdog = int(text) / 1e6
        return cls(environment.get("NOTIFY_SOCKET") or None, watchdog, later)

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
        self._tell(_ALIVE, "")

    def _tell(self, state: str, status: str, *more: str) -> None:
        if self._address is None:
            return
        # A line break would begin another assignment.
        shown = f"STATUS={' '.join(status.split())}" if status else ""
        text = "\n".join(line for line in (state, *more, shown) if line)
        if state in ("", _ALIVE):  # the last of its kind says it all
            kind = text.partition("=")[0]
            self._waiting = [each for each in self._waiting if not each.startswith(f"{kind}=")]
        self._waiting = [*self._waiting, text][-_WAITING:]
        is_retried = self._tries > 0
        self._send_waiting(self._address)
        if self._waiting and not is_retried:
            self._retry_later()

    def _retry_later(self) -> None:
        if self._later is not None:
            self._tries += 1
            self._later(RETRY_EVERY, self._retry)

    def _retry(self) -> None:
        if self._address is not None:
            self._send_waiting(self._address)
        if self._waiting and self._tries < TRIES:
            self._retry_later()
            return
        if self._waiting:
            _LOG.warning("the service manager takes nothing in; %r is not told", self._waiting)
        self._waiting = []
        self._tries = 0

    def _send_waiting(self, address: str) -> None:
        """Send what waits, in its order, as far as that can be done now."""
        while self._waiting and _send(self._waiting[0], address):
            del self._waiting[0]


def _send(text: str, address: str) -> bool:
    """Tell whether a message has been sent, or never can be."""
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            # A service manager that is busy must not hold up the loop that decides.
            sender.setblocking(False)
            sender.sendto(text.encode("utf-8", "replace"), os.fsencode(address))
    except OSError as error:
        return error.errno not in _BUSY  # or it is gone
    return True
