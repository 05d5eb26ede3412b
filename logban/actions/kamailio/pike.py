# SPDX-License-Identifier: MIT
"""Whom Kamailio itself holds for a source of attacks: pike's hot addresses, the table ipban."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from logban.actions.kamailio import calls
from logban.actions.kamailio.rpc import Call, Method, Refused, Rpc, Struct, Unexpected

IPBAN: Final = "ipban"
"""The table of the stock kamailio.cfg."""

_MISSING: Final = ("Method Not Found", "No such htable")


@dataclass(frozen=True, slots=True)
class HotSource:
    """An address, where Kamailio has it (pike, ipban), and what is said of it there."""

    address: str
    where: str
    state: str


def hot_sources(rpc: Rpc) -> list[HotSource]:
    """Ask for all of them; a module that is not loaded holds nobody."""
    return [*_hot(rpc), *_banned(rpc)]


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


def _banned(rpc: Rpc) -> list[HotSource]:
    try:
        entries = calls.dump(rpc, IPBAN)
    except Refused as refused:
        if refused.text in _MISSING:
            return []
        raise
    keys = [key for key, _ in entries if not key.startswith("logban:")]
    requests = [calls.get(IPBAN, key) for key in keys]
    found = []
    for request, answer in zip(requests, rpc.call_many(requests), strict=True):
        item = calls.item_of(request, answer)
        if item is not None:
            found.append(HotSource(item.key, IPBAN, f"until {item.expire}"))
    return found
