# SPDX-License-Identifier: MIT
"""The ``kamailio-htable`` action: bans as entries of an htable, each with its own end.

Every jail marks its entries with a number of its own, so that several jails, the stock
configuration's pike rule and logban can have one table: an entry with another mark is never
changed or deleted.  What is wanted there as well stays with it while it lasts.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from logban.actions.declaration import ActionSpec
from logban.actions.kamailio import calls
from logban.actions.kamailio.calls import Item
from logban.actions.kamailio.connection import Connection
from logban.actions.kamailio.expiry import Ends
from logban.actions.kamailio.keys import AddressKeys, Keys, is_mark, mark_of
from logban.actions.kamailio.pike import pardon
from logban.actions.kamailio.remarks import Remarks
from logban.actions.kamailio.rpc import Call, Rpc
from logban.actions.kamailio.transports import RpcAddress, open_for_long, open_rpc
from logban.actions.protocols import Missing
from logban.clock import Clock
from logban.errors import ActionError
from logban.model import Ban, Subject, SubjectKind

log = logging.getLogger(__name__)

CHECK_EVERY: Final = 2.0
"""Seconds between two looks at the canary, and the longest wait after a failure."""

_CANARY_SECONDS: Final = 600
_MANY: Final = 200  # keys from which on a listing is cheaper than to ask for each,
_MANY_MORE: Final = 3  # if the table has no more than that many times as many entries
_NEARLY: Final = 2.0  # seconds: Kamailio's clock ticks in whole ones
_FOR_EVER: Final = math.inf


@dataclass(frozen=True, slots=True)
class TableSettings:
    """What of Kamailio is used, and how; ``must_outlast`` says that autoexpire is a limit."""

    jail: str
    table: str
    address: RpcAddress
    timeout: float
    reply: Path | None = None
    must_outlast: bool = False


class Htable:
    """Keeps bans in one table of one Kamailio."""

    check_every = CHECK_EVERY

    def __init__(
        self,
        settings: TableSettings,
        keys: Keys,
        clock: Clock,
        connect: Callable[[], Rpc] | None = None,
    ) -> None:
        """``connect`` makes the RPC client, where it is not to be the one of the settings."""
        self._settings = settings
        self._keys = keys
        self._clock = clock
        self._kamailio = Connection(
            connect
            or partial(open_rpc, settings.address, timeout=settings.timeout, reply=settings.reply),
            f"the htable {settings.table!r} has not been looked for yet",
        )
        self._mark = mark_of(settings.jail)
        self._canary = f"logban:canary:{self._mark:x}"
        self._ends = Ends()
        self._autoexpire = 0
        self._bantime = 0.0
        self._claims: dict[str, float] = {}
        self._yielded: set[str] = set()
        self._listed: set[str] | None = None
        self._refused = Remarks()

    @property
    def notice(self) -> str:
        """Tell of bans that this table can't hold; "" if there are none."""
        named = [who for who, _ in self._refused]
        if not named:
            return ""
        some = ", ".join(named[:3])
        more = f" and {len(named) - 3} more" if len(named) > 3 else ""
        return (
            f"the htable {self._settings.table!r} is asked for single addresses only, so "
            f"{some}{more} can't be banned there: add the lines for /64 of docs/kamailio.md to "
            "kamailio.cfg and networks=yes to the action, or ban networks with kamailio-address"
        )

    def foresee(self, bantime: float | None) -> None:
        """Take the seconds of the jail's bans, for the preflight."""
        self._bantime = _FOR_EVER if bantime is None else bantime

    def takes(self, subject: Subject) -> bool:
        """Tell whether the table can hold a subject."""
        is_taken = bool(self._keys.keys_of(subject))
        if not is_taken and subject.kind is SubjectKind.NET:
            self._refused.add(str(subject), "is a network")
        return is_taken

    def prepare(self) -> None:
        """Find the table, see that its entries end, and set the canary."""
        rpc = self._kamailio.open()
        table = calls.find_table(rpc, self._settings.table)
        if table.autoexpire <= 0:
            raise ActionError(
                f"the htable {table.name!r} has no autoexpire, so no ban in it would ever end: "
                f"write autoexpire=86400; into its modparam in kamailio.cfg and restart it"
            )
        self._autoexpire = table.autoexpire
        if self._settings.must_outlast and self._bantime > table.autoexpire:
            raise ActionError(
                f"the htable {table.name!r} has autoexpire={table.autoexpire}, which is shorter "
                "than the jail's bantime: what kamailio.cfg writes into the table would cut bans "
                "short. Raise autoexpire in kamailio.cfg, or shorten bantime"
            )
        self._set_canary(rpc)
        self._listed = self._list(rpc, table)

    def apply(self, bans: Sequence[Ban]) -> None:
        """Set the entries with what the bans have left."""
        now = self._clock.now()
        wanted: dict[str, float] = {}
        for ban in bans:
            if ban.remaining(now) != 0:
                end = _FOR_EVER if ban.until is None else ban.until
                wanted.update(dict.fromkeys(self._keys.keys_of(ban.subject), end))
        too_long = self._leave_out_too_long(wanted, now)
        self._claims.update(wanted)
        self._set(wanted, now)
        if too_long:
            raise ActionError(
                f"the htable {self._settings.table!r} has autoexpire={self._autoexpire}, which is "
                f"shorter than {len(too_long)} of the bans ({too_long[0]}): what kamailio.cfg "
                "writes into the table would cut them short. Raise autoexpire, or shorten bantime"
            )

    def lift(self, bans: Sequence[Ban]) -> None:
        """Delete the entries that bear this jail's mark."""
        keys = [key for ban in bans for key in self._keys.keys_of(ban.subject)]
        for key in keys:
            self._claims.pop(key, None)
            self._yielded.discard(key)
        values = self._listing(len(keys))
        if values is None:
            values = {key: item.value for key, item in self._get(keys).items()}
        own = [key for key in keys if values.get(key) == self._mark]
        self._do([calls.delete(self._settings.table, key) for key in own])
        if self._listed is not None:
            self._listed.difference_update(keys)

    def read(self) -> Mapping[Subject, float | None]:
        """Tell what is in the table for this jail; Missing where the canary is gone."""
        self._refused.age()
        self._look_for_canary()
        now = self._clock.now()
        # What has ended while Kamailio was away is never lifted: there is nothing of it.
        self._claims = {key: end for key, end in self._claims.items() if end > now}
        self._yielded &= self._claims.keys()
        keys = dict.fromkeys((*self._claims, *(self._listed or ())))
        ends: dict[Subject, list[float]] = {}
        for key, item in self._get(list(keys)).items():
            subject = self._keys.subject_of(key)
            if subject is None:
                continue
            claim = self._claims.get(key)
            end = self._end_of(item, claim)
            if item.value == self._mark:
                ends.setdefault(subject, []).append(end)
            elif claim is not None and (end >= claim - _NEARLY or not is_mark(item.value)):
                ends.setdefault(subject, []).append(claim)
        whole = {
            subject: min(each)
            for subject, each in ends.items()
            if len(each) == len(self._keys.keys_of(subject))
        }
        return {subject: None if end == _FOR_EVER else end for subject, end in whole.items()}

    def check(self) -> None:
        """See that the canary is there, and put in what others' entries don't hold any more."""
        self._look_for_canary()
        now = self._clock.now()
        yielded = {key: self._claims[key] for key in self._yielded if self._claims[key] > now}
        if yielded:
            self._set(yielded, now)

    def pardon(self, subjects: Sequence[Subject]) -> None:
        """Delete what the script has put against these, into this table or the stock one."""
        rpc = self._kamailio.rpc
        keys = [key for each in subjects for key in self._keys.keys_of(each)]
        calls.delete_any(rpc, self._settings.table, keys)
        pardon(rpc, subjects)

    def close(self) -> None:
        """Let go of the socket; the bans stay in force."""
        self._kamailio.close()

    def _leave_out_too_long(self, wanted: dict[str, float], now: float) -> list[str]:
        if not self._settings.must_outlast:
            return []
        too_long = [
            key
            for key, end in wanted.items()
            if end != _FOR_EVER and end - now > self._autoexpire + _NEARLY
        ]
        for key in too_long:
            del wanted[key]
        return too_long

    def _set(self, wanted: Mapping[str, float], now: float) -> None:
        """Set entries where others don't hold them already."""
        table = self._settings.table
        listed = self._listing(len(wanted))
        found = self._get(wanted if listed is None else listed.keys() & wanted)
        requests = []
        for key, end in wanted.items():
            item = found.get(key)
            # Another jail's entry that lasts as long does for both; a stranger's is left alone in
            # any case, and check() sees to it when it has ended.
            if item is not None and item.value != self._mark:
                is_enough = self._end_of(item, end) >= end - _NEARLY
                if is_enough or not is_mark(item.value):
                    self._yielded.add(key)
                    continue
            self._yielded.discard(key)
            seconds = _CANARY_SECONDS if end == _FOR_EVER else math.ceil(end - now)
            requests.append(calls.put(table, key, self._mark, seconds))
            if end == _FOR_EVER or seconds > calls.LONGEST_TTL:
                requests.append(calls.keep(table, key))
        self._do(requests)

    def _listing(self, number: int) -> dict[str, int | str] | None:
        """List everybody's entries, if that costs less than to ask for so many; else None."""
        if number < _MANY:
            return None
        rpc = self._kamailio.rpc
        table = calls.find_table(rpc, self._settings.table)
        return None if table.entries > _MANY_MORE * number else self._dump(rpc, table)

    def _get(self, keys: Iterable[str]) -> dict[str, Item]:
        asked = list(keys)
        requests = [calls.get(self._settings.table, key) for key in asked]
        answers = self._kamailio.rpc.call_many(requests)
        found = {}
        for key, request, answer in zip(asked, requests, answers, strict=True):
            item = calls.item_of(request, answer)
            if item is not None:
                found[key] = item
        return found

    def _do(self, requests: Sequence[Call]) -> None:
        calls.require_done(requests, self._kamailio.rpc.call_many(requests))

    def _end_of(self, item: Item, expected: float | None) -> float:
        try:
            end = self._ends.read(item.expire, expected)
        except ValueError as error:
            raise ActionError(
                f"Kamailio tells the end of an entry as {item.expire[:40]!r}"
            ) from error
        return _FOR_EVER if end is None else end

    def _set_canary(self, rpc: Rpc) -> None:
        """Set an entry that never ends; on the way learn which zone Kamailio's clock shows."""
        table = self._settings.table
        requests = [calls.put(table, self._canary, self._mark, _CANARY_SECONDS)]
        calls.require_done(requests, rpc.call_many(requests))
        end = self._clock.now() + _CANARY_SECONDS
        look = calls.get(table, self._canary)
        item = calls.item_of(look, rpc.call_many([look])[0])
        if item is None:
            raise ActionError(
                f"an entry set in the htable {table!r} is not there a moment later; does something "
                "in kamailio.cfg delete it?"
            )
        with suppress(ValueError):  # of a clock that is set otherwise ends are read as they stand
            self._ends.calibrate(item.expire, end)
        requests = [calls.keep(table, self._canary)]
        calls.require_done(requests, rpc.call_many(requests))

    def _look_for_canary(self) -> None:
        if not self._get([self._canary]):
            raise Missing(
                f"the htable {self._settings.table!r} has lost its entries: Kamailio was restarted "
                "or the table was flushed"
            )

    def _list(self, rpc: Rpc, table: calls.Table) -> set[str] | None:
        """List this jail's entries of an earlier run; None where they can't be listed."""
        listed = self._dump(rpc, table)
        if listed is None:
            log.warning(
                "[%s] the htable %s has %d entries, too many to be listed by datagram, and there "
                "is no FIFO beside its socket: what an earlier run has left ends by itself",
                *(self._settings.jail, table.name, table.entries),
            )
            return None
        return {key for key, value in listed.items() if value == self._mark} - {self._canary}

    def _dump(self, rpc: Rpc, table: calls.Table) -> dict[str, int | str] | None:
        """List everybody's entries; None where there are too many to be listed by any road."""
        if table.entries <= calls.LISTED:
            return dict(calls.dump(rpc, table.name))
        other = open_for_long(self._settings.address, timeout=self._settings.timeout)
        return None if other is None else dict(calls.dump(other, table.name))


def build(spec: ActionSpec, clock: Clock) -> Htable:
    """Make the enforcer that a jail asks for."""
    settings = TableSettings(
        spec.jail,
        spec.value("table", str),
        spec.value("socket", RpcAddress),
        spec.value("timeout", float),
        spec.optional("reply", Path),
    )
    return Htable(settings, AddressKeys(networks=spec.value("networks", bool)), clock)
