# SPDX-License-Identifier: MIT
"""The nouns that one stage hands to the next.

Everything here is frozen.  Times are seconds since the epoch, as floats, fractions kept.
Addresses and networks are strings in their canonical form (see ``addresses``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from logban import nouns
from logban.addresses import CanonicalAddress, canonical_address, canonical_network, ipv6_network

_CAPTURE: Final = 200

NO_FIELDS: Final[Mapping[str, str]] = MappingProxyType({})
"""What was captured where nothing was, for all to share."""

RECIDIVE: Final = "recidive"
"""The filter of jails that judge by the other jails' bans, and the rule of the bans they lay."""


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """Where in the configuration a value was written; ``line`` is 0 where there are no lines."""

    path: str
    line: int

    def __str__(self) -> str:
        """Write it the way editors and compilers do."""
        return f"{self.path}:{self.line}" if self.line else self.path


class SubjectKind(StrEnum):
    """What a ban can be laid on."""

    IP = "ip"
    NET = "net"
    USER = "user"
    USER_IP = "user-ip"

    __hash__ = str.__hash__  # Enum's own is in Python, and called a million times a second


class Subject(NamedTuple):
    """Who is counted and banned: an address, a network, a user, a user at an address.

    ``network`` is a canonical address for IP and USER_IP, a canonical network for NET, "" for USER.
    It is looked up ten times for each ban, and a tuple is hashed and compared without Python.
    """

    kind: SubjectKind
    network: str = ""
    user: str = ""

    @classmethod
    def of_address(cls, address: CanonicalAddress, ipv6_prefix: int = 64) -> Subject:
        """Give the subject that this address is counted under: itself, or its IPv6 network."""
        if ":" not in address or ipv6_prefix == 128:
            return cls(SubjectKind.IP, address)
        return cls(SubjectKind.NET, ipv6_network(address, ipv6_prefix))

    @classmethod
    def parse(cls, text: str, ipv6_prefix: int = 64) -> Subject:
        """Read what a person types: an address or a network; ValueError if it is neither."""
        if "/" not in text:
            return cls.of_address(canonical_address(text), ipv6_prefix)
        network = canonical_network(text)
        return cls(SubjectKind.NET if "/" in network else SubjectKind.IP, network)

    @classmethod
    def from_json(cls, value: Mapping[str, str]) -> Subject:
        """Read what :meth:`to_json` wrote; ValueError on anything else."""
        if not all(isinstance(part, str) for part in value.values()):
            raise ValueError(f"a subject is made of strings, unlike {dict(value)!r}")
        try:
            kind = SubjectKind(value["kind"])
            match kind:
                case SubjectKind.IP:
                    return cls(kind, canonical_address(value["ip"]))
                case SubjectKind.NET:
                    return cls(kind, canonical_network(value["net"]))
                case SubjectKind.USER:
                    return cls(kind, "", value["user"])
                case SubjectKind.USER_IP:
                    return cls(kind, canonical_address(value["ip"]), value["user"])
        except KeyError as error:
            raise ValueError(f"a subject lacks {error}: {dict(value)!r}") from error

    def to_json(self) -> dict[str, str]:
        """Give the form that scripts see, e.g. ``{"kind": "ip", "ip": "198.51.100.7"}``."""
        match self.kind:
            case SubjectKind.IP:
                return {"kind": "ip", "ip": self.network}
            case SubjectKind.NET:
                return {"kind": "net", "net": self.network}
            case SubjectKind.USER:
                return {"kind": "user", "user": self.user}
            case SubjectKind.USER_IP:
                return {"kind": "user-ip", "user": self.user, "ip": self.network}

    def __str__(self) -> str:
        """Write it for a person: ``198.51.100.7``, ``2001:db8:66::/64``, ``6003@198.51.100.7``."""
        match self.kind:
            case SubjectKind.IP | SubjectKind.NET:
                return self.network
            case SubjectKind.USER:
                return self.user
            case SubjectKind.USER_IP:
                return f"{self.user}@{self.network}"


