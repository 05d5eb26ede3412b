# SPDX-License-Identifier: MIT
"""How the daemon and its parts are: the answers of ``ping``, ``status`` and ``health``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from logban.model import Subject


class JailState(StrEnum):
    """How a jail is."""

    RUNNING = "running"
    WAITING = "waiting"
    FAILED = "failed"


class ActionKind(StrEnum):
    """What an action does."""

    ENFORCER = "enforcer"
    NOTIFIER = "notifier"


class ActionState(StrEnum):
    """How an action is."""

    OK = "ok"
    STARTING = "starting"
    RETRYING = "retrying"


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to ``ping``."""

    version: str
    pid: int
    started: float
    now: float


@dataclass(frozen=True, slots=True)
class LogClock:
    """How far the log's times are ahead of the host's, where that is more than a minute.

    ``hint`` is a sentence for the admin: the likely zone and what to write where.
    """

    offset: float | None = None
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ActionStatus:
    """How an action of a jail is; ``since`` is when it came into this state.

    ``in_force`` is the number of bans found there when last read, ``pending`` the number of
    orders not carried out yet.  Since it was made: ``failures`` of it, ``drift``, the bans found
    to be missing or too many and repaired, ``dropped``, the changes too many to wait.
    """

    name: str
    kind: ActionKind
    state: ActionState
    error: str = ""
    since: float | None = None
    retries: int = 0
    in_force: int | None = None
    pending: int = 0
    failures: int = 0
    drift: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class JailSettings:
    """What a jail judges by; ``bantime`` None means for ever.

    ``growth`` says how bans of who was banned before last longer, "" if they don't.
    """

    maxretry: int
    findtime: float
    bantime: float | None
    growth: str = ""


@dataclass(frozen=True, slots=True)
class JailStatus:
    """How a jail is; ``reason`` says why it is not running, with file:line where it has one.

    ``failures`` are those that count at this moment, ``unparsed`` the matches whose address could
    not be read, ``unmatched`` the lines that look like an attack and matched no rule,
    ``tracked_dropped`` the subjects forgotten because there were too many, ``held`` the bans that a
    brake holds back, and ``brake`` the sentence that says why.  ``settings`` is None where the
    jail's file can't be followed.  ``protected`` are accounts that are attacked from many places,
    ``capped`` counts what would have been banned beyond the caps of an hour, ``extensions`` are
    those of Asterisk that its numbering plan has, None where it does not go by them.  ``engine``
    is how lines are matched: ``full``, ``pcre2``, or ``reference`` with the reason; "" where none
    are.  ``blindness`` says that its logs tell of nobody who got in, "" where they do.
    """

    name: str
    state: JailState
    reason: str = ""
    filter: str = ""
    files: tuple[str, ...] = ()
    lines: int = 0
    failures: int = 0
    failures_total: int = 0
    tracked: int = 0
    tracked_dropped: int = 0
    banned: int = 0
    banned_total: int = 0
    exempted_total: int = 0
    timeouts: int = 0
    unparsed: int = 0
    unmatched: int = 0
    held: int = 0
    brake: str = ""
    protected: int = 0
    capped: int = 0
    extensions: int | None = None
    clock: LogClock = LogClock()
    actions: tuple[ActionStatus, ...] = ()
    settings: JailSettings | None = None
    engine: str = ""
    blindness: str = ""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """How the reading of one file is.

    ``lag`` is the number of bytes not read yet, ``progress`` the part of a catch-up that is done
    (0 to 1; None when not catching up), ``watching`` how changes are noticed (inotify, polling).
    """

    path: str
    state: str
    reason: str = ""
    size: int = 0
    offset: int = 0
    lag: int = 0
    lines: int = 0
    rotations: int = 0
    truncations: int = 0
    long_lines: int = 0
    watching: str = ""
    progress: float | None = None


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """How the ledger is: bans in force, past ones kept, whether changes wait to go to disk."""

    path: str
    active: int
    history: int
    dirty: bool


class AlarmSeverity(StrEnum):
    """How bad an alarm is."""

    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class AlarmView:
    """An alarm that is raised; ``about`` is what it is about, ``advice`` what to do."""

    kind: str
    about: str
    severity: AlarmSeverity
    message: str
    since: float
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """The answer to ``health``; ``more`` counts what is wrong beyond the alarms listed.

    ``waiting`` are those of the jails that have no log file yet.
    """

    now: float
    version: str
    started: float
    alarms: tuple[AlarmView, ...]
    more: int = 0
    jails: int = 0
    bans: int = 0
    waiting: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoticeView:
    """What somebody was told of, and nobody was banned for."""

    jail: str
    subject: Subject
    time: float
    text: str
    failures: int = 0


@dataclass(frozen=True, slots=True)
class StalePhone:
    """A telephone with an old or wrong password: its user, where it is, what it did since.

    ``noticed`` is when it was told of, ``last`` when it got in last, None for never.
    """

    user: str
    place: str
    failed: int
    noticed: float
    last: float | None = None


@dataclass(frozen=True, slots=True)
class Customers:
    """What is known of customers: places where users have got in, and those trusted now.

    ``stale`` lists telephones with a wrong password, not all of ``stale_total`` if they are many.
    """

    places: int = 0
    trusted: int = 0
    stale_total: int = 0
    stale: tuple[StalePhone, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """The answer to ``status``; ``engine`` is how lines are matched: full, pcre2 or reference.

    ``notices`` are the last ones since the start, the newest first.
    """

    version: str
    pid: int
    started: float
    now: float
    jails: tuple[JailStatus, ...]
    sources: tuple[SourceStatus, ...]
    warnings: tuple[str, ...]
    ledger: LedgerStatus
    alarms: tuple[AlarmView, ...] = ()
    engine: str = ""
    customers: Customers = Customers()
    notices: tuple[NoticeView, ...] = ()


@dataclass(frozen=True, slots=True)
class UnmatchedSample:
    """A line that looks like an attack and matched no rule, and how many there were like it."""

    line: str
    source: str
    count: int
    time: float


@dataclass(frozen=True, slots=True)
class UnmatchedOfJail:
    """How many lines of this kind a jail has seen, and a sample of each shape."""

    jail: str
    filter: str
    count: int
    samples: tuple[UnmatchedSample, ...]


@dataclass(frozen=True, slots=True)
class UnmatchedLines:
    """The answer to ``unmatched``."""

    now: float
    jails: tuple[UnmatchedOfJail, ...]
