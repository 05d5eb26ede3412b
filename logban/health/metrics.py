# SPDX-License-Identifier: MIT
"""The metrics there are: their names, what they count, where each value comes from.

Made without prometheus_client, so that documents and checks need not have it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from logban.actions.attempting import ActionReport
from logban.health.alarms import Alarm
from logban.health.figures import Figures, JailFigures
from logban.health.kinds import KINDS
from logban.sources.report import SourceReport

Sample = tuple[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Look:
    """What one round of metrics is made of."""

    figures: Figures
    alarms: tuple[Alarm, ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; ``labels`` name the parts of each sample's key; a counter only ever grows.

    The name of a counter is written without its ``_total``.
    """

    name: str
    is_counter: bool
    labels: tuple[str, ...]
    doc: str
    samples: Callable[[Look], Iterable[Sample]]

    @property
    def shown(self) -> str:
        """Give the name under which it is found."""
        return f"{self.name}_total" if self.is_counter else self.name


def _of_jails(value: Callable[[JailFigures], float]) -> Callable[[Look], Iterable[Sample]]:
    return lambda look: (((jail.name,), value(jail)) for jail in look.figures.jails)


def _of_sources(value: Callable[[SourceReport], float]) -> Callable[[Look], Iterable[Sample]]:
    return lambda look: (((each.path,), value(each)) for each in look.figures.sources)


def _of_actions(
    value: Callable[[ActionReport], float | None],
) -> Callable[[Look], Iterable[Sample]]:
    """Make what gives a value for each action; of two of one name in a jail, the sum."""

    def samples(look: Look) -> Iterator[Sample]:
        for jail in look.figures.jails:
            sums: dict[str, float] = {}
            for action in jail.actions:
                number = value(action)
                if number is not None:
                    sums[action.name] = sums.get(action.name, 0.0) + number
            for name, number in sums.items():
                yield (jail.name, name), number

    return samples


def _active(look: Look) -> Iterator[Sample]:
    for jail in look.figures.jails:
        for kind, number in jail.active.items():
            yield (jail.name, kind.value), number


def _changes(look: Look) -> Iterator[Sample]:
    for jail in look.figures.jails:
        for (change, kind), number in sorted(jail.changes.items()):
            yield (jail.name, change.value, kind.value), number


def _losses(look: Look) -> Iterator[Sample]:
    for what, number in look.figures.losses.items():
        yield ("", what), number
    for jail in look.figures.jails:
        for what, number in jail.losses.items():
            yield (jail.name, what), number


def _alarms(look: Look) -> Iterator[Sample]:
    for kind in KINDS.values():
        raised = sum(alarm.kind is kind for alarm in look.alarms)
        yield (kind.name, kind.severity.value), raised


_JAIL: Final = ("jail",)
_SOURCE: Final = ("source",)
_ACTION: Final = ("jail", "action")

