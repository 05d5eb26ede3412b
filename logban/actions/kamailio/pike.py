# SPDX-License-Identifier: MIT
"""Whom Kamailio itself holds for a source of attacks: pike's hot addresses, the table ipban."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from logban.actions.kamailio import calls
from logban.actions.kamailio.rpc import Call, Method, Refused, Rpc, Struct, Unexpected, structs
from logban.errors import ActionError
from logban.model import Subject, SubjectKind

IPBAN: Final = "ipban"
"""The table of the stock kamailio.cfg."""

_MISSING: Final = (calls.NO_METHOD, calls.NO_TABLE)


@dataclass(frozen=True, slots=True)
class HotSource:
    """An address, where Kamailio has it (pike, ipban), and what is said of it there."""

    address: str
    where: str
    state: str


def hot_sources(rpc: Rpc, long: Callable[[], Rpc | None] = lambda: None) -> list[HotSource]:
    """Ask for all of them; a module that is not loaded holds nobody.

    ``long`` opens a way for answers that no datagram can hold.
    """
    return [*_hot(rpc), *_banned(rpc, long)]


def pardon(rpc: Rpc, subjects: Iterable[Subject]) -> None:
    """Delete addresses, and those in networks, from the table ipban, if there is one."""
    taken = list(subjects)
    keys = [each.network for each in taken if each.kind is SubjectKind.IP]
    networks = [ip_network(each.network) for each in taken if each.kind is SubjectKind.NET]
    if networks:
        keys += [key for key in _keys(rpc, lambda: None) if _is_in(key, networks)]
    calls.delete_any(rpc, IPBAN, keys)


def _is_in(key: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    try:
        address = ip_address(key)
    except ValueError:
        return False
    return any(address in network for network in networks)


def _hot(rpc: Rpc) -> list[HotSource]:
    request = Call(Method.PIKE_TOP)
    answer = rpc.call_many([request])[0]
    if isinstance(answer, Refused):
        if answer.text in _MISSING:
            return []
        raise answer
    if not isinstance(answer, Struct):
        raise Unexpected(request, answer)
    rows = answer.get("list")
    if isinstance(rows, Struct):  # one alone, or none, is no list everywhere
        rows = [rows] if rows.pairs else []
    return (
        [
            HotSource(str(row.get("ip_addr")), "pike", str(row.get("status")))
            for row in rows or []
            if isinstance(row, Struct)
        ]
        if isinstance(rows, list | None)
        else []
    )


def _keys(rpc: Rpc, long: Callable[[], Rpc | None]) -> list[str]:
    """List the table ipban."""
    request = Call(Method.HTABLE_STATS)
    tables = rpc.call_many([request])[0]
    if isinstance(tables, Refused):
        if tables.text in _MISSING:
            return []
        raise tables
    named = [each for each in structs(request, tables) if each.get("name") == IPBAN]
    if not named:
        return []
    number = named[0].get("all")
    if isinstance(number, int) and number > calls.LISTED:
        other = long()
        if other is None:
            raise ActionError(
                f"the htable {IPBAN} has {number} entries, which are too many for a datagram: let "
                "jsonrpcs have its FIFO beside its socket (modparam fifo_name)"
            )
        rpc = other
    return [key for key, _ in calls.dump(rpc, IPBAN) if not key.startswith("logban:")]


def _banned(rpc: Rpc, long: Callable[[], Rpc | None]) -> list[HotSource]:
    keys = _keys(rpc, long)
    requests = [calls.get(IPBAN, key) for key in keys]
    found = []
    for request, answer in zip(requests, rpc.call_many(requests), strict=True):
        item = calls.item_of(request, answer)
        if item is not None:
            found.append(HotSource(item.key, IPBAN, f"until {item.expire}"))
    return found
