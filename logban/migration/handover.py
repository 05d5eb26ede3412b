# SPDX-License-Identifier: MIT
"""Bans on their way to logban: through the daemon where one runs, else into its database."""

from __future__ import annotations

import os
import pwd
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from logban.config.settings import JailSettings
from logban.control.payloads import Adopted, ForeignBan, RefusedBan
from logban.errors import NotPermitted, UsageError
from logban.judging.exemptions.book import ExemptionBook
from logban.judging.exemptions.exemption import Exemption
from logban.ledger.ledger import Ledger
from logban.ledger.store import Store
from logban.migration.bans import FoundBan
from logban.migration.report import Note
from logban.model import Subject, SubjectKind
from logban.service.adopting import adopt

REASON: Final = "taken over from fail2ban"
DATABASE: Final = "logban.sqlite3"
_USER: Final = "logban"
_PORTION: Final = 400_000
"""Characters of log lines in one request; it may have a megabyte."""
_MANY: Final = 500
"""Bans in one request."""


class Receiver(Protocol):
    """Whoever takes bans in."""

    def adopt(self, bans: Sequence[ForeignBan]) -> Adopted:
        """Take bans in; some may be refused."""
        ...


def hand_over(found: Iterable[FoundBan], receiver: Receiver) -> tuple[int, int, tuple[Note, ...]]:
    """Hand bans over; give how many were taken, how many known, and what was refused."""
    taken = known = 0
    refused: Counter[tuple[str, str]] = Counter()
    sendable = []
    for ban in found:
        subject = _subject(ban.who)
        if subject is None:
            refused[ban.who[:100], "it is no address, and logban bans addresses"] += 1
            continue
        sendable.append(
            ForeignBan(ban.jail, subject, ban.time, ban.until, ban.failures, REASON, ban.evidence)
        )
    for portion in _portions(sendable):
        answer = receiver.adopt(portion)
        taken += answer.taken
        known += answer.known
        for each in answer.refused:
            refused[str(each.subject), each.reason] += 1
    return taken, known, tuple(Note(who, why) for who, why in refused)


class LedgerReceiver:
    """The database of a daemon that does not run; a context."""

    def __init__(self, state: Path, jails: Mapping[str, JailSettings], now: float) -> None:
        """Open the ledger in a state directory; LedgerError if another process has it."""
        self._jails = jails
        self._now = now
        _make(state)
        self._owner = state.stat()
        self._book = ExemptionBook()
        for jail in jails.values():
            self._book.set_jail(jail.name, jail.ignore, "ignoreip", own=jail.ignore_self)
        self._store = Store(state / DATABASE)
        self._ledger = Ledger(self._book.exempt)
        stored = self._store.load()
        self._book.set_everywhere(Exemption(each.entry, "hand") for each in stored.allowed)
        self._ledger.restore(stored, now)

    def adopt(self, bans: Sequence[ForeignBan]) -> Adopted:
        """Enter bans, and commit them."""
        taken = known = 0
        refused = []
        for ban in bans:
            jail = self._jails.get(ban.jail)
            if jail is None:
                refused.append(RefusedBan(ban.subject, f"there is no jail {ban.jail!r}"))
                continue
            try:
                change = adopt(self._ledger, ban, jail.ipv6_prefix, self._now)
            except UsageError as error:
                refused.append(RefusedBan(ban.subject, str(error)))
            else:
                taken += change is not None
                known += change is None
        self._store.commit(self._ledger.checkpoint())
        return Adopted(taken, known, tuple(refused))

    def close(self) -> None:
        """Close the database, and leave its files to the daemon's user."""
        path = self._store.path
        self._store.close()
        if os.geteuid() == 0:
            for each in path.parent.glob(f"{path.name}*"):
                os.chown(each, self._owner.st_uid, self._owner.st_gid)


def _make(state: Path) -> None:
    """Make the state directory as the service would, if there is none."""
    if state.is_dir():
        return
    try:
        state.mkdir(parents=True, mode=0o750)
        if os.geteuid() == 0:
            user = pwd.getpwnam(_USER)
            os.chown(state, user.pw_uid, user.pw_gid)
    except KeyError:
        pass  # no user of its own: the daemon runs as root, or is not installed yet
    except OSError as error:
        raise NotPermitted(f"{state} cannot be made: {error.strerror}; run it as root") from error


def _subject(who: str) -> Subject | None:
    try:
        subject = Subject.parse(who, 128)
    except ValueError:
        return None
    return subject if subject.kind in (SubjectKind.IP, SubjectKind.NET) else None


def _portions(bans: Sequence[ForeignBan]) -> Iterator[list[ForeignBan]]:
    portion: list[ForeignBan] = []
    size = 0
    for ban in bans:
        weight = sum(len(each.line) for each in ban.evidence)
        if portion and (len(portion) == _MANY or size + weight > _PORTION):
            yield portion
            portion, size = [], 0
        portion.append(ban)
        size += weight
    if portion:
        yield portion
