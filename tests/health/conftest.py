# SPDX-License-Identifier: MIT
"""Figures as a daemon would give them, with what a test says instead."""

from __future__ import annotations

from dataclasses import replace

from logban.actions.attempting import ActionReport
from logban.health.figures import Figures, JailFigures
from logban.model import ChangeKind, SubjectKind
from logban.sources.report import SourceReport, SourceState

LOG = "/var/log/asterisk/full"
ACTION = ActionReport("nftables", "enforcer", "ok", "", 0.0, 0, 1, 0, 0, 0)
JAIL = JailFigures(
    "asterisk",
    (LOG,),
    lines=100,
    failures=10,
    active={SubjectKind.IP: 1, SubjectKind.NET: 2},
    changes={(ChangeKind.BAN, SubjectKind.IP): 5, (ChangeKind.EXPIRE, SubjectKind.IP): 4},
    actions=(ACTION,),
)
SOURCE = SourceReport(
    LOG, (LOG,), SourceState.FOLLOWING, "", 1000, 990, 10, 5000, 100, 2, 1, 0, 0, "inotify", ""
)
FIGURES = Figures("0.1.0", 1.0, 1000.0, (JAIL,), (SOURCE,))


def figures(now: float = 1000.0, **changes: object) -> Figures:
    """Give the daemon's figures; a name may be one of a jail, of its action or of the source."""
    of_action = {k: v for k, v in changes.items() if k in ActionReport.__slots__}
    of_source = {
        k: v for k, v in changes.items() if k in SourceReport.__slots__ and k not in of_action
    }
    of_jail = {k: v for k, v in changes.items() if k in ("unmatched", "timeouts", "forgotten")}
    rest = {k: v for k, v in changes.items() if k in Figures.__slots__}
    if "state" in of_action and isinstance(of_action["state"], SourceState):
        of_source["state"] = of_action.pop("state")
    jail = replace(JAIL, actions=(replace(ACTION, **of_action),), **of_jail)
    base = replace(FIGURES, now=now, jails=(jail,), sources=(replace(SOURCE, **of_source),))
    return replace(base, **rest)
