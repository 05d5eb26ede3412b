# SPDX-License-Identifier: MIT
"""What the daemon answers, command by command; docs/scripting.md shows the same as JSON.

Times are seconds since the epoch, spans seconds; ``None`` as an end means for ever, as a
state of force that nobody can tell.

Each command needs the answers of its own kind only, and to make all of these classes takes as long
as the rest of its start: they are imported when they are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from logban.control.payloads.bans import (
        Adopted,
        AllowAdded,
        AllowEntry,
        AllowList,
        AllowRemoved,
        Banned,
        BanView,
        ForeignBan,
        JailDetail,
        Lifted,
        Placed,
        RefusedBan,
        Reloaded,
        Verified,
        VerifiedAction,
    )
    from logban.control.payloads.kamailio import (
        EntryAdded,
        EntryDeleted,
        HotSource,
        HotSources,
        ListEntries,
        ListEntry,
        ProxyStats,
        Said,
    )
    from logban.control.payloads.status import (
        ActionKind,
        ActionState,
        ActionStatus,
        AlarmSeverity,
        AlarmView,
        Customers,
        Health,
        JailSettings,
        JailState,
        JailStatus,
        LedgerStatus,
        LogClock,
        NoticeView,
        Pong,
        SourceStatus,
        StalePhone,
        Status,
        UnmatchedLines,
        UnmatchedOfJail,
        UnmatchedSample,
    )
    from logban.control.payloads.why import (
        Consulted,
        Counting,
        Exemption,
        ExplainedBan,
        PastBan,
        Why,
    )

_HOMES: Final = ("status", "bans", "why", "kamailio")

__all__ = [
    "ActionKind",
    "ActionState",
    "ActionStatus",
    "Adopted",
    "AlarmSeverity",
    "AlarmView",
    "AllowAdded",
    "AllowEntry",
    "AllowList",
    "AllowRemoved",
    "BanView",
    "Banned",
    "Consulted",
    "Counting",
    "Customers",
    "EntryAdded",
    "EntryDeleted",
    "Exemption",
    "ExplainedBan",
    "ForeignBan",
    "Health",
    "HotSource",
    "HotSources",
    "JailDetail",
    "JailSettings",
    "JailState",
    "JailStatus",
    "LedgerStatus",
    "Lifted",
    "ListEntries",
    "ListEntry",
    "LogClock",
    "NoticeView",
    "PastBan",
    "Placed",
    "Pong",
    "ProxyStats",
    "RefusedBan",
    "Reloaded",
    "Said",
    "SourceStatus",
    "StalePhone",
    "Status",
    "UnmatchedLines",
    "UnmatchedOfJail",
    "UnmatchedSample",
    "Verified",
    "VerifiedAction",
    "Why",
]


def __getattr__(name: str) -> object:
    """Import the kind of answers that has the name."""
    for home in _HOMES if name in __all__ else ():
        found: object = vars(import_module(f"{__name__}.{home}")).get(name)
        if found is not None:
            globals()[name] = found  # so that it is asked for once
            return found
    raise AttributeError(name)
