# SPDX-License-Identifier: MIT
"""Exemptions from Kamailio's module permissions as it has them in force (``permissions:/socket``).

Kamailio itself is asked, by its RPC, so it does not matter what database the table ``address``
is in, or whether it is a file.  While it gives no answer, what it said last holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

from logban.actions.kamailio.rpc import (
    Call,
    Method,
    Refused,
    Rpc,
    Struct,
    Unavailable,
    Unexpected,
    Value,
)
from logban.actions.kamailio.rpc import call as call_rpc
from logban.actions.kamailio.transports import RpcAddress, Way, open_for_long, open_rpc
from logban.clock import Clock
from logban.config import parsers
from logban.errors import LogbanError
from logban.judging.exemptions.exemption import Exemption, Exemptions
from logban.judging.exemptions.lists import Listing
from logban.text import visible

PREFIX: Final = "permissions:"

READ_EVERY: Final = 30.0
"""Seconds between two looks at the table."""

AGAIN_AFTER: Final = 5.0
"""Seconds after which a Kamailio that gave no answer is asked again: it may start after us."""

MAX_ENTRIES: Final = 200_000

_OWN: Final = "logban/"  # what the tags of our own bans begin with
_SHOWN: Final = 60

Connect = Callable[[RpcAddress], Rpc]


class PermissionsTable:
    """The addresses, networks and names of one group."""

    def __init__(self, key: str, clock: Clock, connect: Connect = open_rpc) -> None:
        """``key`` is ``permissions:GROUP:RPC``, as the configuration has checked it."""
        self.key = key
        self.problem = f"{key} has not been read yet"
        _, group, address = key.split(":", 2)
        self._group = int(group)
        self._wrong = ""
        try:
            self._address = RpcAddress.parse(address)
        except ValueError as error:
            self._wrong = self.problem = f"{key}: {error}"
        self._clock = clock
        self._connect = connect
        self._due = float("-inf")
        self._held: dict[str, Exemption] | None = None
        self._long: set[Method] = set()

    def hurry(self) -> None:
        """Let the next look be at once."""
        self._due = float("-inf")

    async def refresh(self) -> Listing | None:
        """Give what the group holds if that is news; it is asked for in a thread."""
        if self._clock.steady() < self._due:
            return None
        self._due = self._clock.steady() + READ_EVERY
        listing = await asyncio.to_thread(self.read)
        if self.problem:
            self._due = min(self._due, self._clock.steady() + AGAIN_AFTER)
        return listing

    def read(self) -> Listing | None:
        """Ask now; give what the group holds if that is news."""
        if self._wrong:
            return None
        try:
            entries, strange = self._entries()
        except LogbanError as error:
            since = "" if self._held is None else "; what the table held last is still exempt"
            self.problem = f"Kamailio's table of addresses can't be read: {error}{since}"
            return None
        self.problem = ""
        if strange:
            self.problem = (
                f"Kamailio's table of addresses has {visible(strange, _SHOWN)}, which is no "
                "address, network or name"
            )
        if entries == self._held:
            return None
        self._held = entries
        networks, names = Exemptions(), {}
        for entry, exemption in entries.items():
            try:
                networks.add(entry, exemption)
            except ValueError:  # a name: whatever is neither is not among the entries
                names[entry] = exemption
        return Listing(networks, names)

    def _entries(self) -> tuple[dict[str, Exemption], str]:
        """Give what is exempt, and something strange that the table holds, "" if nothing is."""
        entries: dict[str, Exemption] = {}
        strange = ""
        origin = f"group {self._group} of Kamailio's permissions at {self._address}"
        for written in self._written():
            try:
                entry = parsers.exempt(written)
            except ValueError:
                strange = written
                continue
            if len(entries) >= MAX_ENTRIES:
                raise LogbanError(f"it has more than {MAX_ENTRIES} entries")
            entries[entry] = Exemption(entry, origin)
        return entries, strange

    def _written(self) -> Iterator[str]:
        rpc = self._connect(self._address)
        try:
            for method in (Method.ADDRESS_DUMP, Method.SUBNET_DUMP, Method.DOMAIN_DUMP):
                for group, item in self._items(rpc, method):
                    if group == self._group and not str(item.get("tag")).startswith(_OWN):
                        yield _written(item)
        finally:
            rpc.close()

    def _items(self, rpc: Rpc, method: Method) -> list[tuple[object, Struct]]:
        try:
            answer = self._answer(rpc, method)
        except Refused:
            if method is Method.DOMAIN_DUMP:  # names are younger than the rest of the table
                return []
            raise
        # One structure with repeated keys is how 5.6 lists names.
        structures = answer if isinstance(answer, list) else [answer]
        found: list[tuple[object, Struct]] = []
        for each in structures:
            if not isinstance(each, Struct):
                raise Unexpected(Call(method), answer)
            group: object = None
            for name, value in each.pairs:
                if name == "group":
                    group = value
                elif name == "item" and isinstance(value, Struct):
                    found.append((group, value))
        return found

    def _answer(self, rpc: Rpc, method: Method) -> Value:
        """Give the answer; Kamailio is silent where that fits into no datagram."""
        longer = open_for_long(self._address) if self._address.way is Way.DATAGRAM else None
        if method in self._long and longer is not None:
            return call_rpc(longer, method)
        try:
            return call_rpc(rpc, method)
        except Unavailable:
            if longer is None:
                raise
            answer = call_rpc(longer, method)
        self._long.add(method)
        return answer


def _written(item: Struct) -> str:
    """Give an entry of the table as it would be written in ignoreip."""
    name, address, mask = item.get("domain_name"), item.get("ip"), item.get("mask")
    if isinstance(name, str):
        return name
    if not isinstance(address, str):
        return "?"  # which nobody takes for a name
    return f"{address}/{mask}" if isinstance(mask, int) else address
