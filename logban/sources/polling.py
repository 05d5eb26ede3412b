# SPDX-License-Identifier: MIT
"""Looking at directories once a second, by watchdog, where inotify can't tell of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserver

_EVERY: Final = 1.0
_GROWTH: Final = frozenset({"modified", "attrib"})
_READ_ONLY: Final = frozenset({"opened", "closed_no_write", "closed"})

Notice = Callable[[str, str, bool], None]
"""Called in a thread with a directory, a name in it ("": itself), and whether names changed."""


class Polling:
    """Polls directories, each in threads of its own, so that what ends one ends no other."""

    def __init__(self, notice: Notice) -> None:
        self._notice = notice
        self._observers: dict[str, BaseObserver] = {}

    def add(self, directory: str) -> None:
        """Look at this directory from now on; OSError or RuntimeError if that can't be had."""
        observer = PollingObserver(timeout=_EVERY)
        observer.schedule(_Handler(directory, self._notice), directory)
        observer.start()
        self._observers[directory] = observer

    def remove(self, directory: str) -> None:
        """Look at a directory no longer."""
        observer = self._observers.pop(directory, None)
        if observer is not None:
            observer.stop()

    def __contains__(self, directory: str) -> bool:
        """Tell whether it is being looked at: its threads may have ended by an error."""
        observer = self._observers.get(directory)
        return (
            observer is not None
            and observer.is_alive()
            and all(emitter.is_alive() for emitter in observer.emitters)
        )

    def close(self) -> None:
        """Look at none, and wait for the threads to end."""
        for observer in self._observers.values():
            observer.stop()
            observer.join()
        self._observers.clear()


class _Handler(FileSystemEventHandler):
    """Tells of the events of one directory; in a thread."""

    def __init__(self, directory: str, notice: Notice) -> None:
        self._directory = directory
        self._notice = notice

    def dispatch(self, event: FileSystemEvent) -> None:
        """Pass an event on, unless somebody has merely read, or it says no more than others do."""
        kind = event.event_type
        if kind in _READ_ONLY or (kind in _GROWTH and event.is_directory):
            return
        # Before watchdog 4 only a move has a destination.
        for path in (event.src_path, getattr(event, "dest_path", "")):
            if path:
                text = os.fsdecode(path)
                name = "" if text == self._directory else text.rpartition("/")[2]
                self._notice(self._directory, name, kind not in _GROWTH)
