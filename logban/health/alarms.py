# SPDX-License-Identifier: MIT
"""Which alarms are raised: conditions come and go, an alarm is told once when either lasts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from logban.health.kinds import AlarmKind

MAX_ALARMS: Final = 200
"""Alarms that are kept at a time; ``overflow`` counts what is beyond."""


@dataclass(frozen=True, slots=True)
class Finding:
    """That an alarm's condition holds at this moment; ``about`` is what it is about."""

    kind: AlarmKind
    about: str
    message: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm that is raised, since when, with the latest message."""

    kind: AlarmKind
    about: str
    message: str
    since: float


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """That an alarm has been raised or cleared, and when."""

    alarm: Alarm
    is_raised: bool
    time: float


@dataclass(slots=True)
class _Condition:
    """The story of one condition: since when it holds, when it was last seen to."""

    alarm: Alarm
    seen: float
    is_raised: bool = False


class Alarms:
    """The board of alarms."""

    def __init__(self) -> None:
        self.overflow = 0
        self._conditions: dict[tuple[str, str], _Condition] = {}

    @property
    def raised(self) -> tuple[Alarm, ...]:
        """Give the alarms that are raised, the critical ones first, then the oldest."""
        alarms = [each.alarm for each in self._conditions.values() if each.is_raised]
        return tuple(
            sorted(alarms, key=lambda alarm: (alarm.kind.severity, alarm.since, alarm.about))
        )

    def look(self, findings: Iterable[Finding], now: float) -> list[AlarmChange]:
        """Take in what holds now; give the alarms that this raises and clears."""
        self.overflow = 0
        held = set()
        for finding in findings:
            key = (finding.kind.name, finding.about)
            if key not in self._conditions and len(self._conditions) >= MAX_ALARMS:
                self.overflow += 1
                continue
            held.add(key)
            self._note(key, finding, now)
        return [*self._newly_raised(held, now), *self._newly_cleared(held, now)]

    def _note(self, key: tuple[str, str], finding: Finding, now: float) -> None:
        known = self._conditions.get(key)
        if known is None:
            alarm = Alarm(finding.kind, finding.about, finding.message, now)
            self._conditions[key] = _Condition(alarm, now)
        else:
            known.alarm = replace(known.alarm, message=finding.message)
            known.seen = now

    def _newly_raised(self, held: set[tuple[str, str]], now: float) -> list[AlarmChange]:
        changes = []
        for key in sorted(held):
            known = self._conditions[key]
            if not known.is_raised and now - known.alarm.since >= known.alarm.kind.after:
                known.is_raised = True
                changes.append(AlarmChange(known.alarm, True, now))
        return changes

    def _newly_cleared(self, held: set[tuple[str, str]], now: float) -> list[AlarmChange]:
        changes = []
        for key in self._conditions.keys() - held:
            known = self._conditions[key]
            if not known.is_raised:
                del self._conditions[key]
            elif now - known.seen >= known.alarm.kind.quiet:
                del self._conditions[key]
                changes.append(AlarmChange(known.alarm, False, now))
        return changes
