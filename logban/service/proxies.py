# SPDX-License-Identifier: MIT
"""What an admin asks of a Kamailio by way of the daemon.

The daemon has the right to Kamailio's sockets, so its admins need none; and what they change goes
through the same object as the bans do, so neither undoes the other's work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from logban.actions.declaration import ActionSpec
from logban.actions.kamailio import calls
from logban.actions.kamailio.binrpc import Control
from logban.actions.kamailio.blacklist import BY_HAND, Blacklist, BlacklistSettings, shared
from logban.actions.kamailio.lists import Color, Entry, Kind
from logban.actions.kamailio.pike import HotSource, hot_sources
from logban.actions.kamailio.rpc import Method, Rpc, Value, call
from logban.actions.kamailio.transports import RpcAddress, open_for_long, open_rpc
from logban.actions.types_kamailio import CONTROL_SOCKET, RPC_SOCKET
from logban.clock import Clock
from logban.control import payloads
from logban.errors import UsageError

T = TypeVar("T")


def proxies_of(specs: Iterable[ActionSpec]) -> list[BlacklistSettings]:
    """Give each Kamailio that actions name, or that of Debian's paths if they name none."""
    found: dict[RpcAddress, BlacklistSettings] = {}
    # The path of module ctl is known to those actions alone that deal with secfilter.
    for spec in sorted(specs, key=lambda spec: "ctl" not in spec.parameters):
        address = spec.parameters.get("socket")
        if not isinstance(address, RpcAddress) or address in found:
            continue
        control = spec.parameters.get("ctl")
        found[address] = BlacklistSettings(
            address,
            control if isinstance(control, Path) else CONTROL_SOCKET,
            spec.value("timeout", float),
            spec.optional("reply", Path),
        )
    return list(found.values()) or [BlacklistSettings(RPC_SOCKET, CONTROL_SOCKET)]


class Proxies:
    """The Kamailios that the running jails name; one order is carried out at a time."""

    def __init__(self, specs: Callable[[], Iterable[ActionSpec]], clock: Clock) -> None:
        """``specs`` gives the actions of the jails as they are now, in the jails' order."""
        self._specs = specs
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "kamailio-orders")

    def find(self, rpc: str | None) -> ProxyOrders:
        """Give the one with that socket, the first without; UsageError if no jail names it."""
        known = proxies_of(self._specs())
        found = [each for each in known if rpc in (None, str(each.address))]
        if not found:
            names = ", ".join(str(each.address) for each in known)
            raise UsageError(f"no jail has an action at {rpc!r:.100}; known are: {names}")
        return ProxyOrders(found[0], self._clock, self._thread)


class ProxyOrders:
    """What can be asked of one Kamailio; see :class:`logban.control.service.KamailioOrders`."""

    def __init__(
        self, settings: BlacklistSettings, clock: Clock, thread: ThreadPoolExecutor
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._thread = thread

    async def entries(self, kinds: Sequence[str]) -> payloads.ListEntries:
        """Tell what Kamailio has on its lists, of these kinds or of all."""
        asked = [_word(Kind, kind) for kind in kinds] or list(Kind)
        found = await self._at_lists(lambda lists: lists.show(asked))
        entries = sorted(found, key=str)
        return payloads.ListEntries(
            tuple(payloads.ListEntry(each.color, each.kind, each.value) for each in entries)
        )

    async def add(self, color: str, kind: str, value: str) -> payloads.EntryAdded:
        """Put an entry on a list until Kamailio ends."""
        entry = _entry(color, kind, value)
        await self._at_lists(lambda lists: lists.put(BY_HAND, [entry]))
        return payloads.EntryAdded(str(entry))

    async def delete(self, color: str, kind: str, value: str) -> payloads.EntryDeleted:
        """Take an entry from a list; one that a jail or a file wants there is a UsageError."""
        entry = _entry(color, kind, value)

        def drop(lists: Blacklist) -> bool | float:
            if keepers := lists.keepers(entry):
                raise UsageError(
                    f"{entry} is kept there by the {' and the '.join(keepers)}, and would be back "
                    "at once: lift the ban, or change the file in lists.d and reload"
                )
            return lists.reload_in() or lists.drop(entry)

        # Reloads have their distance, also from those that the bans need.
        while isinstance(done := await self._at_lists(drop), float):
            await self._clock.sleep(done)
        return payloads.EntryDeleted(str(entry) if done else None)

    async def reload(self) -> payloads.Said:
        """Let secfilter read its database again; what others have added since is gone."""
        await self._at_lists(lambda lists: lists.reload())
        return payloads.Said("reloaded; logban's bans and lists are back in force")

    async def stats(self) -> payloads.ProxyStats:
        """Tell how many messages secfilter has blocked."""
        lines = calls.texts(await self._asked(_stats))
        if not any(lines):  # before 5.7 only ctl tells
            lines = calls.texts(await self._in_thread(self._stats_by_control))
        return payloads.ProxyStats(tuple(lines))

    async def reset_stats(self) -> payloads.Said:
        """Let these numbers begin at 0 again."""
        said = await self._asked(lambda rpc: call(rpc, Method.SECFILTER_STATS_RESET))
        return payloads.Said(str(said))

    async def top(self) -> payloads.HotSources:
        """Tell whom pike finds hot, and who is in the table ipban."""
        settings = self._settings

        def long() -> Rpc | None:
            return open_for_long(settings.address, timeout=settings.timeout)

        found = await self._asked(lambda rpc: hot_sources(rpc, long))
        return payloads.HotSources(tuple(map(_hot, found)))

    def _stats_by_control(self) -> Value:
        settings = self._settings
        with closing(Control(str(settings.control), timeout=settings.timeout)) as control:
            return _stats(control)

    async def _at_lists(self, work: Callable[[Blacklist], T]) -> T:
        """Work on the object that the bans and the declared lists go through as well."""
        lists = shared(self._settings, self._clock)

        def run() -> T:
            lists.prepare(BY_HAND)
            try:
                return work(lists)
            finally:
                lists.close(BY_HAND)

        return await self._in_thread(run)

    async def _asked(self, work: Callable[[Rpc], T]) -> T:
        """Ask what touches no list, beside all that the actions do."""
        settings = self._settings

        def run() -> T:
            opened = open_rpc(settings.address, timeout=settings.timeout, reply=settings.reply)
            with closing(opened) as rpc:
                return work(rpc)

        return await self._in_thread(run)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _stats(rpc: Rpc) -> Value:
    return call(rpc, Method.SECFILTER_STATS)


def _hot(source: HotSource) -> payloads.HotSource:
    return payloads.HotSource(source.address, source.where, source.state)


def _entry(color: str, kind: str, value: str) -> Entry:
    try:
        return Entry.parse(_word(Kind, kind), value, _word(Color, color))
    except ValueError as error:
        raise UsageError(str(error)) from error


W = TypeVar("W", Kind, Color)


def _word(words: type[W], text: str) -> W:
    try:
        return words(text)
    except ValueError as error:
        raise UsageError(f"{text!r:.60} is none of {', '.join(words)}") from error
