# SPDX-License-Identifier: MIT
"""Waking the daemon's loop when something happens to a file.

watchdog tells of names that come and go, and where there is no inotify, of everything; that files
have grown is heard of from inotify in the loop itself.  An event is a hint and nothing more:
whoever is woken looks for himself, and looks again every second in any case, so an event that is
lost costs a second and no line.
"""

from __future__ import annotations

import asyncio
import fnmatch
import inspect
import logging
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch
from watchdog.observers.polling import PollingObserver

from logban.sources.book import Identity
from logban.sources.inotify import Inotify
from logban.sources.mounts import Mount, is_shared, read_mounts, type_of
from logban.sources.report import NO_INOTIFY

log = logging.getLogger(__name__)

_POLL_EVERY = 1.0
# The first event wakes at once; then this many seconds go by before the next one does.  With 25,000
# lines a second that makes a tenth of one core, and nobody waits for a line any longer than that.
_SPACING = 0.0025
# The less has happened lately, the sooner: it doubles with each time that somebody had to wait.
_LEAST_SPACING = 0.0005
_READ_ONLY = frozenset({"opened", "closed_no_write", "closed"})
_GROWTH = frozenset({"modified", "attrib"})
_NAMES: list[type[FileSystemEvent]] = [
    DirCreatedEvent, DirDeletedEvent, DirMovedEvent,
    FileCreatedEvent, FileDeletedEvent, FileMovedEvent,
]  # fmt: skip


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


Wake = Callable[[frozenset[str], bool], None]
"""Called in the loop with the paths that something happened to, and whether names changed."""


class Watcher:
    """Watches directories; all its methods are for the loop's thread."""

    def __init__(
        self,
        wake: Wake,
        *,
        mounts: Callable[[], tuple[Mount, ...]] = read_mounts,
        inotify: Callable[[], BaseObserver] | None = None,
    ) -> None:
        self._wake = wake
        self._mounts = mounts
        self._make_inotify = inotify if inotify is not None else Observer
        self._inotify: BaseObserver | None = None
        self._polling: BaseObserver | None = None
        self._growth: Inotify | None = None
        self._is_hearing = False
        self._watched: dict[str, _Watched] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken_at = -_SPACING
        self._spacing = _LEAST_SPACING
        # What the observers' threads have seen and the loop has not been told yet.
        self._lock = threading.Lock()
        self._paths: set[str] = set()
        self._names_changed = False
        self._is_arranged = False

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on, wake in this loop; at once, if something has happened already."""
        with self._lock:
            self._loop = loop
            self._is_arranged = bool(self._paths)
            if self._is_arranged:
                loop.call_soon(self._arrange)
        self._listen()

    def watch(self, wanted: Mapping[str, Wanted]) -> None:
        """Watch these directories, by their real paths, and no others."""
        for directory in self._watched.keys() - wanted.keys():
            self._drop(directory)
        mounts: tuple[Mount, ...] | None = None
        for directory, what in wanted.items():
            watched = self._watched.get(directory)
            if watched is not None:
                if watched.backend is what.backend and watched.identity == _identity(directory):
                    watched.handler.names = _compile(what.names)
                    continue
                self._drop(directory)
            mounts = self._mounts() if mounts is None else mounts
            self._add(directory, what, type_of(directory, mounts))

    def watching(self, directory: str) -> Watching:
        """Tell how a directory is watched."""
        watched = self._watched.get(directory)
        return watched.how if watched else Watching("rescan", "there is no such directory yet")

    def close(self) -> None:
        """Stop watching."""
        for observer in (self._inotify, self._polling):
            if observer is not None:
                observer.stop()
                observer.join()
        self._inotify = self._polling = None
        self._watched.clear()
        self._stop_listening()
        if self._growth is not None:
            self._growth.close()
            self._growth = None
        with self._lock:
            self._loop = None

    def _listen(self) -> None:
        """Hear of growth from now on."""
        if self._growth is not None and self._loop is not None and not self._is_hearing:
            self._loop.add_reader(self._growth.fileno(), self._hear)
            self._is_hearing = True

    def _stop_listening(self) -> None:
        if self._is_hearing and self._growth is not None and self._loop is not None:
            self._loop.remove_reader(self._growth.fileno())
        self._is_hearing = False

    def _hear(self) -> None:
        """Take in what has grown."""
        self._collect()
        with self._lock:
            if not self._paths or self._is_arranged:
                return
            self._is_arranged = True
        self._arrange()

    def _collect(self) -> None:
        if self._growth is None:
            return
        grown = [
            f"{directory}/{name}"
            for directory, name in self._growth.read()
            if directory in self._watched and self._watched[directory].handler.names.match(name)
        ]
        if grown:
            with self._lock:
                self._paths.update(grown)

    def _hear_of(self, directory: str) -> int | None:
        """Hear of a directory's files that grow; None where that can't be had."""
        try:
            if self._growth is None:
                self._growth = Inotify()
                self._listen()
            return self._growth.add(directory)
        except OSError as error:
            log.info("growth in %r is told by watchdog: %s", directory, error.strerror)
            return None

    def _add(self, directory: str, wanted: Wanted, file_system: str) -> None:
        identity = _identity(directory)
        if identity is None:
            return
        handler = _Handler(_compile(wanted.names), self._notice)
        how, observer, watch, growth = self._schedule(
            directory, handler, wanted.backend, file_system
        )
        if how.method != "inotify" and wanted.backend is not Backend.POLLING:
            level = logging.WARNING if how.reason.startswith(NO_INOTIFY) else logging.INFO
            log.log(
                level, "%r is not watched by inotify but by %s: %s",
                directory, how.method, how.reason,
            )  # fmt: skip
        self._watched[directory] = _Watched(
            wanted.backend, identity, handler, how, observer, watch, growth
        )

    def _schedule(
        self, directory: str, handler: _Handler, backend: Backend, file_system: str
    ) -> tuple[Watching, BaseObserver | None, ObservedWatch | None, int | None]:
        """Choose a way that works, and say why it is not a better one."""
        if not os.access(directory, os.R_OK):
            return Watching("rescan", "the directory can't be read"), None, None, None
        reason, growth = "", None
        if backend is Backend.POLLING:
            reason = "the configuration says so"
        elif backend is Backend.AUTO and is_shared(file_system):
            reason = f"others may write to a file system of type {file_system} unnoticed"
        else:
            try:
                if self._inotify is None:
                    self._inotify = _started(self._make_inotify())
                growth = self._hear_of(directory)
                handler.is_for_names = growth is not None
                watch = _schedule(self._inotify, handler, directory)
            except OSError as error:
                reason = f"{NO_INOTIFY}: {error.strerror or error}"
                self._hear_no_more(growth)
                handler.is_for_names = False
            else:
                return Watching("inotify"), self._inotify, watch, growth
        try:
            if self._polling is None:
                self._polling = _started(PollingObserver(timeout=_POLL_EVERY))
            watch = self._polling.schedule(handler, directory)
        except OSError as error:
            reason = f"{reason}; polling can't be had: {error.strerror or error}"
            return Watching("rescan", reason), None, None, None
        return Watching("polling", reason), self._polling, watch, None

    def _hear_no_more(self, growth: int | None) -> None:
        if self._growth is not None and growth is not None:
            self._growth.remove(growth)

    def _drop(self, directory: str) -> None:
        watched = self._watched.pop(directory)
        if watched.observer is not None and watched.watch is not None:
            watched.observer.unschedule(watched.watch)
        self._hear_no_more(watched.growth)

    def _notice(self, path: str, names_changed: bool) -> None:
        """Take note of an event; in an observer's thread."""
        with self._lock:
            self._paths.add(path)
            self._names_changed = self._names_changed or names_changed
            if self._is_arranged or self._loop is None:
                return
            self._is_arranged = True
            try:
                self._loop.call_soon_threadsafe(self._arrange)
            except RuntimeError:  # the loop has been closed
                self._loop = None

    def _arrange(self) -> None:
        """Wake now, or when enough time has gone by since the last time."""
        loop = asyncio.get_running_loop()
        wait = self._woken_at + self._spacing - loop.time()
        self._spacing = min(_SPACING, 2 * self._spacing) if wait > 0 else _LEAST_SPACING
        if wait > 0:
            self._stop_listening()  # all that comes meanwhile is taken in at once then
            loop.call_later(wait, self._deliver)
        else:
            self._deliver()

    def _deliver(self) -> None:
        self._collect()
        with self._lock:
            if self._loop is None:
                return
            paths, names_changed = frozenset(self._paths), self._names_changed
            self._paths.clear()
            self._names_changed = self._is_arranged = False
            self._woken_at = self._loop.time()
        self._wake(paths, names_changed)
        self._listen()


