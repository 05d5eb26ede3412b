# SPDX-License-Identifier: MIT
"""Log patterns: which files they lead to now, and where others could come to be."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from logban.sources.siblings import COMPRESSED


@dataclass(frozen=True, slots=True)
class WatchPoint:
    """A directory, its real path, and a pattern for the names in it that matter."""

    directory: str
    names: str


def expand(pattern: str) -> list[str]:
    """Give the real paths of all files that this pattern leads to.

    A pattern without wildcards leads to one file, be it there or not.  Wildcards leave out
    directories and what is compressed: a predecessor that has been put away.
    """
    if not glob.has_magic(pattern):
        return [os.path.realpath(pattern)]
    return sorted(
        {
            os.path.realpath(path)
            for path in glob.glob(pattern)  # noqa: PTH207  # Path.glob knows no absolute pattern
            if not path.endswith(COMPRESSED) and Path(path).is_file()
        }
    )


def watch_points(pattern: str) -> Iterator[WatchPoint]:
    """Give the places where something has to be created for the pattern to lead elsewhere.

    These are the directories that its wildcards are in, the file's own, and, as long as that
    doesn't exist, the nearest one above it.
    """
    reached = ["/"]
    *above, last = [part for part in pattern.split("/") if part] or [""]
    for part in above:
        below = []
        for directory in reached:
            if glob.has_magic(part):
                yield WatchPoint(directory, part)
                below += _directories(directory, part)
                continue
            child = os.path.realpath(Path(directory, part))
            if Path(child).is_dir():
                below.append(child)
            else:
                yield WatchPoint(directory, glob.escape(part))
        reached = below
    for directory in reached:
        # What a rotation makes of the name matters as well.
        yield WatchPoint(directory, last + "*")


def _directories(directory: str, pattern: str) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            return [
                os.path.realpath(entry.path)
                for entry in entries
                if fnmatch.fnmatchcase(entry.name, pattern) and entry.is_dir()
            ]
    except OSError:
        return []
