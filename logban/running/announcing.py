# SPDX-License-Identifier: MIT
"""What the daemon's own log says of bans: each has a line, unless they come in a flood."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from logban.clock import Clock
from logban.durations import format_duration
from logban.model import RECIDIVE, Change, ChangeKind, Subject
from logban.policy.bantime import ordinal
from logban.text import visible

log = logging.getLogger("logban.daemon")

LONGEST_NOTICE: Final = 500
"""Characters of a notice in the log; names in it are the peers'."""

MOST_ANNOUNCED: Final = 10
"""Changes of one kind in one second of which each has a line of its own; the others have one
together, which names so many."""


@dataclass(slots=True)
class _Flood:
    """Changes of one kind in a jail that have no lines of their own."""

    number: int = 0
    some: list[Subject] = field(default_factory=list)


class Announcer:
    """Tells the log what happens in the jails."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = 0
        self._said: dict[ChangeKind, int] = {}
        self._floods: dict[tuple[str, ChangeKind], _Flood] = {}

    def announce(self, changes: Sequence[Change]) -> None:
        """Tell what happened in a jail; what is a flood waits to be summed up."""
        second = int(self._clock.steady())
        if second != self._second:
            self._second = second
            self._said.clear()
        for kind in ChangeKind:
            those = [change for change in changes if change.kind is kind]
            if not those:
                continue
            said = self._said.get(kind, 0) + len(those)
            self._said[kind] = said
            if said <= MOST_ANNOUNCED or kind is ChangeKind.NOTICE:
                for change in those:
                    _announce_one(change)
            else:
                flood = self._floods.setdefault((those[0].ban.jail, kind), _Flood())
                flood.number += len(those)
                room = MOST_ANNOUNCED - len(flood.some)
                flood.some += [change.ban.subject for change in those[:room]]

    def sum_up(self) -> None:
        """Tell of each flood since the last call how much it was."""
        floods, self._floods = self._floods, {}
        for (jail, kind), flood in floods.items():
            some = ", ".join(map(str, flood.some))
            more = ", ..." if flood.number > len(flood.some) else ""
            text = "[%s] %s %d subjects: %s%s; logban-client why knows each"
            log.info(text, jail, kind.value, flood.number, some, more)


def _announce_one(change: Change) -> None:
    ban = change.ban
    about = ""
    if change.kind is ChangeKind.NOTICE:
        log.warning("[%s] %s", ban.jail, visible(ban.reason, LONGEST_NOTICE))
        return
    if change.kind in (ChangeKind.BAN, ChangeKind.EXTEND):
        left = ban.remaining(change.time)
        span = "for ever" if left is None else f"for {format_duration(left)}"
        why = f"after {ban.failures} failures ({ban.rule})" if ban.rule else "by hand"
        if ban.rule == RECIDIVE:
            why = f"after {ban.failures} bans"
        elif ban.offence > 1:
            why += f", its {ordinal(ban.offence)} ban"
        about = f" {span} {why}"
    log.info("[%s] %s %s%s", ban.jail, change.kind.value, ban.subject, about)
