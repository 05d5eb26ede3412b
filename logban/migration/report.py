# SPDX-License-Identifier: MIT
"""What an import did and did not do, for people and for scripts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a jail."""

    AS_IT_IS = "as it is"
    CHANGED = "changed"
    REFUSED = "refused"


class FileState(StrEnum):
    """What became of a file; ``kept`` is one that somebody has changed by hand."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that is different here: what it is, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class JailReport:
    """A jail that is on in fail2ban; ``summary`` is what it judges by."""

    name: str
    outcome: Outcome
    notes: tuple[Note, ...] = ()
    summary: str = ""


@dataclass(frozen=True, slots=True)
class FileReport:
    """A file of the configuration directory, by its name in there."""

    path: str
    state: FileState
    why: str = ""


@dataclass(frozen=True, slots=True)
class BanReport:
    """What became of fail2ban's bans: numbers, the way they went, those that did not go.

    ``error`` says why there was no reading or handing over at all.
    """

    database: str = ""
    into: str = ""
    taken: int = 0
    known: int = 0
    refused: tuple[Note, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """An import; ``remarks`` concern no single jail."""

    source: str
    target: str
    dry_run: bool
    jails: tuple[JailReport, ...]
    files: tuple[FileReport, ...]
    remarks: tuple[Note, ...]
    bans: BanReport

    @property
    def is_change(self) -> bool:
        """Whether anything was, or in a dry run would be, written or banned."""
        written = any(each.state in (FileState.NEW, FileState.CHANGED) for each in self.files)
        return written or bool(self.bans.taken)

    @property
    def is_whole(self) -> bool:
        """Whether every jail and every ban is here now."""
        refused = any(each.outcome is Outcome.REFUSED for each in self.jails)
        return not (refused or self.bans.refused or self.bans.error)
