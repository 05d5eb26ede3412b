# SPDX-License-Identifier: MIT
"""All that is known of one subject."""

from __future__ import annotations

from dataclasses import dataclass

from logban.control.payloads.bans import BanView
from logban.model import BanOrigin, Evidence, Subject


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
