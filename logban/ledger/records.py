# SPDX-License-Identifier: MIT
"""What goes between the ledger and its database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from logban import nouns
from logban.ledger.offences import Offence
from logban.model import Ban, Position, Subject

MAX_EVIDENCE: Final = 50
"""Lines of evidence kept of one ban, however often it is extended."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """An exemption made by hand: an address, network or name, until when (None: for ever), why."""

    entry: str
    added: float
    until: float | None = None
    note: str = ""


@nouns.dataclass(frozen=True, slots=True)
class BanRow:
    """A ban as it is to be stored; ``ended`` is when it ended, None while it is in force.

    ``ban.evidence`` is what came since it was last stored.  ``is_new`` says that it was laid since
    then, on somebody who was free.
    """

    ban: Ban
    ended: float | None = None
    ended_by: str = ""
    is_new: bool = False


class State(Protocol):
    """A state that ``str`` writes down; text is one, and whatever else does not change."""

    def __str__(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What changed and belongs together: committed whole or not at all.

    A None means that the row is to go.  ``tracked`` is by jail and subject, and so are the verdicts
    that wait, ``pending``; both are written down by the database's thread, as a flood's would hold
    up the loop.  ``positions`` are the files' places up to which all of this has been taken into
    account, ``retired`` those of files that are done with.  ``notes`` are what a jail has to
    remember of something that is no subject: by jail, and what they are about.  A floor also takes
    the bans up to its time off its subject's account.
    """

    bans: tuple[BanRow, ...] = ()
    floors: Mapping[Subject, float | None] = field(default_factory=dict)
    allowed: Mapping[str, Allowed | None] = field(default_factory=dict)
    tracked: Mapping[tuple[str, Subject], State | None] = field(default_factory=dict)
    pending: Mapping[tuple[str, Subject], str | None] = field(default_factory=dict)
    names: Mapping[str, str | None] = field(default_factory=dict)
    notes: Mapping[tuple[str, str], str | None] = field(default_factory=dict)
    positions: tuple[Position, ...] = ()
    retired: tuple[Position, ...] = ()

    def then(self, later: Checkpoint) -> Checkpoint:
        """Give the two as one, for when this one could not be committed before the other came."""
        if self.is_empty():
            return later
        bans = {(row.ban.jail, row.ban.subject, row.ban.time): row for row in self.bans}
        for row in later.bans:
            key = (row.ban.jail, row.ban.subject, row.ban.time)
            earlier = bans.get(key)
            if earlier is not None:
                evidence = (earlier.ban.evidence + row.ban.evidence)[-MAX_EVIDENCE:]
                row = replace(row, ban=replace(row.ban, evidence=evidence))  # noqa: PLW2901
            bans[key] = row
        retired = {(at.path, at.device, at.inode): at for at in self.retired}
        positions = {(at.path, at.device, at.inode): at for at in self.positions}
        for at in later.retired:
            positions.pop((at.path, at.device, at.inode), None)
            retired[(at.path, at.device, at.inode)] = at
        for at in later.positions:
            retired.pop((at.path, at.device, at.inode), None)
            positions[(at.path, at.device, at.inode)] = at
        return Checkpoint(
            bans=tuple(bans.values()),
            floors={**self.floors, **later.floors},
            allowed={**self.allowed, **later.allowed},
            tracked={**self.tracked, **later.tracked},
            pending={**self.pending, **later.pending},
            names={**self.names, **later.names},
            notes={**self.notes, **later.notes},
            positions=tuple(positions.values()),
            retired=tuple(retired.values()),
        )

    def is_empty(self) -> bool:
        """Tell whether there is nothing to commit."""
        return not (
            self.bans
            or self.floors
            or self.allowed
            or self.tracked
            or self.pending
            or self.names
            or self.notes
            or self.positions
            or self.retired
        )


@dataclass(frozen=True, slots=True)
class Stored:
    """All that a start takes up from the database; bans come without their evidence.

    ``ended`` are the bans that had ended shortly before the run before did: it may not have come
    to taking all of them out of force.  ``offences`` are in the order in which they were committed.
    """

    active: tuple[Ban, ...] = ()
    ended: tuple[Ban, ...] = ()
    floors: Mapping[Subject, float] = field(default_factory=dict)
    allowed: tuple[Allowed, ...] = ()
    tracked: Mapping[tuple[str, Subject], str] = field(default_factory=dict)
    pending: Mapping[tuple[str, Subject], str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[tuple[str, str], str] = field(default_factory=dict)
    positions: tuple[Position, ...] = ()
    offences: tuple[Offence, ...] = ()


@dataclass(frozen=True, slots=True)
class PastBan:
    """One ban of the history; ``ended`` is None while it is in force."""

    ban: Ban
    ended: float | None
    ended_by: str
