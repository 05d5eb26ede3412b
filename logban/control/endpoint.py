# SPDX-License-Identifier: MIT
"""The control socket's file: closed to others from the start, never taken from another daemon."""

from __future__ import annotations

import fcntl
import logging
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from logban.errors import ConfigurationError, LogbanError

logger = logging.getLogger(__name__)

_LONGEST = 107  # bytes of a path in sun_path, its final NUL left out; unix(7)
_BACKLOG = 64

_FD_SETSIZE: Final = 1024
"""libnftables waits by select(2), which ends the process where a descriptor is no smaller."""


class AlreadyRunning(LogbanError):
    """Another daemon answers at the control socket."""


class _Listener(socket.socket):
    """A listening socket that leaves the low descriptors to those who need one.

    Whoever connects takes a descriptor before he can be refused, and many can do so at once.
    """

    def accept(self) -> tuple[socket.socket, object]:
        """Take a connection, at a descriptor that libnftables can't be given."""
        connection, address = super().accept()
        try:
            high = fcntl.fcntl(connection.fileno(), fcntl.F_DUPFD_CLOEXEC, _FD_SETSIZE)
        except OSError:  # the limit of descriptors is lower, so that none is too high
            return connection, address
        connection.close()
        return socket.socket(fileno=high), address


class Endpoint:
    """The file of a listening unix socket, 0660 and of ``group``, or 0600 without one."""

    def __init__(self, path: Path, group: int | None) -> None:
        self._path = path
        self._group = group
        self._identity: tuple[int, int] | None = None

    def open(self) -> socket.socket:
        """Give the listening socket.

        AlreadyRunning if another daemon answers there, ConfigurationError if the path is of no use.
        """
        # Made beside its place and moved there when all is set: at no moment can anybody connect
        # whom the mode would keep out, and a socket that nobody serves is replaced in one step.
        new = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        if len(os.fsencode(new)) > _LONGEST:
            raise ConfigurationError(
                f"{self._path}: too long for a socket; choose a path under "
                f"{_LONGEST - (len(os.fsencode(new)) - len(os.fsencode(self._path)))} bytes"
            )
        listener = _Listener(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._make_parent()
            self._check_unused()
            new.unlink(missing_ok=True)
            listener.bind(os.fspath(new))
            self._protect(new)
            listener.listen(_BACKLOG)
            found = new.stat()
            new.replace(self._path)
        except OSError as error:
            listener.close()
            with suppress(OSError):
                new.unlink()
            raise ConfigurationError(
                f"{self._path}: the control socket can't be made: {error.strerror or error}"
            ) from error
        except BaseException:
            listener.close()
            raise
        self._identity = (found.st_dev, found.st_ino)
        listener.setblocking(False)
        return listener

    def remove(self) -> None:
        """Remove the file if it is still the one that was made."""
        if self._identity is None:
            return
        try:
            found = self._path.lstat()
            if (found.st_dev, found.st_ino) == self._identity:
                self._path.unlink()
        except FileNotFoundError:
            pass
        except OSError as error:
            logger.warning("%s: can't be removed: %s", self._path, error.strerror)
        self._identity = None

    def _make_parent(self) -> None:
        parent = self._path.parent
        if not parent.is_dir():
            parent.mkdir(parents=True)
            parent.chmod(0o755)  # whatever the umask says: the members of the group go through
        mode = parent.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise ConfigurationError(
                f"everybody can write to the directory of {self._path}, and so answer in logban's "
                f"place; do: chmod o-w {parent}, or choose another path with --socket"
            )

    def _check_unused(self) -> None:
        try:
            found = self._path.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(found.st_mode):
            raise ConfigurationError(
                f"{self._path}: there is something here that is no socket; move it away or choose "
                "another path with --socket"
            )
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(os.fspath(self._path))
            except ConnectionRefusedError:
                return  # left behind by a daemon that died
            except (TimeoutError, BlockingIOError):
                pass  # somebody listens and is busy
        raise AlreadyRunning(
            f"another logban answers at {self._path}; stop it (systemctl stop logban) or give this "
            "one another --socket"
        )

    def _protect(self, path: Path) -> None:
        if self._group is None:
            path.chmod(0o600)
            return
        try:
            os.chown(path, -1, self._group)
        except PermissionError:  # not root and not in the group
            logger.warning("%s: can't be given to its group; only its owner can use it", self._path)
            path.chmod(0o600)
        else:
            path.chmod(0o660)
