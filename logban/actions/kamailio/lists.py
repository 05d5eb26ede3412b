# SPDX-License-Identifier: MIT
"""Lists of secfilter's as files: lines ``black ua friendly-scanner`` in ``lists.d/*.list``."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from logban.actions.kamailio.rpc import Call, Method
from logban.addresses import canonical_address
from logban.model import Subject, SubjectKind
from logban.text import visible

_LONGEST: Final = 255
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_MAX_BYTES: Final = 4 << 20


class Color(StrEnum):
    """Which list an entry is on; the white one is looked at first, and wins."""

    BLACK = "black"
    WHITE = "white"


class Kind(StrEnum):
    """What secfilter compares, in its own words; ``dst`` are called numbers."""

    IP = "ip"
    UA = "ua"
    USER = "user"
    DOMAIN = "domain"
    COUNTRY = "country"
    DST = "dst"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a list; ``value`` is the beginning of what it hits."""

    color: Color
    kind: Kind
    value: str

    @classmethod
    def parse(cls, kind: Kind, text: str, color: Color = Color.BLACK) -> Entry:
        """Check what an admin wrote; ValueError, with a sentence, for what would do harm.

        An address is taken whole, or up to a dot or colon: ``203.0.113.`` is all of its /24.
        """
        value = text.strip()
        if not value:
            raise ValueError("an empty entry would hit everybody")
        if len(value) > _LONGEST or not value.isprintable():
            raise ValueError(f"{visible(text, 60)!r} is too long or holds invisible characters")
        if kind is Kind.DST and color is Color.WHITE:
            raise ValueError("secfilter has no white list of destinations")
        check = {Kind.IP: _address, Kind.DST: _number, Kind.COUNTRY: _country}.get(kind)
        return cls(color, kind, check(value) if check else value)

    @classmethod
    def of_ban(cls, kind: Kind, subject: Subject) -> Entry:
        """Give the entry that bans a subject."""
        return cls(Color.BLACK, kind, subject.user if kind is Kind.USER else subject.network)

    def subject(self) -> Subject:
        """Give the subject that :meth:`of_ban` made this of."""
        if self.kind is Kind.USER:
            return Subject(SubjectKind.USER, user=self.value)
        return Subject(SubjectKind.IP, self.value)

    def added(self) -> Call:
        """Give the call that adds it."""
        if self.kind is Kind.DST:
            return Call(Method.SECFILTER_ADD_DST, (int(self.value),))
        black = self.color is Color.BLACK
        method = Method.SECFILTER_ADD_BL if black else Method.SECFILTER_ADD_WL
        return Call(method, (self.kind.value, self.value))

    def deleted(self) -> Call:
        """Give the call that deletes it and all that begins like it, from Kamailio 6.1 on."""
        if self.kind is Kind.DST:
            return Call(Method.SECFILTER_DEL_DST, (int(self.value),))
        black = self.color is Color.BLACK
        method = Method.SECFILTER_DEL_BL if black else Method.SECFILTER_DEL_WL
        return Call(method, (self.kind.value, self.value))

    def __str__(self) -> str:
        """Write it as a line of a list."""
        return f"{self.color} {self.kind} {self.value}"


def _address(value: str) -> str:
    if "/" in value:
        raise ValueError(
            f"{value} would hit nobody: secfilter compares text and knows no networks. Write the "
            "beginning up to a dot, 203.0.113. for a /24; or ban the network with kamailio-address"
        )
    if value.endswith("."):
        octets = value[:-1].split(".")
        if len(octets) < 4 and all(_is_octet(each) for each in octets):
            return value
        raise ValueError(f"{visible(value)!r} is no beginning of an address")
    if value.endswith(":") and not value.endswith("::"):
        groups = value[:-1].lower().split(":")
        if len(groups) < 8 and all(re.fullmatch(r"0|[1-9a-f][0-9a-f]{0,3}", g) for g in groups):
            return value.lower()
        raise ValueError(f"{visible(value)!r} is no beginning of an address")
    try:
        return canonical_address(value)
    except ValueError:
        raise ValueError(f"{visible(value)!r} is no address and no beginning of one") from None


def _is_octet(text: str) -> bool:
    try:
        ipaddress.IPv4Address(f"{text}.0.0.0")
    except ValueError:
        return False
    return True


def _number(value: str) -> str:
    if not _NUMBER.fullmatch(value):
        raise ValueError(
            f"{visible(value)!r} can't be added as a destination: secfilter.add_dst takes a number "
            "of 1 to 9 digits that begins with none of + and 0, and writes down another one "
            "where it is given anything else. Put it into secfilter's database table "
            "(action 2, type 0, data the number), and reload"
        )
    return value


def _country(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2}", value, re.ASCII):
        raise ValueError(f"{visible(value)!r} is no country code of two letters")
    return value.upper()


@dataclass(frozen=True, slots=True)
class Lists:
    """All that the files say, each entry once."""

    directory: Path
    entries: tuple[Entry, ...]


def read_lists(text: str) -> Lists:
    """Read every ``*.list`` of a directory; ValueError, with file:line, for the first mistake."""
    directory = Path(text.strip())
    if not directory.is_absolute():
        raise ValueError(f"{text!r} is no absolute path")
    try:
        files = sorted(directory.glob("*.list"))
        read = [(file, file.read_bytes()[: _MAX_BYTES + 1]) for file in files]
    except OSError as error:
        raise ValueError(f"{error.filename} cannot be read: {error.strerror}") from error
    entries: dict[Entry, None] = {}
    for file, data in read:
        if len(data) > _MAX_BYTES:
            raise ValueError(f"{file} is larger than {_MAX_BYTES} bytes")
        entries.update(dict.fromkeys(parse_list(data.decode("utf-8", "replace"), str(file))))
    return Lists(directory, tuple(entries))


def parse_list(text: str, shown: str) -> Iterable[Entry]:
    """Read a list's lines; ``#`` begins a comment that takes a whole line."""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        try:
            yield _entry_of(stripped)
        except ValueError as error:
            raise ValueError(f"{shown}:{number}: {error}") from None


def _entry_of(line: str) -> Entry:
    words = line.split(None, 2)
    if len(words) < 3:
        raise ValueError(f"{visible(line, 60)!r} lacks a word; write for instance: black ua sipcli")
    try:
        color, kind = Color(words[0].lower()), Kind(words[1].lower())
    except ValueError:
        raise ValueError(
            f"{visible(line, 60)!r} does not begin with black or white and one of {', '.join(Kind)}"
        ) from None
    return Entry.parse(kind, words[2], color)
