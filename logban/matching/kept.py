# SPDX-License-Identifier: MIT
"""A folder of what takes a while to make and can be made again at any time.

What decides who is banned is only taken from a file that nobody but its owner, who runs this, can
have written.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

KEPT: Final = 256
"""Files that are kept; the oldest are removed."""


class KeptFolder:
    """Files of JSON by their names."""

    def __init__(self, folder: Path) -> None:
        """Read from, and keep in, a folder; it is made when something is kept."""
        self._folder = folder

    def read(self, name: str) -> object:
        """Give what was kept; None if there is nothing that can be trusted and understood."""
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # it may be a FIFO
            file = os.open(self._path(name), flags)
        except OSError:
            return None
        with os.fdopen(file, encoding="ascii") as stream:
            about = os.fstat(file)
            is_own = about.st_uid == os.geteuid() and stat.S_ISREG(about.st_mode)
            if not is_own or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return None
            try:
                kept: object = json.load(stream)
            except ValueError:
                return None
            return kept

    def keep(self, name: str, content: object) -> None:
        """Keep something; where that can't be done, it is made again the next time."""
        import tempfile  # noqa: PLC0415  # only for what is new

        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(handle, "w", encoding="ascii") as stream:
                json.dump(content, stream)
            Path(temporary).rename(self._path(name))
            kept = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
            for path in kept[:-KEPT]:
                path.unlink()

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"
