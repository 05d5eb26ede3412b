# SPDX-License-Identifier: MIT
"""Waking the daemon's loop when something happens to a file.

The loop itself hears inotify; where that can't tell, directories are polled in threads.  An event
is a hint and nothing more: whoever is woken looks for himself, and looks again every second in any
case, so an event that is lost costs a second and no line.
"""

from __future__ import annotations

import asyncio
import fnmatch
import logging
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from logban.sources.book import Identity
from logban.sources.inotify import Inotify
from logban.sources.mounts import Mount, is_shared, read_mounts, type_of
from logban.sources.polling import Polling
from logban.sources.report import NO_INOTIFY

log = logging.getLogger(__name__)

# The first event wakes at once; then this many seconds go by before the next one does.  With 25,000
# lines a second that makes a tenth of one core, and nobody waits for a line any longer than that.
_SPACING = 0.0025
# The less has happened lately, the sooner: it doubles with each time that somebody had to wait.
_LEAST_SPACING = 0.0005
# To look at all files takes the longer the more there are: so many times that goes by before the
# next time, however often names change; but no more seconds than somebody may wait for a line.
_REST = 4
_LONGEST_REST = 0.25


class Backend(StrEnum):
    """How changes are to be noticed."""

    AUTO = "auto"
    INOTIFY = "inotify"
    POLLING = "polling"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a directory matters: names, as shell patterns; and how it is to be watched."""

    names: frozenset[str]
    backend: Backend = Backend.AUTO


@dataclass(frozen=True, slots=True)
class Watching:
    """How a directory is watched (``inotify``, ``polling``, ``rescan``), and why not by inotify."""

    method: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Watched:
    """A directory that is being watched."""

    wanted: Wanted
    names: re.Pattern[str]
    identity: Identity
    how: Watching


Wake = Callable[[frozenset[str], bool], None]
"""Called in the loop with the paths that something happened to, and whether names changed."""


class Watcher:
    """Watches directories; all its methods are for the loop's thread."""

    def __init__(
        self,
        wake: Wake,
        *,
        mounts: Callable[[], tuple[Mount, ...]] = read_mounts,
        inotify: Callable[[], Inotify] = Inotify,
    ) -> None:
        self._wake = wake
        self._mounts = mounts
        self._make_inotify = inotify
        self._inotify: Inotify | None = None
        self._is_hearing = False
        self._polling = Polling(self._be_told)
        self._watched: dict[str, _Watched] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken_at = -_SPACING
        self._spacing = _LEAST_SPACING
        # What has happened and nobody has been woken for yet.
        self._paths: set[str] = set()
        self._names_changed = False
        self._is_arranged = False

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on, wake in this loop; soon, if inotify has something to tell already."""
        self._stop_listening()
        self._loop = loop
        self._is_arranged = False  # in this one
        self._listen()

    def watch(self, wanted: Mapping[str, Wanted]) -> None:
        """Watch these directories, by their real paths, and no others."""
        for directory in self._watched.keys() - wanted.keys():
            self._drop(directory)
        mounts: tuple[Mount, ...] | None = None
        for directory, what in wanted.items():
            identity = _identity(directory)
            if self._goes_on(directory, what, identity):
                continue
            self._drop(directory)
            if identity is not None:
                mounts = self._mounts() if mounts is None else mounts
                self._add(directory, what, identity, type_of(directory, mounts))

    def watching(self, directory: str) -> Watching:
        """Tell how a directory is watched."""
        watched = self._watched.get(directory)
        return watched.how if watched else Watching("rescan", "there is no such directory yet")

    def close(self) -> None:
        """Stop watching."""
        self._stop_listening()
        self._loop = None
        self._polling.close()
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None
        self._watched.clear()

    def _goes_on(self, directory: str, wanted: Wanted, identity: Identity | None) -> bool:
        """Go on with a directory as it is watched already, unless it can't be."""
        watched = self._watched.get(directory)
        if (
            watched is None
            or watched.wanted.backend is not wanted.backend
            or watched.identity != identity
            or not self._is_watched_still(directory, watched.how)
        ):
            return False
        how = watched.how
        if how.reason.startswith(NO_INOTIFY) and not self._hear_of(directory):
            log.info("%r is watched by inotify from now on", directory)
            self._polling.remove(directory)
            how = Watching("inotify")
        if watched.wanted != wanted or watched.how != how:
            self._watched[directory] = _Watched(wanted, _compile(wanted.names), identity, how)
        return True

    def _is_watched_still(self, directory: str, how: Watching) -> bool:
        if how.method == "inotify":
            # Not of a directory that was removed and made again with the same inode.
            return self._inotify is not None and directory in self._inotify
        if how.method == "polling" and directory not in self._polling:
            log.warning("%r is not polled any more: a thread has ended; begun anew", directory)
            return False
        return True

    def _add(self, directory: str, wanted: Wanted, identity: Identity, file_system: str) -> None:
        how = self._choose(directory, wanted.backend, file_system)
        if how.method != "inotify" and wanted.backend is not Backend.POLLING:
            level = logging.WARNING if how.reason.startswith(NO_INOTIFY) else logging.INFO
            log.log(
                level, "%r is not watched by inotify but by %s: %s",
                directory, how.method, how.reason,
            )  # fmt: skip
        self._watched[directory] = _Watched(wanted, _compile(wanted.names), identity, how)

    def _choose(self, directory: str, backend: Backend, file_system: str) -> Watching:
        """Choose a way that works, and say why it is not a better one."""
        if not os.access(directory, os.R_OK):
            return Watching("rescan", "the directory can't be read")
        if backend is Backend.POLLING:
            reason = "the configuration says so"
        elif backend is Backend.AUTO and is_shared(file_system):
            reason = f"others may write to a file system of type {file_system} unnoticed"
        else:
            reason = self._hear_of(directory)
            if not reason:
                return Watching("inotify")
        try:
            self._polling.add(directory)
        except (OSError, RuntimeError) as error:  # RuntimeError: no more threads
            why = (isinstance(error, OSError) and error.strerror) or error
            return Watching("rescan", f"{reason}; polling can't be had: {why}")
        return Watching("polling", reason)

    def _hear_of(self, directory: str) -> str:
        """Have inotify tell of a directory; say why it can't, "" if it does."""
        try:
            if self._inotify is None:
                self._inotify = self._make_inotify()
                self._listen()
            self._inotify.add(directory)
        except OSError as error:
            return f"{NO_INOTIFY}: {error.strerror or error}"
        return ""

    def _drop(self, directory: str) -> None:
        if self._watched.pop(directory, None) is not None:
            self._polling.remove(directory)
            if self._inotify is not None:
                self._inotify.remove(directory)

    def _listen(self) -> None:
        """Hear of what inotify has to tell from now on."""
        if self._inotify is not None and self._loop is not None and not self._is_hearing:
            self._loop.add_reader(self._inotify.fileno(), self._hear)
            self._is_hearing = True

    def _stop_listening(self) -> None:
        if self._is_hearing and self._inotify is not None and self._loop is not None:
            self._loop.remove_reader(self._inotify.fileno())
        self._is_hearing = False

    def _hear(self) -> None:
        self._collect()
        self._arrange()

    def _collect(self) -> None:
        """Take note of what inotify has to tell."""
        if self._inotify is not None:
            for directory, name, names_changed in self._inotify.read():
                self._note(directory, name, names_changed)

    def _be_told(self, directory: str, name: str, names_changed: bool) -> None:
        """Take in an event; in a thread.  What comes before there is a loop, a look will find."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it has been closed
                loop.call_soon_threadsafe(self._take, directory, name, names_changed)

    def _take(self, directory: str, name: str, names_changed: bool) -> None:
        self._note(directory, name, names_changed)
        self._arrange()

    def _note(self, directory: str, name: str, names_changed: bool) -> None:
        """Note what matters."""
        if not name:  # of the directory itself, or, without that, of whatever was not told
            self._names_changed = True
            return
        watched = self._watched.get(directory)
        if watched is not None and watched.names.match(name):
            self._paths.add(f"{directory.rstrip('/')}/{name}")
            self._names_changed = self._names_changed or names_changed

    def _arrange(self) -> None:
        """Wake if there is reason to: now, or when enough time has gone by since the last time."""
        if self._loop is None or self._is_arranged or not (self._paths or self._names_changed):
            return
        self._is_arranged = True
        wait = self._woken_at + self._spacing - self._loop.time()
        self._spacing = min(_SPACING, 2 * self._spacing) if wait > 0 else _LEAST_SPACING
        if wait > 0:
            self._stop_listening()  # all that comes meanwhile is taken in at once then
            self._loop.call_later(wait, self._deliver)
        else:
            self._deliver()

    def _deliver(self) -> None:
        self._is_arranged = False
        if self._loop is None:
            return
        self._collect()
        paths, names_changed = frozenset(self._paths), self._names_changed
        self._paths.clear()
        self._names_changed = False
        self._woken_at = self._loop.time()
        self._listen()
        self._wake(paths, names_changed)
        if self._loop is not None:
            took = self._loop.time() - self._woken_at
            self._spacing = max(self._spacing, took + min(_REST * took, _LONGEST_REST))


def _identity(directory: str) -> Identity | None:
    try:
        return Identity.of(Path(directory).stat())
    except OSError:
        return None


def _compile(names: frozenset[str]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(name) for name in sorted(names)))
