# SPDX-License-Identifier: MIT
"""An end to a conversation, however slowly the other side talks or its host is found."""

from __future__ import annotations

import socket
import threading
import time
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


def connected(host: str, port: int, within: float) -> socket.socket:
    """Connect to a host; OSError, or TimeoutError, if that can't be done in so many seconds.

    However many addresses its name has, they share the time: each could be one that says nothing.
    """
    end = time.monotonic() + within
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failure = OSError("it has no address")
    for number, (family, kind, protocol, _, address) in enumerate(found):
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(left / (len(found) - number))
            made.connect(address)
        except OSError as error:
            made.close()
            failure = error
        else:
            made.settimeout(max(0.001, end - time.monotonic()))
            return made
    raise failure
