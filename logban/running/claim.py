# SPDX-License-Identifier: MIT
"""One daemon at a time keeps bans in the kernel of a host: two would sweep each other's away.

The claim is a name among the abstract sockets (unix(7)).  These belong to a network namespace, as
the kernel's rules do, and a name is free again as soon as its process is no more.  Anybody may take
any name, so one that is held by nobody who could be the daemon is no claim: a user who takes it
must not be able to keep the daemon from its start.
"""

from __future__ import annotations

import errno
import logging
import os
import pwd
import socket
import struct
import time
from contextlib import suppress
from typing import Final

from logban.errors import TryAgain

log = logging.getLogger(__name__)

NAME: Final = "\0logban/kernel"
ACCOUNT: Final = "logban"
"""The account that the service runs as."""

_CREDENTIALS: Final = struct.Struct("3i")  # struct ucred: pid, uid, gid
_WITHIN: Final = 1.0  # seconds to find out who holds the name
_PAUSE: Final = 0.02


class Claim:
    """The right to keep bans in this network namespace's kernel, held until closed."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def stake(self) -> None:
        """Take it, unless it is had already; TryAgain where another daemon has it."""
        if self._socket is not None:
            return
        give_up = time.monotonic() + _WITHIN
        while not self._take():
            holder = _holder(give_up - time.monotonic())
            if holder is not None and holder[1] in _daemons_users():
                raise TryAgain(
                    f"another logban (process {holder[0]}) keeps bans in this kernel, and two "
                    "would remove each other's: stop it, or give this one no action nftables or "
                    "iptables"
                )
            if holder is not None or time.monotonic() >= give_up:
                who = "process {} of user {}".format(*holder) if holder else "some process"
                log.warning("%s holds logban's name and is none; it is passed over", who)
                return
            time.sleep(_PAUSE)  # who had it is just ending, or just beginning to listen

    def turn_away(self) -> None:
        """Let go of those who have asked who has it: no more can ask than are waited for."""
        while self._socket is not None:
            try:
                self._socket.accept()[0].close()
            except OSError:
                return

    def close(self) -> None:
        """Let another daemon have it."""
        taken, self._socket = self._socket, None
        if taken is not None:
            taken.close()

    def _take(self) -> bool:
        """Tell whether the name was free, and is had now."""
        taken = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            taken.bind(NAME)
            taken.listen()
        except OSError as error:
            taken.close()
            if error.errno != errno.EADDRINUSE:
                raise TryAgain(f"the kernel's claim can't be staked: {error.strerror}") from error
            return False
        taken.setblocking(False)
        self._socket = taken
        return True


def _holder(within: float) -> tuple[int, int] | None:
    """Give process and user of who listens at the name; None where nobody takes the question.

    Whoever has bound it and does not listen, or lets nobody in, is no logban.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(max(0.01, within))
        try:
            asking.connect(NAME)
            data = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:
            return None
    pid, user, _ = _CREDENTIALS.unpack(data)
    return pid, user


def _daemons_users() -> set[int]:
    """Give the users that a daemon runs as: root, this one's, the service's."""
    users = {0, os.geteuid()}
    with suppress(KeyError):
        users.add(pwd.getpwnam(ACCOUNT).pw_uid)
    return users
