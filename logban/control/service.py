# SPDX-License-Identifier: MIT
"""What the control socket asks of the daemon."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from logban.control.payloads import (
    Adopted,
    AllowAdded,
    AllowList,
    AllowRemoved,
    Banned,
    EntryAdded,
    EntryDeleted,
    ForeignBan,
    Health,
    HotSources,
    JailDetail,
    Lifted,
    ListEntries,
    Placed,
    Pong,
    ProxyStats,
    Reloaded,
    Said,
    Status,
    UnmatchedLines,
    Verified,
    Why,
)
from logban.model import Subject


class Forever(Enum):
    """The span that never ends."""

    FOREVER = "forever"


class KamailioOrders(Protocol):
    """What can be asked of one Kamailio by way of the daemon.

    ActionError with a sentence where Kamailio can't be asked or refuses.
    """

    async def entries(self, kinds: Sequence[str]) -> ListEntries:
        """Tell what is on secfilter's lists, of these kinds or, if there are none, of all."""
        ...

    async def add(self, color: str, kind: str, value: str) -> EntryAdded:
        """Put an entry on a list until Kamailio ends; UsageError for what would do harm."""
        ...

    async def delete(self, color: str, kind: str, value: str) -> EntryDeleted:
        """Take an entry from a list; UsageError if a jail or a file keeps it there."""
        ...

    async def reload(self) -> Said:
        """Let secfilter read its database again; what was added by hand is gone."""
        ...

    async def stats(self) -> ProxyStats:
        """Tell how many messages secfilter has blocked."""
        ...

    async def reset_stats(self) -> Said:
        """Let these numbers begin at 0 again."""
        ...

    async def top(self) -> HotSources:
        """Tell whom pike finds hot, and who is in the table ipban."""
        ...


class Service(Protocol):
    """The daemon as its admin sees it.

    A method that can't do what it is asked raises a LogbanError; the caller is told its message
    and its exit code.  An unknown jail is an UnknownName.  A subject is the address or network
    as it was typed: an IPv6 address comes as an address, and the daemon widens it to the network
    under which it counts, or finds the bans whose network holds it.
    """

    async def ping(self) -> Pong:
        """Tell that the daemon lives."""
        ...

    async def status(self) -> Status:
        """Tell how everything is."""
        ...

    async def health(self) -> Health:
        """Tell what is wrong."""
        ...

    async def status_jail(self, name: str) -> JailDetail:
        """Tell how one jail is and whom it has banned."""
        ...

    async def banned(self, jail: str | None, subjects: Sequence[Subject] | None) -> Banned:
        """Tell who is banned: all, or those of these subjects."""
        ...

    async def ban(
        self,
        subjects: Sequence[Subject],
        jail: str | None,
        seconds: float | Forever | None,
        reason: str,
        *,
        force: bool = False,
    ) -> Placed:
        """Ban by hand; ``seconds`` None means as long as the jail would.

        ``force`` bans in spite of the users that are registered behind an address.
        """
        ...

    async def adopt(self, bans: Sequence[ForeignBan]) -> Adopted:
        """Take bans of another program's over, with their own times; nobody is told of them."""
        ...

    async def unban(self, subjects: Sequence[Subject] | None, jail: str | None) -> Lifted:
        """Lift the bans of these subjects, or of all (None), and set their floors."""
        ...

    async def allow_add(self, entry: str, seconds: float | None, note: str) -> AllowAdded:
        """Exempt an address, a network or a name, for a time or for good, and lift its bans."""
        ...

    async def allow_del(self, entry: str) -> AllowRemoved:
        """Take an exemption made by hand back; UnknownName if there is none."""
        ...

    async def allow_list(self, jail: str | None) -> AllowList:
        """Tell who is exempt: everywhere and in the jails, or all that holds for this jail."""
        ...

    async def reload(self) -> Reloaded:
        """Read the configuration anew; ConfigurationError leaves the running one in place."""
        ...

    def kamailio(self, rpc: str | None) -> KamailioOrders:
        """Give the Kamailio with that RPC socket, the first that a jail names without one."""
        ...

    async def verify(self, jail: str | None) -> Verified:
        """Tell where what is in force differs from the ledger, in all jails or in one."""
        ...

    async def repair(self, jail: str | None) -> Verified:
        """Have that repaired, and tell what still differs."""
        ...

    async def unmatched(self, jail: str | None) -> UnmatchedLines:
        """Tell which lines look like an attack and matched no rule."""
        ...

    async def why(self, subject: Subject) -> Why:
        """Tell all that is known of a subject."""
        ...
