# SPDX-License-Identifier: MIT
"""All that the daemon can be judged by, as it is at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from logban.actions.attempting import ActionReport
from logban.model import ChangeKind, SubjectKind
from logban.sources.report import SourceReport


@dataclass(frozen=True, slots=True)
class JailFigures:
    """A jail that runs.

    ``patterns`` are those of its logs, ``held`` the bans that ``brake`` holds back.  ``active`` are
    its bans in force, ``changes`` what has become of bans; ``protected`` are accounts that are,
    ``capped`` counts what the caps of an hour kept from being banned; ``forgotten`` are subjects
    whose failures were dropped because too many were followed, ``losses`` all that was dropped at a
    cap, by what it was.  What counts up does so from the
    daemon's start, or the jail's last change.
    """

    name: str
    patterns: tuple[str, ...] = ()
    lines: int = 0
    failures: int = 0
    successes: int = 0
    ignored: int = 0
    exempted: int = 0
    timeouts: int = 0
    slowest: str = ""
    unparsed: int = 0
    unmatched: int = 0
    held: int = 0
    brake: str = ""
    protected: int = 0
    capped: int = 0
    tracked: int = 0
    forgotten: int = 0
    losses: Mapping[str, int] = field(default_factory=dict)
    active: Mapping[SubjectKind, int] = field(default_factory=dict)
    changes: Mapping[tuple[ChangeKind, SubjectKind], int] = field(default_factory=dict)
    actions: tuple[ActionReport, ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """The daemon; ``failed`` are jails that can't run, each with the reason.

    ``mistakes`` are errors of the configuration that concern no jail, ``problems``
    what can't be had of lists and the like that others keep.  ``database`` says why it
    can't be written, "" if it can; ``unwritten`` whether changes wait to be;
    ``lost`` what became of the one of before, "" if this is it.  ``losses`` are as those of a jail.
    """

    version: str
    started: float
    now: float
    jails: tuple[JailFigures, ...] = ()
    sources: tuple[SourceReport, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    mistakes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    exemptions: int = 0
    trusted: int = 0
    database: str = ""
    unwritten: bool = False
    lost: str = ""
    losses: Mapping[str, int] = field(default_factory=dict)