class _Handler(FileSystemEventHandler):
    """Picks the events that matter out of those of one directory; in an observer's thread."""

    def __init__(self, names: re.Pattern[str], notice: Callable[[str, bool], None]) -> None:
        self.names = names
        self.is_for_names = False
        self._notice = notice

    def dispatch(self, event: FileSystemEvent) -> None:
        """Pass an event on, unless somebody has merely read, or the name is none of ours."""
        kind = event.event_type
        if kind in _READ_ONLY or (kind in _GROWTH and (event.is_directory or self.is_for_names)):
            return
        # Before watchdog 4 only a move has a destination.
        for path in (event.src_path, getattr(event, "dest_path", "")):
            if path:
                text = os.fsdecode(path)
                if self.names.match(text.rpartition("/")[2]):
                    self._notice(text, kind not in _GROWTH)


@dataclass(frozen=True, slots=True)
class _Watched:
    """A directory that is being watched."""

    backend: Backend
    identity: Identity
    handler: _Handler
    how: Watching
    observer: BaseObserver | None
    watch: ObservedWatch | None
    growth: int | None


def _schedule(observer: BaseObserver, handler: _Handler, directory: str) -> ObservedWatch:
    """Have a directory watched; of names alone, where that is enough and watchdog is able to."""
    if handler.is_for_names and "event_filter" in inspect.signature(observer.schedule).parameters:
        return observer.schedule(handler, directory, event_filter=_NAMES)
    return observer.schedule(handler, directory)  # before watchdog 4


def _started(observer: BaseObserver) -> BaseObserver:
    observer.start()
    return observer


def _compile(names: frozenset[str]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(name) for name in sorted(names)))


def _identity(directory: str) -> Identity | None:
    try:
        return Identity.of(Path(directory).stat())
    except OSError:
        return None
