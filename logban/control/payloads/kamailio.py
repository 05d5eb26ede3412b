# SPDX-License-Identifier: MIT
"""What a Kamailio has in its lists and tables."""

from __future__ import annotations

from dataclasses import dataclass


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
