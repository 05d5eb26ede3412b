# SPDX-License-Identifier: MIT
"""The alarms there are: what each means, what to do, how soon it is raised and cleared.

docs/operations.md has the same table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """How bad an alarm is: with a critical one, attackers may get through."""

    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class AlarmKind:
    """One kind of alarm.

    It is raised when its condition has held for ``after`` seconds without a break, and cleared
    when the condition has not held for ``quiet`` seconds: so whatever comes and goes is one alarm.
    """

    name: str
    severity: Severity
    after: float
    quiet: float
    meaning: str
    advice: str


WINDOW: Final = 600.0
"""Seconds within which things that happen now and then are counted together."""

DRIFT_WINDOW: Final = 3600.0
"""Seconds within which drift that was repaired has to be there again to be told of."""

HANGS_AFTER: Final = 120.0
"""Seconds after which an action that is still at one job is taken to hang; each has time limits of
its own, and a hundred thousand bans are in force within two seconds."""

UNMATCHED_MANY: Final = 30
"""Lines within the window that look like an attack and that no rule knows."""

JAIL_FAILED: Final = AlarmKind(
    "jail-failed",
    Severity.CRITICAL,
    0.0,
    0.0,
    "a jail is enabled and can't run; the message names file and line",
    "mend the file, then `logban-client check` and `logban-client reload`",
)
CONFIGURATION: Final = AlarmKind(
    "configuration",
    Severity.WARNING,
    0.0,
    0.0,
    "a file of the configuration is not followed, in whole or in part",
    "`logban-client check` tells how to mend it; then `logban-client reload`",
)
SOURCE_GONE: Final = AlarmKind(
    "source-gone",
    Severity.CRITICAL,
    30.0,
    0.0,
    "a log file that was read is no longer there, or can't be read",
    "is the program running, and does it log to this path? is the file of a group that `logban` "
    "is in (`id logban`)?",
)
SOURCE_SILENT: Final = AlarmKind(
    "source-silent",
    Severity.WARNING,
    0.0,
    0.0,
    "nothing was written to a log for at least half an hour, and for three times as long as it "
    "was ever quiet within the last 7 days; known once it has been watched for half an hour",
    "does the program run, and does it still log to this file (`asterisk -rx 'logger show "
    "channels'`)? quiet nights are told of once and then known",
)
SOURCE_POLLED: Final = AlarmKind(
    "source-polled",
    Severity.WARNING,
    0.0,
    0.0,
    "the kernel does not tell of changes to a log, because the inotify watches of the user are "
    "used up or there are none here: the log is looked at once a second, so bans come up to a "
    "second later",
    "raise `fs.inotify.max_user_watches` and `fs.inotify.max_user_instances` "
    "(`/etc/sysctl.d`, `sysctl --system`): logban takes to them by itself; or write "
    "`backend = polling` in the jail",
)
ACTION_FAILS: Final = AlarmKind(
    "action-fails",
    Severity.CRITICAL,
    15.0,
    30.0,
    "an action does not do what it is asked; bans may not be in force, or nobody is told of them",
    "the message says why; what is pending is done as soon as it works again",
)
ACTION_HANGS: Final = AlarmKind(
    "action-hangs",
    Severity.CRITICAL,
    0.0,
    0.0,
    "an action has been at one job for more than two minutes: it neither fails nor gets on, and "
    "what comes after waits",
    "what does it wait for: a program, a mail server, the kernel (`journalctl -k`)? `systemctl "
    "restart logban` begins anew; bans stay in force meanwhile",
)
DRIFT_RETURNS: Final = AlarmKind(
    "drift-returns",
    Severity.WARNING,
    0.0,
    0.0,
    "twice or more within an hour, what was in force differed from what should be; it was repaired",
    "somebody else changes logban's rules: another ban service, a script that reloads the "
    "firewall; `nft monitor` shows who",
)
BRAKE: Final = AlarmKind(
    "brake-holds",
    Severity.WARNING,
    0.0,
    60.0,
    "a brake of a jail holds bans back: too many in too short a time",
    "`logban-client status JAIL` says which brake; is it an attack, or a filter that has begun to "
    "match what it should not?",
)
OUT_OF_REACH: Final = AlarmKind(
    "out-of-reach",
    Severity.WARNING,
    60.0,
    30.0,
    "something that logban reads or asks can't be had: a list of exemptions in a file, in Redis, a "
    "database of networks, names",
    "the message says why; until then what it said last holds",
)
DROPS: Final = AlarmKind(
    "drops",
    Severity.WARNING,
    0.0,
    0.0,
    "something was dropped within the last ten minutes because too much was waiting: changes that "
    "an action had to tell, or subjects that a jail followed",
    "an action: see why it does not get on; a jail: raise `max_tracked` in logban.conf, if memory "
    "allows",
)
RULE_SLOW: Final = AlarmKind(
    "rule-slow",
    Severity.WARNING,
    0.0,
    0.0,
    "within the last ten minutes, lines were skipped because an expression took too long",
    "the message names the expression: make it simpler, or raise `match_timeout`",
)
UNMATCHED: Final = AlarmKind(
    "unmatched-attacks",
    Severity.WARNING,
    0.0,
    0.0,
    f"{UNMATCHED_MANY} lines or more within ten minutes look like an attack, and no rule of the "
    "jail knows them",
    "`logban-client unmatched` shows them; after an upgrade of the program its messages may have "
    "changed",
)
DATABASE: Final = AlarmKind(
    "database",
    Severity.CRITICAL,
    0.0,
    0.0,
    "bans can't be written to the database; they are in force, but would not outlast a restart",
    "is the disk full or read-only? does the file belong to `logban`?",
)
LEDGER_LOST: Final = AlarmKind(
    "ledger-lost",
    Severity.CRITICAL,
    0.0,
    0.0,
    "the daemon began with a new database, because the old one was damaged, could not be read or "
    "was not there, while bans were in force; it took these over with their ends. History, counts "
    "and exemptions made with `allow add` are not in it",
    "look after the disk; bring a backup back, or make the exemptions again with `logban-client "
    "allow add`; it is raised until the daemon is restarted",
)
METRICS: Final = AlarmKind(
    "metrics",
    Severity.WARNING,
    0.0,
    0.0,
    "the metrics can't be written to `metrics_file`, or `metrics_port` can't be had",
    "may `logban` write there (`ReadWritePaths=` in a drop-in)? has something else the port?",
)
MAIL: Final = AlarmKind(
    "alarm-mail",
    Severity.WARNING,
    0.0,
    0.0,
    "the mail that should tell of alarms can't be sent; it is tried again",
    "see `alarm` in logban.conf, and the mail server's log",
)

KINDS: Final[Mapping[str, AlarmKind]] = {
    kind.name: kind
    for kind in (
        JAIL_FAILED,
        CONFIGURATION,
        SOURCE_GONE,
        SOURCE_SILENT,
        SOURCE_POLLED,
        ACTION_FAILS,
        ACTION_HANGS,
        DRIFT_RETURNS,
        BRAKE,
        OUT_OF_REACH,
        DROPS,
        RULE_SLOW,
        UNMATCHED,
        DATABASE,
        LEDGER_LOST,
        METRICS,
        MAIL,
    )
}
