# SPDX-License-Identifier: MIT
"""The text that logban says to nft, and what it reads out of the answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from logban.actions.names import identifier
from logban.actions.networks import Prefix
from logban.actions.traffic import Traffic

TABLE = "inet logban"
TABLE_MADE = f"add table {TABLE}\n"
"""Makes the table, or wakes it where it is dormant."""
_STANDARD = {4: 32, 6: 64}
STANDARD = tuple(Prefix(version, length) for version, length in _STANDARD.items())
"""The sets that every jail has; those for other prefix lengths are made when one is banned."""

Listing = Sequence[Mapping[str, Mapping[str, object]]]
"""What nft lists: objects, each under the name of its kind."""

_FAMILY = {4: "ip", 6: "ip6"}
_SET = re.compile(r"(.+)-ipv([46])(?:-(\d{1,3}))?", re.ASCII)
_CHAIN = re.compile(r"(.+)-drop", re.ASCII)
# Before conntrack (-200), so that what it has accepted already is dropped as well.
_HOOK = "{ type filter hook prerouting priority -300; policy accept; }"
# nft takes names of up to 255 characters; people read them in lists.
_NAME_LIMIT = 64

# The endings keep a jail called "ip" or "counter" from being read as one of nft's own words.


def chain_of(name: str) -> str:
    """Name the chain of an enforcer."""
    return f"{identifier(name, _NAME_LIMIT)}-drop"


def set_of(name: str, prefix: Prefix) -> str:
    """Name the set for an enforcer's networks of that length."""
    word = f"{identifier(name, _NAME_LIMIT)}-ipv{prefix.version}"
    return word if prefix.length == _STANDARD[prefix.version] else f"{word}-{prefix.length}"


def prefix_of(name: str, set_name: str) -> Prefix | None:
    """Tell which networks a set of the enforcer of that name holds; None if it is another's."""
    found = _SET.fullmatch(set_name)
    if found is None:
        return None
    version = int(found[2])
    prefix = Prefix(version, int(found[3] or _STANDARD[version]))
    return prefix if set_of(name, prefix) == set_name else None


def is_foreign(word: str, keep: Iterable[str], *, is_chain: bool) -> bool:
    """Say whether an enforcer gave a chain or set its name, but none of these enforcers."""
    found = (_CHAIN if is_chain else _SET).fullmatch(word)
    return found is not None and found[1] not in {identifier(name, _NAME_LIMIT) for name in keep}


def element_type(prefix: Prefix) -> str:
    """Name nft's type of that set's elements."""
    return f"ipv{prefix.version}_addr"


def layout(name: str, prefixes: Iterable[Prefix], traffic: Traffic, size: int) -> str:
    """Make table, sets and chain as they are to be, whatever was there, and leave the elements be.

    The chain is taken away and made anew: an old one may have another hook.  In one transaction
    that leaves no gap; no packet sees the state in between.
    """
    chain = chain_of(name)
    lines = [TABLE_MADE.rstrip()]
    rules = []
    for prefix in prefixes:
        word = set_of(name, prefix)
        lines.append(
            f"add set {TABLE} {word} {{ type {element_type(prefix)}; size {size}; flags timeout; }}"
        )
        rules += [f"add rule {TABLE} {chain} {rule}" for rule in _rules(prefix, word, traffic)]
    lines += [
        f"add chain {TABLE} {chain}",
        f"delete chain {TABLE} {chain}",
        f"add chain {TABLE} {chain} {_HOOK}",
    ]
    return "\n".join([*lines, *rules, ""])


def _rules(prefix: Prefix, word: str, traffic: Traffic) -> Iterable[str]:
    mask = "" if prefix.is_whole else f"& {prefix.mask} "
    for part in traffic.parts(prefix.version):
        match = ""
        if part.protocols:
            match += f"meta l4proto {{ {', '.join(map(str, part.protocols))} }} "
        if part.ports:
            match += f"th dport {{ {', '.join(f'{low}-{high}' for low, high in part.ports)} }} "
        yield f"{match}{_FAMILY[prefix.version]} saddr {mask}@{word} counter drop"


def parse(answer: str) -> Listing:
    """Read nft's JSON (libnftables-json(5))."""
    return cast("Listing", json.loads(answer)["nftables"])


def objects(listing: Listing, kind: str) -> list[Mapping[str, object]]:
    """Give the objects of one kind ("set", "chain", "rule") in logban's table."""
    found = (item[kind] for item in listing if kind in item)
    return [item for item in found if item.get("table") == "logban"]
