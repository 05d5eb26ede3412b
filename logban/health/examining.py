# SPDX-License-Identifier: MIT
"""What is wrong: the daemon's figures, looked at again and again, and what they were before."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from logban.durations import format_duration
from logban.health import kinds
from logban.health.alarms import Finding
from logban.health.figures import Figures, JailFigures
from logban.health.rhythm import Rhythm
from logban.sources.report import NO_INOTIFY, SourceReport, SourceState
from logban.text import visible

GAP: Final = 60.0
"""Seconds between two looks beyond which the host slept, or its clock was set."""

_SHOWN: Final = 300


class Recent:
    """How much a count has grown within a window, and how often."""

    def __init__(self, window: float, total: int) -> None:
        self._window = window
        self._total = total
        self._growths: deque[tuple[float, int]] = deque()

    def note(self, now: float, total: int) -> None:
        """Take in the count; a smaller one than before has begun anew."""
        growth = total - self._total if total >= self._total else total
        self._total = total
        if growth:
            self._growths.append((now, growth))
        while self._growths and self._growths[0][0] <= now - self._window:
            self._growths.popleft()

    @property
    def amount(self) -> int:
        """Give by how much it has grown."""
        return sum(growth for _, growth in self._growths)

    @property
    def times(self) -> int:
        """Give how often it has."""
        return len(self._growths)


class Examiner:
    """Finds what is wrong; it has to be shown the figures at every look."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._counts: dict[tuple[str, ...], Recent] = {}
        self._rhythms: dict[str, Rhythm] = {}
        self._read: dict[str, tuple[str, ...]] = {}
        self._used: set[tuple[str, ...]] = set()

    def look(self, figures: Figures) -> list[Finding]:
        """Give all that is wrong now."""
        self._mind_the_gap(figures.now)
        self._used.clear()
        findings = [
            *_of_the_configuration(figures),
            *self._of_sources(figures),
            *(each for jail in figures.jails for each in self._of_jail(jail, figures.now)),
        ]
        self._counts = {key: self._counts[key] for key in self._used}
        return findings

    def _mind_the_gap(self, now: float) -> None:
        """Where the time is another than it should be, nothing has been silent meanwhile."""
        last, self._last = self._last, now
        if last is not None and not 0 <= now - last <= GAP:
            for rhythm in self._rhythms.values():
                rhythm.skip(now - last)

    def _recent(self, now: float, total: int, window: float, *key: str) -> Recent:
        """Give how a count has grown; what it was at the first look is no growth."""
        self._used.add(key)
        if key not in self._counts:
            self._counts[key] = Recent(window, total)
        self._counts[key].note(now, total)
        return self._counts[key]

    def _of_jail(self, jail: JailFigures, now: float) -> Iterator[Finding]:
        for number, action in enumerate(jail.actions):
            about = f"{jail.name} {action.name}"
            key = (jail.name, action.name, str(number))
            if action.state != "ok":
                why = visible(action.error, _SHOWN) or "it has not got ready"
                yield Finding(
                    kinds.ACTION_FAILS, about, f"action {action.name} of {jail.name}: {why}"
                )
            if action.busy > kinds.HANGS_AFTER:
                span = format_duration(action.busy)
                yield Finding(
                    kinds.ACTION_HANGS,
                    about,
                    f"action {action.name} of {jail.name} has been at one job for {span}; "
                    f"{action.pending} changes wait",
                )
            drift = self._recent(now, action.drift, kinds.DRIFT_WINDOW, "drift", *key)
            if drift.times > 1:
                yield Finding(
                    kinds.DRIFT_RETURNS,
                    about,
                    f"action {action.name} of {jail.name}: {drift.amount} bans were repaired "
                    f"in {drift.times} turns within the last hour",
                )
            dropped = self._recent(now, action.dropped, kinds.WINDOW, "dropped", *key).amount
            if dropped:
                yield Finding(
                    kinds.DROPS, about, f"action {action.name} of {jail.name}: {dropped} dropped"
                )
        if jail.held:
            message = f"jail {jail.name}: the brake {jail.brake} holds {jail.held} bans back"
            yield Finding(kinds.BRAKE, jail.name, message)
        forgotten = self._recent(now, jail.forgotten, kinds.WINDOW, "forgotten", jail.name).amount
        if forgotten:
            message = f"jail {jail.name} follows {jail.tracked} subjects and has dropped"
            yield Finding(kinds.DROPS, jail.name, f"{message} {forgotten}")
        slow = self._recent(now, jail.timeouts, kinds.WINDOW, "timeouts", jail.name).amount
        if slow:
            rule = f": {visible(jail.slowest, _SHOWN)}" if jail.slowest else ""
            yield Finding(kinds.RULE_SLOW, jail.name, f"jail {jail.name}: {slow} lines{rule}")
        unknown = self._recent(now, jail.unmatched, kinds.WINDOW, "unmatched", jail.name).amount
        if unknown >= kinds.UNMATCHED_MANY:
            message = f"jail {jail.name}: {unknown} lines that no rule knows"
            yield Finding(kinds.UNMATCHED, jail.name, message)

    def _of_sources(self, figures: Figures) -> Iterator[Finding]:
        there = {report.path: report for report in figures.sources}
        followed = {pattern for jail in figures.jails for pattern in jail.patterns}
        for path, report in there.items():
            if _is_read(report):
                self._read[path] = report.patterns
                self._note_rhythm(report, figures.now)
        self._forget(there, followed)
        for path in self._read:
            gone = _why_gone(there.get(path))
            if gone:
                yield Finding(kinds.SOURCE_GONE, path, f"{visible(path, _SHOWN)}: {gone}")
            elif self._rhythms[path].is_unusual(figures.now):
                yield self._silent(path, figures.now)
        for path, report in there.items():
            if report.watching_reason.startswith(NO_INOTIFY):
                message = f"{visible(path, _SHOWN)}: {visible(report.watching_reason, _SHOWN)}"
                yield Finding(kinds.SOURCE_POLLED, path, message)
            is_there = report.reason.startswith(("it cannot", "it is a"))
            if path not in self._read and (is_there or report.was_read) and _why_gone(report):
                message = f"{visible(path, _SHOWN)}: {_why_gone(report)}"
                yield Finding(kinds.SOURCE_GONE, path, message)

    def _note_rhythm(self, report: SourceReport, now: float) -> None:
        if report.path in self._rhythms:
            self._rhythms[report.path].note(now, report.lines)
        else:
            self._rhythms[report.path] = Rhythm(now, report.lines)

    def _forget(self, there: dict[str, SourceReport], followed: set[str]) -> None:
        """Forget the files that no jail asks for any more."""
        for path in [path for path, asked in self._read.items() if not followed & set(asked)]:
            del self._read[path]
        # Of a pattern's files one is no more: with a date in it, it leads to others every day.
        for path in [path for path in self._read if path not in there]:
            asked = set(self._read[path])
            if any(asked & set(other.patterns) for other in there.values()):
                del self._read[path]
        self._rhythms = {path: self._rhythms[path] for path in self._read}

    def _silent(self, path: str, now: float) -> Finding:
        rhythm = self._rhythms[path]
        message = (
            f"{visible(path, _SHOWN)}: nothing was written for "
            f"{format_duration(rhythm.silence(now))}; usually it is quiet for "
            f"{format_duration(max(1.0, rhythm.longest()))} at the most"
        )
        return Finding(kinds.SOURCE_SILENT, path, message)


def _of_the_configuration(figures: Figures) -> Iterator[Finding]:
    for name, reason in figures.failed.items():
        yield Finding(kinds.JAIL_FAILED, name, f"jail {name}: {visible(reason, _SHOWN)}")
    for mistake in figures.mistakes:
        yield Finding(kinds.CONFIGURATION, visible(mistake, _SHOWN), visible(mistake, _SHOWN))
    for problem in figures.problems:
        shown = visible(problem, _SHOWN)
        yield Finding(kinds.OUT_OF_REACH, shown, shown)
    if figures.database:
        yield Finding(kinds.DATABASE, "database", visible(figures.database, _SHOWN))
    if figures.lost:
        yield Finding(kinds.LEDGER_LOST, "database", visible(figures.lost, _SHOWN))


def _is_read(report: SourceReport) -> bool:
    return report.state in (SourceState.FOLLOWING, SourceState.CATCHING_UP) and not report.reason


def _why_gone(report: SourceReport | None) -> str:
    """Give why a file that was read is read no longer; "" if it is, or has another name."""
    if report is None:
        return "there is no such file"
    if _is_read(report) or report.reason.startswith("it is being read as"):
        return ""
    return report.reason or "it is not read"
