# SPDX-License-Identifier: MIT
"""An end to a conversation, however slowly the other side talks."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Deadline:
    """Cuts a connection when its time is over; ``passed`` tells that it has.

    A socket's own timeout starts anew with every byte, so that who sends one a second could hold
    us for hours.  The cut is made on a duplicate, because TLS takes the socket itself.
    """

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self.passed = False
        self._line = connection.dup()
        connection.settimeout(None)
        self._timer = threading.Timer(max(0.0, seconds), self._cut)
        self._timer.daemon = True
        self._timer.start()

    def _cut(self) -> None:
        self.passed = True
        with suppress(OSError):  # the other side was quicker
            self._line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let the connection be."""
        self._timer.cancel()
        self._timer.join()
        self._line.close()
