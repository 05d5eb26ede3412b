# SPDX-License-Identifier: MIT
"""Who is banned, and what orders by hand have come to."""

from __future__ import annotations

from dataclasses import dataclass

from logban.control.payloads.status import JailStatus
from logban.model import Ban, BanOrigin, Evidence, Subject


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
