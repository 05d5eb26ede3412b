# SPDX-License-Identifier: MIT
"""Kamailio's calls with their types: what each takes, and what it answers when it has done it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from logban.actions.kamailio.rpc import (
    Answer,
    Call,
    Method,
    Refused,
    Rpc,
    Struct,
    Unexpected,
    Value,
    call,
    structs,
)
from logban.errors import ActionError

LONGEST_TTL: Final = 315_360_000
"""Seconds, ten years: longer ones become 0, the table's default, where a C int is too short."""

LISTED: Final = 500
"""Entries of a dump that fit into a datagram of 128 KiB, whatever their keys."""

_ABSENT: Final = "Key name doesn't exist in htable."
NO_TABLE: Final = "No such htable"
NO_METHOD: Final = "Method Not Found"
"""What is refused where an htable, or the module that has the method, is not there."""

_NO_TABLE: Final = (NO_TABLE, "Failed to set the item")


@dataclass(frozen=True, slots=True)
class Table:
    """An htable: the seconds after which it forgets an entry (0: never), and its entries."""

    name: str
    autoexpire: int
    entries: int


@dataclass(frozen=True, slots=True)
class Item:
    """An entry of an htable; ``expire`` is local time of Kamailio's, as text, or ``NEVER``."""

    key: str
    value: int | str
    expire: str


def up_since(rpc: Rpc) -> str:
    """Tell when Kamailio was started, as text that is another one after each start."""
    value = call(rpc, Method.UPTIME)
    since = value.get("up_since") if isinstance(value, Struct) else None
    if not isinstance(since, str) or not since:
        raise Unexpected(Call(Method.UPTIME), value)
    return since


def methods(rpc: Rpc) -> frozenset[str]:
    """Tell the names of all methods that this Kamailio has."""
    value = call(rpc, Method.METHODS)
    if not isinstance(value, list):
        raise Unexpected(Call(Method.METHODS), value)
    return frozenset(name for name in value if isinstance(name, str))


def find_table(rpc: Rpc, name: str) -> Table:
    """Give the htable of that name; ActionError, with what is to be written, if it is not there."""
    listing = structs(Call(Method.HTABLE_TABLES), call(rpc, Method.HTABLE_TABLES))
    found = next((each for each in listing if each.get("name") == name), None)
    if found is None:
        raise ActionError(
            f"Kamailio has no htable {name!r}; it has {_names(listing)}. Write into kamailio.cfg: "
            f'modparam("htable", "htable", "{name}=>size=12;autoexpire=86400;") and restart it'
        )
    stats = structs(Call(Method.HTABLE_STATS), call(rpc, Method.HTABLE_STATS))
    entries = next((each.get("all") for each in stats if each.get("name") == name), 0)
    expire = found.get("expire")
    if not isinstance(expire, int) or not isinstance(entries, int):
        raise Unexpected(Call(Method.HTABLE_TABLES), found)
    return Table(name, expire, entries)


def _names(listing: Iterable[Struct]) -> str:
    return ", ".join(sorted(str(each.get("name")) for each in listing)) or "none"


def get(table: str, key: str) -> Call:
    """Ask for an entry."""
    return Call(Method.HTABLE_GET, (table, key))


def item_of(request: Call, answer: Answer) -> Item | None:
    """Read the answer to :func:`get`; None if there is no such entry."""
    if isinstance(answer, Refused):
        if answer.text == _ABSENT:
            return None
        raise explained(request, answer)
    item = answer.get("item") if isinstance(answer, Struct) else None
    if isinstance(item, Struct):
        key, value, expire = item.get("name"), item.get("value"), item.get("expire")
        if (
            isinstance(key, str)
            and isinstance(value, int | str)
            and not isinstance(value, bool)
            and isinstance(expire, str)
        ):
            return Item(key, value, expire)
    raise Unexpected(request, answer)


def put(table: str, key: str, value: int, seconds: int) -> Call:
    """Set an entry that lasts that long.

    ``setxi``, not ``setxs``: up to 6.0.6 and 6.1.2, to write over a text loses the entry's end.
    """
    return Call(Method.HTABLE_SETXI, (table, key, value, min(max(1, seconds), LONGEST_TTL)))


def keep(table: str, key: str) -> Call:
    """Let an entry never end.  It is answered with Ok though there is no such entry."""
    return Call(Method.HTABLE_SETEX, (table, key, 0))


def delete(table: str, key: str) -> Call:
    """Delete an entry."""
    return Call(Method.HTABLE_DELETE, (table, key))


def require_done(requests: Sequence[Call], answers: Sequence[Answer]) -> None:
    """Raise the first answer that says something else than that the call has been carried out."""
    for request, answer in zip(requests, answers, strict=True):
        if isinstance(answer, Refused):
            if request.method is Method.HTABLE_DELETE and answer.code == 404:
                continue
            raise explained(request, answer)
        if not isinstance(answer, str) or not answer.startswith("Ok"):
            raise Unexpected(request, answer)


def delete_any(rpc: Rpc, table: str, keys: Iterable[str]) -> None:
    """Delete these entries, whether they are there or not, nor the table."""
    requests = [delete(table, key) for key in keys]
    for request, answer in zip(requests, rpc.call_many(requests), strict=True):
        is_missing = isinstance(answer, Refused) and answer.text in (NO_TABLE, NO_METHOD)
        if not is_missing:
            require_done([request], [answer])


def explained(request: Call, refused: Refused) -> ActionError:
    """Give a refusal's meaning where Kamailio's own words don't tell."""
    if refused.text in _NO_TABLE:
        return ActionError(
            f"Kamailio has no htable {request.parameters[0]!r} any more: it was restarted with "
            "another kamailio.cfg"
        )
    return refused


def dump(rpc: Rpc, table: str) -> list[tuple[str, int | str]]:
    """List an htable's keys and values, those included that have just ended."""
    request = Call(Method.HTABLE_DUMP, (table,))
    found: list[tuple[str, int | str]] = []
    for slot in structs(request, call(rpc, request.method, *request.parameters)):
        entries = slot.get("slot")
        for entry in structs(request, entries):
            name, value = entry.get("name"), entry.get("value")
            if not isinstance(name, str) or not isinstance(value, int | str):
                raise Unexpected(request, entries)
            found.append((name, value))
    return found


def texts(value: Value) -> list[str]:
    """Give every text of an answer, in order, however they are wrapped."""
    match value:
        case str():
            return value.split("\n")
        case list():
            return [text for each in value for text in texts(each)]
        case Struct():
            return [text for _, each in value.pairs for text in texts(each)]
        case _:
            return []