@dataclass(frozen=True, slots=True)
class Position:
    """Where reading a file is to be resumed: just behind the last line that was handed on.

    ``head`` is the SHA-256 of the file's first ``head_length`` bytes; with device and inode it
    tells this file from another one of the same name.
    """

    path: str
    device: int
    inode: int
    offset: int
    head: bytes
    head_length: int


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of one source, in order, each ended by LF.

    ``offset`` is where the first of them begins in the file.  ``live`` says that they were
    written while the source was being watched, as opposed to found there (catch-up).  ``counted``
    is how many there are, where that is known.
    """

    source: str
    data: bytes
    offset: int
    live: bool
    position: Position
    counted: int | None = None

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return count_lines(self.data) if self.counted is None else self.counted


def count_lines(data: bytes) -> int:
    """Count the LFs in some bytes.

    ``bytes.count`` looks at one byte after the other, and takes five times as long.
    """
    return len(data) - len(data.replace(b"\n", b""))


@nouns.dataclass(frozen=True, slots=True)
class Failure:
    """One line that says that somebody failed.

    No tuple, though one is made for every such line: its fields are asked for a dozen times, and
    a tuple takes three times as long to give one by its name.

    ``time`` is what the line says; None if it says nothing.  ``offset`` is where the line begins
    in its source.  ``fields`` are the rule's captures by name (``user``, ...), hostile text all.
    ``kind`` is the filter's word for what failed, "" if it has none.  ``proven`` says that nobody
    but the address's owner can have caused the line: he answered a challenge, or a connection was
    set up.  One UDP packet can bear anybody's address.
    """

    address: CanonicalAddress
    time: float | None
    rule: str
    fields: Mapping[str, str]
    line: str
    source: str
    offset: int
    kind: str = ""
    proven: bool = False

    def captures(self) -> dict[str, str]:
        """Give the captures as they are kept with a ban: many must not fill the memory."""
        return {name: value[:_CAPTURE] for name, value in self.fields.items()}


@nouns.dataclass(frozen=True, slots=True)
class Success:
    """One line that says that somebody got in: registered, or was let in with his password.

    Everything is as in :class:`Failure`, which it is never equal to; a success is always its
    address's own doing.
    """

    address: CanonicalAddress
    time: float | None
    rule: str
    fields: Mapping[str, str]
    line: str
    source: str
    offset: int


Outcome = Failure | Success
"""What a line says of somebody."""


@nouns.dataclass(frozen=True, slots=True)
class Evidence:
    """One counted failure as it is kept with the ban: when, by which rule, the line, its source.

    ``weight`` is what it counted; a plain wrong password is 1.
    """

    time: float
    rule: str
    line: str
    source: str
    weight: float = 1.0

    def to_json(self) -> dict[str, object]:
        """Give the form that scripts see."""
        return {
            "time": self.time,
            "rule": self.rule,
            "weight": self.weight,
            "line": self.line,
            "source": self.source,
        }


@nouns.dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement: ban this subject from ``time`` until ``until`` (None: for ever).

    ``until`` is the end by bantime alone; for a repeat offender the ledger sets a later one.
    ``fields`` are the captures of the failure that was one too many.
    """

    jail: str
    subject: Subject
    time: float
    until: float | None
    failures: int
    rule: str
    evidence: tuple[Evidence, ...] = ()
    fields: Mapping[str, str] = field(default_factory=lambda: NO_FIELDS, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that an admin should be told once, though nobody is banned for it.

    ``text`` is a sentence.  ``until`` is set where the account is protected until then.
    """

    jail: str
    subject: Subject
    time: float
    text: str
    failures: int
    rule: str
    evidence: tuple[Evidence, ...] = ()
    until: float | None = None


class BanOrigin(StrEnum):
    """Who decided a ban."""

    JAIL = "jail"
    HAND = "hand"


@nouns.dataclass(frozen=True, slots=True)
class Ban:
    """One entry of the ledger: who is banned, by whom, why, since when and until when.

    ``until`` is None for ever; ``time`` is that of the failure that was one too many.  ``offence``
    is the number of this ban among those that count against the subject, from 1; 0 if this one
    does not count: it was laid by hand, or was a mistake.  ``fields`` are the captures of the last
    failure, and are not kept over a restart.
    """

    jail: str
    subject: Subject
    time: float
    until: float | None
    failures: int = 0
    rule: str = ""
    evidence: tuple[Evidence, ...] = field(default=(), repr=False)
    origin: BanOrigin = BanOrigin.JAIL
    reason: str = ""
    offence: int = 0
    fields: Mapping[str, str] = field(default_factory=lambda: NO_FIELDS, repr=False, compare=False)

    def without_evidence(self) -> Ban:
        """Give the same without its lines, as it is kept by the ten thousand."""
        return Ban(
            self.jail, self.subject, self.time, self.until, self.failures, self.rule, (),
            self.origin, self.reason, self.offence, self.fields,
        )  # fmt: skip

    def remaining(self, now: float) -> float | None:
        """Give the seconds that it has left, never below 0; None for ever."""
        return None if self.until is None else max(0.0, self.until - now)


class ChangeKind(StrEnum):
    """What can happen to a ban."""

    BAN = "ban"
    EXTEND = "extend"
    LIFT = "lift"
    EXPIRE = "expire"
    NOTICE = "notice"

    __hash__ = str.__hash__  # as that of SubjectKind


@nouns.dataclass(frozen=True, slots=True)
class Change:
    """Something that happened to a ban, at ``time``; what actions are told of.

    Of a notice the ban is none: it is kept nowhere, and its ``reason`` is what there is to tell.
    """

    kind: ChangeKind
    ban: Ban
    time: float

    @classmethod
    def of_notice(cls, notice: Notice) -> Change:
        """Give the form in which notifiers are told of a notice."""
        ban = Ban(
            notice.jail,
            notice.subject,
            notice.time,
            notice.time if notice.until is None else notice.until,
            notice.failures,
            notice.rule,
            notice.evidence,
            reason=notice.text,
        )
        return cls(ChangeKind.NOTICE, ban, notice.time)
