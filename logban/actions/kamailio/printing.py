# SPDX-License-Identifier: MIT
"""What ``secfilter.print`` tells of the lists, by either of its ways."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import Final

from logban.actions.kamailio.calls import texts
from logban.actions.kamailio.lists import Color, Entry, Kind
from logban.actions.kamailio.rpc import Method, Rpc, call

_ITEM: Final = re.compile(r"\s*\d{4,} -> (.*)")


def print_lists(rpc: Rpc, control: Callable[[], Rpc], kinds: Collection[Kind]) -> set[Entry]:
    """Read secfilter's lists: by JSON-RPC from Kamailio 5.7 on, before by ctl."""
    found: set[Entry] = set()
    for kind in kinds:
        # Without a parameter, secfilter.print ends the whole of Kamailio 5.6.3.
        lines = texts(call(rpc, Method.SECFILTER_PRINT, kind.value))
        if not any(lines):
            other = control()
            try:
                lines = texts(call(other, Method.SECFILTER_PRINT, kind.value))
            finally:
                other.close()
        found |= read_print(lines, kind)
    return found


def read_print(lines: Iterable[str], kind: Kind) -> set[Entry]:
    """Read what ``secfilter.print`` writes for people."""
    color = Color.BLACK
    found = set()
    for line in lines:
        if "Whitelisted" in line:
            color = Color.WHITE
        elif "Blacklisted" in line:
            color = Color.BLACK
        elif (item := _ITEM.fullmatch(line)) is not None and item[1]:
            found.add(Entry(color, kind, item[1]))
    return found
