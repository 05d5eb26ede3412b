# SPDX-License-Identifier: MIT
"""Files that are to be in the configuration directory, and what is there already.

A file that an import has written says so in its first line, with a digest of the rest.  Only such
a file, still as it was written, is ever written again.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from logban.config.imported import is_imported, is_untouched, stamped
from logban.errors import NotPermitted
from logban.migration.report import FileReport, FileState

_GROUP: Final = "logban"


@dataclass(slots=True)
class Plan:
    """What is to be written below ``target``, by name.

    ``private`` files are for root and the daemon alone, as those that they are made of.
    """

    target: Path
    files: dict[str, bytes] = field(default_factory=dict)
    private: bool = False

    def is_free(self, name: str, body: bytes, remark: str) -> bool:
        """Say whether a name can bear this text: nobody else's file, and no other text, has it."""
        if name in self.files:
            return self.files[name] == stamped(body, remark)
        present = read(self.target / name)
        return present is None or present == body or is_imported(self.target / name)

    def add(self, name: str, body: bytes, remark: str) -> None:
        """Have a file written; one that says the same already, unstamped, stays as it is."""
        if read(self.target / name) != body:
            self.files[name] = stamped(body, remark)

    def states(self) -> tuple[FileReport, ...]:
        """Tell what is to become of each file."""
        return tuple(self._state(name) for name in sorted(self.files))

    def write(self, directory: Path, *, everything: bool = False) -> None:
        """Write what is new or changed, or everything that nobody has changed, below a directory.

        NotPermitted if that can't be.
        """
        states = {FileState.NEW, FileState.CHANGED, *([FileState.SAME] if everything else [])}
        for report in self.states():
            if report.state in states:
                _replace(directory / report.path, self.files[report.path], private=self.private)

    def stale(self) -> tuple[str, ...]:
        """Name the files of earlier imports that this one has no use for."""
        return tuple(
            name
            for folder in ("jails.d", "filters.d", "actions.d")
            for path in sorted((self.target / folder).glob("*"))
            if (name := f"{folder}/{path.name}") not in self.files
            and path.is_file()
            and is_imported(path)
        )

    def _state(self, name: str) -> FileReport:
        present = read(self.target / name)
        if present is None:
            return FileReport(name, FileState.NEW)
        if present == self.files[name]:
            return FileReport(name, FileState.SAME)
        if is_untouched(present):
            return FileReport(name, FileState.CHANGED)
        return FileReport(
            name,
            FileState.KEPT,
            "it was changed by hand since it was imported, and is left as it is; "
            "delete it to have it imported anew",
        )


def read(path: Path) -> bytes | None:
    """Give what a file holds; None if there is none that can be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def _replace(path: Path, data: bytes, *, private: bool) -> None:
    """Write a file so that nobody ever sees half of it."""
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        beside.chmod(0o640 if private else 0o644)
        if private and os.geteuid() == 0:
            with suppress(LookupError):  # the daemon has no group of its own
                shutil.chown(beside, group=_GROUP)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise NotPermitted(f"{path} cannot be written: {error.strerror}; run it as root") from error
