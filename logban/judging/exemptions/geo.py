# SPDX-License-Identifier: MIT
"""Countries and networks of addresses, from MaxMind databases: who is exempt, and who weighs more.

A code is a country's two letters (ISO 3166) or an autonomous system (``AS64500``).  Databases are
read into memory, not mapped: a file that is overwritten in place must not take the daemon down.
"""

from __future__ import annotations

import asyncio
import os
import stat
import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from math import inf, prod
from typing import TYPE_CHECKING, Final

from logban.errors import ConfigurationError
from logban.judging.exemptions.exemption import Exemption
from logban.judging.exemptions.lists import Listing
from logban.model import Subject
from logban.text import visible

if TYPE_CHECKING:
    from maxminddb import Reader

MAX_REMEMBERED: Final = 50_000
"""Addresses whose codes are remembered; then all are forgotten."""

# What the library, and what reads its records, may raise where a file is not what it should be.
_DAMAGED: Final = (
    ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError, struct.error
)  # fmt: skip

_State = tuple[int, int, int]


class Geo:
    """The databases, and what their codes mean here.

    As a kept list it holds nothing itself; that it is news says that the files are others now.
    """

    key = "geo"

    def __init__(
        self,
        paths: Iterable[str],
        *,
        allow: Iterable[str] = (),
        deny: Iterable[str] = (),
        weights: Mapping[str, float] | None = None,
    ) -> None:
        """``allow`` are the codes that are exempt; ConfigurationError without the library.

        A failure from a code of ``deny`` is enough for a ban; one from a code of ``weights``
        counts so many times.
        """
        try:
            import maxminddb  # noqa: F401, PLC0415  # an extra
        except ImportError as error:
            raise ConfigurationError(
                "geo_database is set and maxminddb is not installed; install logban[geo], or "
                "Debian's python3-maxminddb"
            ) from error
        self.problem = ""
        self._paths = tuple(paths)
        self._allow = frozenset(allow)
        self._deny = frozenset(deny)
        self._weights = dict(weights or {})
        self._readers: dict[str, Reader] = {}
        self._states: dict[str, _State] = {}
        self._codes: dict[str, frozenset[str]] = {}

    async def refresh(self) -> Listing | None:
        """Open the files that have changed, in a thread; give an empty listing if any has."""
        return await asyncio.to_thread(self.read)

    def read(self) -> Listing | None:
        """Open the files that have changed; what can't be read leaves what was read before."""
        problems, is_news = [], False
        for path in self._paths:
            try:
                state = _state_of(path)
                if state == self._states.get(path):
                    continue
                self._readers[path] = _opened(path)
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                problems.append(f"geo_database: {path} can't be read: {reason}")
                continue
            self._states[path] = state
            is_news = True
        self.problem = "; ".join(problems)
        if not is_news:
            return None
        self._codes = {}
        return Listing()

    def codes(self, address: str) -> frozenset[str]:
        """Give the codes of an address; of a network, those of its first address."""
        known = self._codes.get(address)
        if known is None:
            if len(self._codes) >= MAX_REMEMBERED:
                self._codes = {}
            known = self._codes[address] = self._looked_up(address.partition("/")[0])
        return known

    def check(self, subject: Subject) -> Exemption | None:
        """Give the reason not to ban a subject, if one of its codes is."""
        if not subject.network or not self._allow:
            return None
        found = self.codes(subject.network) & self._allow
        return Exemption(min(found), "geo_allow") if found else None

    def weight(self, address: str) -> float:
        """Give how many times a failure from an address counts; infinity where one is enough."""
        codes = self.codes(address)
        if codes & self._deny:
            return inf
        return prod(self._weights[code] for code in codes & self._weights.keys())

    def _looked_up(self, address: str) -> frozenset[str]:
        codes: set[str] = set()
        for reader in self._readers.values():
            # IPv6, of a database that holds IPv4 alone; a database that is damaged inside
            with suppress(*_DAMAGED):
                codes |= _codes_of(reader.get(address))
        return frozenset(codes)


def _state_of(path: str) -> _State:
    """Give what differs when a file has changed; OSError or ValueError if it is not to be read."""
    status = os.stat(path)  # noqa: PTH116  # a path of the configuration, as text
    if status.st_mode & stat.S_IWOTH:
        raise ValueError("everybody can write to it, and so exempt himself; do: chmod o-w")
    return (status.st_ino, status.st_size, status.st_mtime_ns)


def _opened(path: str) -> Reader:
    """Read a database; OSError or ValueError if it is none."""
    import maxminddb  # noqa: PLC0415  # an extra

    try:
        return maxminddb.open_database(path, maxminddb.MODE_MEMORY)
    except _DAMAGED as error:
        raise ValueError(visible(str(error), 200)) from error


def _codes_of(record: object) -> set[str]:
    """Give the codes that a record tells, in MaxMind's form, DB-IP's (the same) or IPinfo's."""
    if not isinstance(record, dict):
        return set()
    country = record.get("country")
    if isinstance(country, dict):
        country = country.get("iso_code")
    found = {country, record.get("country_code"), record.get("asn")}
    number = record.get("autonomous_system_number")
    if isinstance(number, int):
        found.add(f"AS{number}")
    return {each.upper() for each in found if isinstance(each, str)}
