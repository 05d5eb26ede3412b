# SPDX-License-Identifier: MIT
"""What the daemon answers, command by command; docs/scripting.md shows the same as JSON.

Times are seconds since the epoch, spans seconds; ``None`` as an end means for ever, as a
state of force that nobody can tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from logban.model import Ban, BanOrigin, Evidence, Subject


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
    jail's file can't be followed.
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
    clock: LogClock = LogClock()
    actions: tuple[ActionStatus, ...] = ()
    settings: JailSettings | None = None


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
    """The answer to ``health``; ``more`` counts what is wrong beyond the alarms listed."""

    now: float
    version: str
    started: float
    alarms: tuple[AlarmView, ...]
    more: int = 0
    jails: int = 0
    bans: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """The answer to ``status``; ``engine`` is how lines are matched: full, pcre2 or reference."""

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


@dataclass(frozen=True, slots=True)
class BanView:
    """A ban as people and scripts see it.

    ``actions`` are the names of the enforcers that hold it, ``in_force`` whether all of them do.
    ``offence`` is its number among the bans that count against the subject, 0 if it does not.
    """

    jail: str
    subject: Subject
    time: float
    until: float | None
    remaining: float | None
    failures: int = 0
    rule: str = ""
    origin: BanOrigin = BanOrigin.JAIL
    reason: str = ""
    in_force: bool | None = None
    actions: tuple[str, ...] = ()
    offence: int = 0

    @classmethod
    def of(cls, ban: Ban, now: float, in_force: bool | None, actions: tuple[str, ...]) -> BanView:
        """Give the view of a ban of the ledger."""
        return cls(
            ban.jail,
            ban.subject,
            ban.time,
            ban.until,
            ban.remaining(now),
            ban.failures,
            ban.rule,
            ban.origin,
            ban.reason,
            in_force,
            actions,
            ban.offence,
        )


@dataclass(frozen=True, slots=True)
class JailDetail:
    """The answer to ``status JAIL``."""

    now: float
    jail: JailStatus
    bans: tuple[BanView, ...]


@dataclass(frozen=True, slots=True)
class Banned:
    """The answer to ``banned``: the bans that hold the subjects asked for, or all of them.

    ``not_banned`` are the subjects asked for that no ban holds.
    """

    now: float
    bans: tuple[BanView, ...]
    not_banned: tuple[Subject, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusedBan:
    """A subject that was not banned, and why: it is exempt, say."""

    subject: Subject
    reason: str


@dataclass(frozen=True, slots=True)
class Placed:
    """The answer to ``ban``."""

    now: float
    bans: tuple[BanView, ...]
    refused: tuple[RefusedBan, ...] = ()


@dataclass(frozen=True, slots=True)
class ForeignBan:
    """A ban that another program has laid, to be taken over with its own times."""

    jail: str
    subject: Subject
    time: float
    until: float | None
    failures: int = 0
    reason: str = ""
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Adopted:
    """The answer to ``adopt``; ``known`` is the number of bans that were in force already."""

    taken: int
    known: int
    refused: tuple[RefusedBan, ...] = ()


@dataclass(frozen=True, slots=True)
class Lifted:
    """The answer to ``unban``; ``not_banned`` are the subjects asked for that no ban held."""

    lifted: tuple[BanView, ...]
    not_banned: tuple[Subject, ...] = ()


@dataclass(frozen=True, slots=True)
class AllowEntry:
    """One entry of the allow list: an address, a network or a name.

    ``origin`` is file:line for an entry of the configuration and ``hand`` for one of ``allow
    add``; ``jail`` is "" for an entry that holds everywhere; ``addresses`` are those that a name
    has now.
    """

    entry: str
    origin: str
    until: float | None = None
    note: str = ""
    jail: str = ""
    addresses: tuple[str, ...] = ()
    added: float | None = None


@dataclass(frozen=True, slots=True)
class AllowAdded:
    """The answer to ``allow add``: the entry, and the bans that it lifted."""

    now: float
    entry: AllowEntry
    lifted: tuple[BanView, ...] = ()


@dataclass(frozen=True, slots=True)
class AllowRemoved:
    """The answer to ``allow del``."""

    entry: AllowEntry


@dataclass(frozen=True, slots=True)
class AllowList:
    """The answer to ``allow list``."""

    now: float
    entries: tuple[AllowEntry, ...]


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The answer to ``reload``: a sentence for each thing that changed."""

    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VerifiedAction:
    """What an action has in force, beside what the ledger says; ``error`` if that can't be told.

    ``missing`` are in the ledger and not in force, ``changed`` are with another end, ``surplus``
    are in force and not in the ledger.  ``drift`` counts what was repaired since the start.
    """

    jail: str
    name: str
    checked: int = 0
    missing: tuple[Subject, ...] = ()
    changed: tuple[Subject, ...] = ()
    surplus: tuple[Subject, ...] = ()
    drift: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Verified:
    """The answer to ``verify``, and to ``repair``: what still differs then."""

    now: float
    actions: tuple[VerifiedAction, ...]


