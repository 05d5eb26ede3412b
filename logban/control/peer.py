# SPDX-License-Identifier: MIT
"""Who is at the other end of a unix socket, as the kernel tells it."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import struct
from dataclasses import dataclass
from typing import Protocol

# asm-generic/socket.h, Linux 4.13 on; the socket module has no name for it.
_SO_PEERGROUPS = 59
_CREDENTIALS = struct.Struct("iII")  # struct ucred of unix(7): pid, uid, gid
_GROUPS_BYTES = 1024  # the most that Python lets getsockopt return: 256 groups


class SocketOptions(Protocol):
    """The part of a socket that tells of its peer."""

    def getsockopt(self, level: int, option: int, length: int, /) -> bytes:
        """Give the value of an option."""
        ...


@dataclass(frozen=True, slots=True)
class Peer:
    """The process that connected, as it was at that moment."""

    pid: int
    uid: int
    groups: frozenset[int]

    @classmethod
    def of(cls, connection: SocketOptions) -> Peer:
        """Ask the kernel who connected; OSError if it can't tell."""
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, uid, gid = _CREDENTIALS.unpack(raw)
        try:
            raw = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_BYTES)
        except OSError:  # an old kernel, or more groups than fit
            groups = _listed_groups(uid, gid)
        else:
            groups = [group for (group,) in struct.iter_unpack("I", raw)]
        return cls(pid, uid, frozenset((gid, *groups)))

    def may_command(self, group: int | None) -> bool:
        """Tell whether it is root, the daemon's own user or in the group."""
        return self.uid in (0, os.geteuid()) or (group is not None and group in self.groups)


def group_number(name: str) -> int | None:
    """Give the number of a group, None if the host has no such group."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def _listed_groups(uid: int, gid: int) -> list[int]:
    """Give the groups that the host's user database lists; none for a user it does not know."""
    try:
        return os.getgrouplist(pwd.getpwuid(uid).pw_name, gid)
    except KeyError:
        return []
