# SPDX-License-Identifier: MIT
"""One daemon at a time keeps bans in the kernel of a host: two would sweep each other's away.

The claim is a name among the abstract sockets (unix(7)).  These belong to a network namespace, as
the kernel's rules do, and a name is free again as soon as its process is no more.  Anybody may take
any name, so one that is held by nobody who could be the daemon is no claim.
"""

from __future__ import annotations

import errno
import logging
import os
import pwd
import socket
import struct
from contextlib import suppress
from typing import Final

from logban.errors import TryAgain

log = logging.getLogger(__name__)

NAME: Final = "\0logban/kernel"
ACCOUNT: Final = "logban"
"""The account that the service runs as."""

_CREDENTIALS: Final = struct.Struct("3i")  # struct ucred: pid, uid, gid
_WITHIN: Final = 1.0  # seconds to find out who holds the name


class Claim:
    """The right to keep bans in this network namespace's kernel, held until closed."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def stake(self) -> None:
        """Take it, unless it is had already; TryAgain where another daemon has it."""
        if self._socket is not None:
            return
        taken = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            taken.bind(NAME)
            taken.listen()
        except OSError as error:
            taken.close()
            if error.errno != errno.EADDRINUSE:
                raise TryAgain(f"the kernel's claim can't be staked: {error.strerror}") from error
            self._look_who()
            return
        self._socket = taken

    def close(self) -> None:
        """Let another daemon have it."""
        taken, self._socket = self._socket, None
        if taken is not None:
            taken.close()

    @staticmethod
    def _look_who() -> None:
        """Raise TryAgain if the holder is another logban; say so if it is anybody else."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(_WITHIN)
            try:
                asking.connect(NAME)
                data = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            except OSError as error:  # it has ended meanwhile, or does not listen yet
                raise TryAgain("another logban is just starting or ending here") from error
        pid, user, _ = _CREDENTIALS.unpack(data)
        if user not in _daemons_users():
            log.warning("process %d of user %d holds logban's name; it is passed over", pid, user)
            return
        raise TryAgain(
            f"another logban (process {pid}) keeps bans in this kernel, and two would remove each "
            "other's: stop it, or give this one no action nftables or iptables"
        )


def _daemons_users() -> set[int]:
    """Give the users that a daemon runs as: root, this one's, the service's."""
    users = {0, os.geteuid()}
    with suppress(KeyError):
        users.add(pwd.getpwnam(ACCOUNT).pw_uid)
    return users
