# SPDX-License-Identifier: MIT
"""Accounts that are attacked from many places at once.

Such an account is protected, rather than the places banned by the hundred for one try each.  Of
an account there are kept the second in which the first place failed, and the places, hashed to 32
bits, no more of them than are enough.  They start again ``findtime`` after the first.
"""

from __future__ import annotations

import zlib
from struct import Struct
from typing import Final, TypeVar

from logban.judging.surplus import shed

MAX_ACCOUNTS: Final = 20_000

V = TypeVar("V")

_HASH: Final = Struct("<I")
_SIZE: Final = _HASH.size
_pack = _HASH.pack
_first = _HASH.unpack_from


class Accounts:
    """Counts for each user the places that failed with his name, and were none of his."""

    def __init__(
        self, *, findtime: float, enough: int, protect_for: float, max_accounts: int = MAX_ACCOUNTS
    ) -> None:
        self.dropped = 0
        self._findtime = int(findtime)
        self._enough = enough
        self._protect_for = protect_for
        self._max_accounts = max_accounts
        self._records: dict[str, bytes] = {}
        # Who asks for each failure looks here.
        self.protected_until: dict[str, float] = {}
        self._dirty: set[str] = set()

    def __len__(self) -> int:
        return len(self._records)

    def is_protected(self, user: str, time: float) -> bool:
        """Tell whether an account is protected at a time."""
        known = self.protected_until.get(user)
        return known is not None and known > time

    def protected(self, time: float) -> int:
        """Count the accounts that are protected at a time."""
        return sum(until > time for until in self.protected_until.values())

    def places(self, user: str) -> int:
        """Give how many places are known to have failed with a user's name."""
        return max(0, len(self._records.get(user, b"")) // _SIZE - 1)

    def fail(self, user: str, place: str, time: float) -> bool:
        """Note a failure from a place that is none of the user's; tell if it begins protection.

        A failure while the account is protected lengthens that.
        """
        protected = self.protected_until.get(user)
        if protected is not None:
            if protected > time:
                self.protected_until[user] = max(protected, time + self._protect_for)
                self._dirty.add(user)
                return False
            del self.protected_until[user]
        who = _pack(zlib.crc32(place.encode()))
        record = self._records.pop(user, None)
        if record is None or time - _first(record)[0] >= self._findtime + 1:
            record = _pack(_seconds(time))
        if who not in record or _place_in(record, who) < 0:
            record += who
        self._dirty.add(user)
        if len(record) > self._enough * _SIZE:
            self.protected_until[user] = time + self._protect_for
            if len(self.protected_until) > self._max_accounts:
                self._shed(self.protected_until)
            return True
        self._records[user] = record
        if len(self._records) > self._max_accounts:
            self._shed(self._records)
        return False

    def forgive(self, user: str, place: str) -> None:
        """Take back that a place has failed with a user's name."""
        record = self._records.get(user)
        at = -1 if record is None else _place_in(record, _hash(place))
        if record is not None and at >= 0:
            self._records[user] = record[:at] + record[at + _SIZE :]
            self._dirty.add(user)

    def bring_back(self, now: float) -> None:
        """Go on though the clock was set back: what began since began now."""
        seconds = _seconds(now)
        for user, record in self._records.items():
            if _first(record)[0] > seconds:
                self._records[user] = _pack(seconds) + record[_SIZE:]
                self._dirty.add(user)
        for user, until in self.protected_until.items():
            if until > now + self._protect_for:
                self.protected_until[user] = now + self._protect_for
                self._dirty.add(user)

    def tidy(self, now: float) -> None:
        """Forget the accounts that nothing has been tried with for long."""
        oldest = int(now) - self._findtime
        old = [user for user, record in self._records.items() if _first(record)[0] < oldest]
        for user in old:
            del self._records[user]
        over = [user for user, until in self.protected_until.items() if until <= now]
        for user in over:
            del self.protected_until[user]
        self._dirty.update(old, over)

    def restore(self, user: str, text: str) -> None:
        """Take up what an earlier run wrote down of an account."""
        until, record = text.split(" ")
        if until != "-":
            self.protected_until[user] = float(until)
        if record:
            self._records[user] = bytes.fromhex(record)

    def take_over(self, earlier: Accounts) -> None:
        """Go on where another one stops."""
        self._records.update(earlier._records)
        self.protected_until.update(earlier.protected_until)
        self._dirty |= earlier._dirty
        self.dropped = earlier.dropped

    def take_dirty(self) -> dict[str, str | None]:
        """Give what has changed since the last call, written down; None for what is gone."""
        changed: dict[str, str | None] = {}
        for user in self._dirty:
            protected, record = self.protected_until.get(user), self._records.get(user)
            if protected is None and record is None:
                changed[user] = None
            else:
                until = "-" if protected is None else repr(protected)
                changed[user] = f"{until} {(record or b'').hex()}"
        self._dirty.clear()
        return changed

    def _shed(self, table: dict[str, V]) -> None:
        gone = shed(table, self._max_accounts)
        self._dirty.update(gone)
        self.dropped += len(gone)


def _seconds(time: float) -> int:
    return min(max(int(time), 0), 0xFFFFFFFF)


def _hash(place: str) -> bytes:
    return _pack(zlib.crc32(place.encode()))


def _place_in(record: bytes, who: bytes) -> int:
    """Give where a place is in a record, behind its first number; -1 if it is not."""
    at = record.find(who, _SIZE)
    while at >= 0 and at % _SIZE:
        at = record.find(who, at + 1)
    return at
