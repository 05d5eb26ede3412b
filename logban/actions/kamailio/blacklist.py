# SPDX-License-Identifier: MIT
"""What secfilter of one Kamailio holds, for all actions that have entries there.

Before Kamailio 6.1 an entry can be taken out only by ``secfilter.reload``, which drops all that
was not in the database: then everything else, also what others have added, is put back.  So one
object keeps the entries of all jails and lists, and reloads at most every ten seconds.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from logban.actions.kamailio.binrpc import Control
from logban.actions.kamailio.calls import methods, up_since
from logban.actions.kamailio.connection import Connection
from logban.actions.kamailio.lists import Color, Entry, Kind
from logban.actions.kamailio.pike import pardon
from logban.actions.kamailio.prefixes import is_hit
from logban.actions.kamailio.printing import print_lists
from logban.actions.kamailio.rpc import (
    ANSWER_WITHIN,
    Call,
    Method,
    Refused,
    Rpc,
    Unavailable,
    Unexpected,
)
from logban.actions.kamailio.transports import RpcAddress, open_rpc
from logban.clock import Clock
from logban.errors import ActionError
from logban.model import Subject

log = logging.getLogger(__name__)

RELOAD_EVERY: Final = 10.0
"""Seconds between two reloads: each leaves a gap of some 50 ms for a thousand entries."""

BY_HAND: Final = "an admin"
"""The owner of what was added by hand: it outlives reloads, and no restart of Kamailio."""

_ONGOING: Final = "ongoing reload"


@dataclass(frozen=True, slots=True)
class BlacklistSettings:
    """Where Kamailio is."""

    address: RpcAddress
    control: Path
    timeout: float = ANSWER_WITHIN
    reply: Path | None = None


class Blacklist:
    """All entries that logban wants in one Kamailio's secfilter, by who wants them."""

    def __init__(
        self,
        clock: Clock,
        connect: Callable[[], Rpc],
        control: Callable[[], Rpc],
    ) -> None:
        """``connect`` and ``control`` make the clients for JSON-RPC and for module ctl."""
        self._clock = clock
        self._kamailio = Connection(connect, "secfilter has not been looked for yet")
        self._control = control
        self._lock = threading.RLock()  # actions have a thread each
        self._wanted: dict[str, set[Entry]] = {}
        self._present: set[Entry] = set()
        self._surplus: set[Entry] = set()
        self._others: set[Entry] = set()
        self._is_emptied = False
        self._known: set[str] = set()
        self._read_kinds: set[Kind] = set()
        self._since = ""
        self._reloaded = -RELOAD_EVERY
        self._can_delete = False

    def reach_by(self, connect: Callable[[], Rpc], control: Callable[[], Rpc]) -> None:
        """Go other ways to Kamailio from the next time on that a socket is opened."""
        with self._lock:
            self._kamailio.connect, self._control = connect, control

    def prepare(self, owner: str) -> None:
        """See that secfilter is there, and whether its entries can be deleted one by one."""
        with self._lock:
            rpc = self._kamailio.open()
            known = methods(rpc)
            if Method.SECFILTER_ADD_BL not in known:
                raise ActionError(
                    "Kamailio has not loaded its module secfilter: write loadmodule "
                    '"secfilter.so" and its db_url into kamailio.cfg and restart it'
                )
            self._can_delete = Method.SECFILTER_DEL_BL in known
            self._look(rpc)
            self._known.add(owner)
            self._wanted.setdefault(owner, set())

    def put(self, owner: str, entries: Collection[Entry]) -> None:
        """Add entries that are not there yet."""
        with self._lock:
            self._wanted.setdefault(owner, set()).update(entries)
            self._surplus.difference_update(entries)
            self._find_earlier(entries)
            self._add(entry for entry in entries if entry not in self._present)

    def replace(self, owner: str, entries: Collection[Entry]) -> None:
        """Let an owner want these and no others, and add what is not there any more."""
        with self._lock:
            before = self._wanted.get(owner, set())
            self._wanted[owner] = before | set(entries)
            self._surplus.difference_update(entries)
            self.read(owner)
            self._add(entry for entry in entries if entry not in self._present)
            self.take(owner, before.difference(entries))

    def take(self, owner: str, entries: Collection[Entry]) -> None:
        """Take entries out that nobody else wants: at once, or with the next reload."""
        with self._lock:
            self._wanted.setdefault(owner, set()).difference_update(entries)
            wanted = self._all_wanted()
            gone = {each for each in entries if each in self._present and each not in wanted}
            if self._can_delete:
                self._delete(gone)
            else:
                self._surplus |= gone
                self._reload_if_due()

    def take_earlier(self, owner: str, entries: Collection[Entry]) -> None:
        """Take out what an earlier run has left there and nobody wants any more."""
        with self._lock:
            found = self._print({entry.kind for entry in entries})
            gone = set(entries if found is None else found.intersection(entries))
            gone -= self._all_wanted()
            self._present |= gone
            self.take(owner, gone)

    def keepers(self, entry: Entry) -> list[str]:
        """Name those who want an entry to be there, other than by hand."""
        with self._lock:
            return [
                owner
                for owner, entries in self._wanted.items()
                if entry in entries and owner != BY_HAND
            ]

    def whites(self, kind: Kind) -> list[str]:
        """Give the values of a kind that are wanted on the white list."""
        with self._lock:
            return [
                entry.value
                for entry in self._all_wanted() | self._others
                if entry.kind is kind and entry.color is Color.WHITE
            ]

    def reload_in(self) -> float:
        """Tell in how many seconds a reload may be; 0 also where none is needed to take out."""
        with self._lock:
            is_free = self._can_delete or not self._kamailio.is_open
            left = self._reloaded + RELOAD_EVERY - self._clock.now()
            return 0.0 if is_free else max(0.0, left)

    def drop(self, entry: Entry) -> bool:
        """Take an entry out, whoever has added it; tell whether it was there."""
        with self._lock:
            if entry not in print_lists(self._kamailio.rpc, self._control, {entry.kind}):
                return False
            self._wanted.get(BY_HAND, set()).discard(entry)
            if self._can_delete:
                self._delete([entry])
            else:
                self._surplus.add(entry)
                if not self._rebuild():
                    raise ActionError(
                        f"Kamailio refuses to reload secfilter's lists so soon after it last did; "
                        f"{entry} is taken out when it lets logban reload them"
                    )
            return True

    def reload(self) -> None:
        """Let secfilter read its database again and drop the rest; what is logban's comes back."""
        with self._lock:
            self._wanted.pop(BY_HAND, None)
            self._surplus.clear()
            if not self._rebuild(keep_others=False):
                raise ActionError(
                    "Kamailio refuses to reload secfilter's lists so soon after it last did; "
                    "try again in a few seconds"
                )

    def pardon(self, subjects: Iterable[Subject]) -> None:
        """Delete what the script has put against these into the stock table."""
        with self._lock:
            pardon(self._kamailio.rpc, subjects)

    def show(self, kinds: Collection[Kind]) -> set[Entry]:
        """Read lists; Unavailable where Kamailio tells them by no road."""
        with self._lock:
            return print_lists(self._kamailio.rpc, self._control, kinds)

    def read(self, owner: str) -> set[Entry] | None:
        """Tell which of an owner's entries are there; None where that can't be read."""
        with self._lock:
            wanted = self._wanted.get(owner, set())
            kinds = {entry.kind for entry in wanted} or {Kind.IP}
            found = self._print(kinds)
            if found is None:
                return None
            self._present -= {each for each in self._present if each.kind in kinds}
            self._present |= found & (self._all_wanted() | self._surplus)
            return found & wanted

    def check(self, owner: str) -> bool:
        """Do a reload that is due; tell whether an owner's entries can still be there."""
        with self._lock:
            self._look(self._kamailio.rpc)
            if owner not in self._known:
                self._known.add(owner)
                return False
            self._reload_if_due()
            return True

    def close(self, owner: str) -> None:
        """Forget an owner; the last one lets go of the sockets."""
        with self._lock:
            self._known.discard(owner)
            if not self._known:
                self._kamailio.close()

    def _all_wanted(self) -> set[Entry]:
        return {entry for entries in self._wanted.values() for entry in entries}

    def _look(self, rpc: Rpc) -> None:
        """Notice a restart: nothing is there any more, and every owner has to be told."""
        since = up_since(rpc)
        if since != self._since:
            self._since = since
            self._present.clear()
            self._surplus.clear()
            self._others.clear()
            self._is_emptied = False
            self._known.clear()
            self._read_kinds.clear()
            self._wanted.pop(BY_HAND, None)

    def _find_earlier(self, entries: Iterable[Entry]) -> None:
        """Note what is there from a run before, once for each kind: secfilter takes doubles."""
        kinds = {entry.kind for entry in entries} - self._read_kinds
        found = self._print(kinds) if kinds else None
        if found is not None:
            self._read_kinds |= kinds
            self._present |= found & self._all_wanted()

    def _add(self, entries: Iterable[Entry]) -> None:
        added = list(dict.fromkeys(entries))
        requests = [entry.added() for entry in added]
        answers = self._kamailio.rpc.call_many(requests)
        for entry, request, answer in zip(added, requests, answers, strict=True):
            if isinstance(answer, Refused):
                raise answer
            if not isinstance(answer, str) or "inserted" not in answer:
                raise Unexpected(request, answer)
            self._present.add(entry)

    def _delete(self, entries: Iterable[Entry]) -> None:
        """Delete by beginnings, then put back what began like it and is still wanted."""
        gone = list(entries)
        kinds = {each.kind for each in gone}
        before = self._print(kinds) if gone else None
        requests = [each.deleted() for each in gone]
        for request, answer in zip(requests, self._kamailio.rpc.call_many(requests), strict=True):
            if isinstance(answer, Refused):
                raise answer
            if not isinstance(answer, str):
                raise Unexpected(request, answer)
        hit = {
            each
            for each in (self._present | (before or set())) - set(gone)
            for one in gone
            if each.color is one.color and each.kind is one.kind and is_hit(one.value, each.value)
        }
        self._present -= hit | set(gone)
        self._add(hit)
        self._present &= self._all_wanted()

    def _reload_if_due(self) -> None:
        if not self._surplus and not self._is_emptied:
            return
        if self._clock.now() - self._reloaded >= RELOAD_EVERY:
            self._rebuild()

    def _rebuild(self, *, keep_others: bool = True) -> bool:
        """Reload, and add what is wanted and what others had added; done whole or again.

        Tell whether Kamailio took the reload.
        """
        rpc = self._kamailio.rpc
        if keep_others and not self._is_emptied:
            before = self._print(set(Kind)) or set()
            self._others |= before - self._present - self._surplus
        self._reloaded = self._clock.now()
        answer = rpc.call_many([Call(Method.SECFILTER_RELOAD)])[0]
        if isinstance(answer, Refused):
            if answer.text == _ONGOING:
                return False
            raise answer
        if not isinstance(answer, str) or "reloaded" not in answer:
            raise Unexpected(Call(Method.SECFILTER_RELOAD), answer)
        if not keep_others:
            self._others.clear()
        self._is_emptied = True
        self._present.clear()
        stored = self._print(set(Kind)) or set()
        wanted = self._all_wanted()
        self._add(wanted - stored)
        self._present |= wanted & stored
        self._add_back(self._others - stored - wanted)
        self._present &= wanted
        self._surplus.clear()
        self._others.clear()
        self._is_emptied = False
        return True

    def _add_back(self, entries: Iterable[Entry]) -> None:
        """Add what was there by others' hands, as far as it can be written at all."""
        for entry in entries:
            try:
                self._add([Entry.parse(entry.kind, entry.value, entry.color)])
            except ValueError as error:
                log.warning("an entry of secfilter, %s, is lost by its reload: %s", entry, error)

    def _print(self, kinds: Collection[Kind]) -> set[Entry] | None:
        """Read lists; None where Kamailio tells them by no road."""
        try:
            return print_lists(self._kamailio.rpc, self._control, kinds)
        except Unavailable as error:
            log.debug("secfilter's lists can't be read: %s", error)
            return None


_blacklists: dict[RpcAddress, Blacklist] = {}
_making = threading.Lock()


def shared(settings: BlacklistSettings, clock: Clock) -> Blacklist:
    """Give the one object for a Kamailio: its reload concerns every action's entries.

    It takes the ways to Kamailio from whoever asks last: a reload may have changed them.
    """

    def connect() -> Rpc:
        return open_rpc(settings.address, timeout=settings.timeout, reply=settings.reply)

    def control() -> Rpc:
        return Control(str(settings.control), timeout=settings.timeout)

    with _making:
        known = _blacklists.get(settings.address)
        if known is None:
            known = _blacklists[settings.address] = Blacklist(clock, connect, control)
        else:
            known.reach_by(connect, control)
        return known