@dataclass(frozen=True, slots=True)
class ListEntry:
    """An entry on a list of secfilter's: which list, its kind, the beginning of what it hits."""

    color: str
    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class ListEntries:
    """The answer to ``kamailio-print``."""

    entries: tuple[ListEntry, ...]


@dataclass(frozen=True, slots=True)
class EntryAdded:
    """The answer to ``kamailio-add``: the entry as a line of a list."""

    added: str


@dataclass(frozen=True, slots=True)
class EntryDeleted:
    """The answer to ``kamailio-del``; None if there was no such entry."""

    deleted: str | None


@dataclass(frozen=True, slots=True)
class Said:
    """The answer to an order at Kamailio that needs no other than a sentence."""

    said: str


@dataclass(frozen=True, slots=True)
class ProxyStats:
    """The answer to ``kamailio-stats``, as Kamailio writes it for people."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HotSource:
    """An address, where Kamailio has it (pike, ipban), and what it says of it there."""

    ip: str
    where: str
    state: str


@dataclass(frozen=True, slots=True)
class HotSources:
    """The answer to ``kamailio-top``."""

    sources: tuple[HotSource, ...]


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


@dataclass(frozen=True, slots=True)
class ExplainedBan:
    """A ban, the lines behind it, and why it lasts as long as it does."""

    ban: BanView
    evidence: tuple[Evidence, ...] = ()
    length: str = ""


@dataclass(frozen=True, slots=True)
class Counting:
    """The failures of a subject that a jail counts at this moment.

    ``weights`` are those of ``failures``, of which only the last ones are kept; ``total`` is what
    all of them weigh together.
    """

    jail: str
    maxretry: int
    findtime: float
    failures: tuple[Evidence, ...]
    weights: tuple[float, ...] = ()
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Exemption:
    """The entry of an allow list that holds a subject, and where it was written."""

    entry: str
    origin: str


@dataclass(frozen=True, slots=True)
class PastBan:
    """A ban that is over, when it ended and by what: its time ran out, somebody lifted it."""

    jail: str
    subject: Subject
    time: float
    until: float | None
    ended: float | None = None
    failures: int = 0
    rule: str = ""
    origin: BanOrigin = BanOrigin.JAIL
    reason: str = ""
    ended_by: str = ""
    offence: int = 0


@dataclass(frozen=True, slots=True)
class Consulted:
    """What one source of exemptions said: ``exempt`` is None where it knows no reason.

    ``jail`` is "" where the source holds for all; ``error`` says why it gave no answer.
    """

    source: str
    jail: str = ""
    exempt: Exemption | None = None
    until: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Why:
    """The answer to ``why``; lines older than ``floor`` never count for this subject again.

    ``consulted`` are the sources of exemptions, in the order in which they are asked.
    ``explanation`` are sentences that the daemon adds: what no other part says.
    """

    now: float
    subject: Subject
    banned: tuple[ExplainedBan, ...] = ()
    failures: tuple[Counting, ...] = ()
    exempt: Exemption | None = None
    history: tuple[PastBan, ...] = ()
    floor: float | None = None
    explanation: tuple[str, ...] = ()
    consulted: tuple[Consulted, ...] = ()