METRICS: Final = (
    Metric(
        "logban_info", False, ("version",), "always 1; its label is the version",
        lambda look: [((look.figures.version,), 1.0)],
    ),
    Metric(
        "logban_start_time_seconds", False, (), "when the daemon started, since the epoch",
        lambda look: [((), look.figures.started)],
    ),
    Metric(
        "logban_time_seconds", False, (), "when these metrics were taken, since the epoch",
        lambda look: [((), look.figures.now)],
    ),
    Metric(
        "logban_alarms", False, ("alarm", "severity"), "alarms that are raised, by kind", _alarms
    ),
    Metric(
        "logban_jails", False, ("state",), "jails, running or failed",
        lambda look: [
            (("running",), len(look.figures.jails)), (("failed",), len(look.figures.failed)),
        ],
    ),
    Metric(
        "logban_lines", True, _JAIL, "lines that the jail has seen",
        _of_jails(lambda jail: jail.lines),
    ),
    Metric(
        "logban_failures", True, _JAIL, "lines that were failures",
        _of_jails(lambda jail: jail.failures),
    ),
    Metric(
        "logban_successes", True, _JAIL, "lines of those who got in",
        _of_jails(lambda jail: jail.successes),
    ),
    Metric(
        "logban_ignored_lines", True, _JAIL, "failures that an ignoreregex took back",
        _of_jails(lambda jail: jail.ignored),
    ),
    Metric(
        "logban_exempted_failures", True, _JAIL, "failures of those who are exempt",
        _of_jails(lambda jail: jail.exempted),
    ),
    Metric(
        "logban_unparsed_lines", True, _JAIL, "failures whose address could not be read",
        _of_jails(lambda jail: jail.unparsed),
    ),
    Metric(
        "logban_unmatched_lines", True, _JAIL, "lines that look like an attack, without a rule",
        _of_jails(lambda jail: jail.unmatched),
    ),
    Metric(
        "logban_match_timeouts", True, _JAIL, "lines skipped because an expression took too long",
        _of_jails(lambda jail: jail.timeouts),
    ),
    Metric(
        "logban_bans_held", False, _JAIL, "bans that a brake holds back",
        _of_jails(lambda jail: jail.held),
    ),
    Metric(
        "logban_capped", True, _JAIL,
        "networks, and users at strange places, that were one too many for their hour",
        _of_jails(lambda jail: jail.capped),
    ),
    Metric(
        "logban_protected_accounts", False, _JAIL, "accounts attacked from many places",
        _of_jails(lambda jail: jail.protected),
    ),
    Metric(
        "logban_tracked_subjects", False, _JAIL, "subjects whose failures are remembered",
        _of_jails(lambda jail: jail.tracked),
    ),
    Metric(
        "logban_tracked_dropped", True, _JAIL, "subjects forgotten because there were too many",
        _of_jails(lambda jail: jail.forgotten),
    ),
    Metric(
        "logban_dropped", True, ("jail", "what"),
        "what was forgotten because there was too much of it, by what it was", _losses,
    ),
    Metric(
        "logban_bans", False, ("jail", "kind"),
        "bans in force, by what they are on: ip, net, user, user-ip", _active,
    ),
    Metric(
        "logban_changes", True, ("jail", "change", "kind"),
        "what became of bans: ban, extend, lift, expire", _changes,
    ),
    Metric(
        "logban_exemptions", False, (), "exemptions by hand",
        lambda look: [((), look.figures.exemptions)],
    ),
    Metric(
        "logban_trusted_places", False, (), "addresses and /64s that are trusted",
        lambda look: [((), look.figures.trusted)],
    ),
    Metric(
        "logban_action_up", False, _ACTION, "1 if the action works, 0 if it is tried again",
        _of_actions(lambda action: action.state == "ok"),
    ),
    Metric(
        "logban_action_in_force", False, _ACTION, "bans that the action holds in force",
        _of_actions(lambda action: action.in_force),
    ),
    Metric(
        "logban_action_pending", False, _ACTION, "changes that wait for the action",
        _of_actions(lambda action: action.pending),
    ),
    Metric(
        "logban_action_failures", True, _ACTION, "attempts of the action that failed",
        _of_actions(lambda action: action.failures),
    ),
    Metric(
        "logban_action_drift", True, _ACTION,
        "bans found to be missing, or in force without being wanted, and repaired",
        _of_actions(lambda action: action.drift),
    ),
    Metric(
        "logban_action_dropped", True, _ACTION, "changes dropped because too many waited",
        _of_actions(lambda action: action.dropped),
    ),
    Metric(
        "logban_source_up", False, _SOURCE, "1 if the log is being read, 0 if not",
        _of_sources(lambda source: source.state in ("following", "catching up")),
    ),
    Metric(
        "logban_source_size_bytes", False, _SOURCE, "the size of the log",
        _of_sources(lambda source: source.size),
    ),
    Metric(
        "logban_source_position_bytes", False, _SOURCE, "how far the log has been read",
        _of_sources(lambda source: source.offset),
    ),
    Metric(
        "logban_source_lag_bytes", False, _SOURCE,
        "what is still unread of the log and of those that were rotated away",
        _of_sources(lambda source: source.lag),
    ),
    Metric(
        "logban_source_lines", True, _SOURCE, "lines read",
        _of_sources(lambda source: source.lines),
    ),
    Metric(
        "logban_source_bytes", True, _SOURCE, "bytes read",
        _of_sources(lambda source: source.bytes),
    ),
    Metric(
        "logban_source_rotations", True, _SOURCE, "times that another file got the log's name",
        _of_sources(lambda source: source.rotations),
    ),
    Metric(
        "logban_source_truncations", True, _SOURCE, "times that the log was truncated",
        _of_sources(lambda source: source.truncations),
    ),
    Metric(
        "logban_source_long_lines", True, _SOURCE, "lines beyond 1 MiB, whose rest was dropped",
        _of_sources(lambda source: source.long_lines),
    ),
    Metric(
        "logban_database_up", False, (), "1 if the last write to the database succeeded",
        lambda look: [((), float(not look.figures.database))],
    ),
)  # fmt: skip  # one metric a few lines, all alike
