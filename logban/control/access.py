# SPDX-License-Identifier: MIT
"""Who may use the control socket, for what, and how much of the daemon's time."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Final

from logban.control.peer import Peer, group_number
from logban.errors import NotPermitted, TryAgain

PAUSE_FACTOR: Final = 3.0
LONGEST_PAUSE: Final = 1.0
"""Whoever is not root waits, after an answer, so many times as long as it took, in seconds at
the most: however much one asks, the daemon has most of its time for its work."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask, and who may change something as well.

    Root and the daemon's own user may do all; the members of ``group`` may ask.  Those of them
    whom ``operators`` name, users and @groups, may change something; all of them if it is None.
    """

    group: int | None
    group_name: str
    operators: Callable[[], Sequence[str] | None] = lambda: None

    def check_use(self, peer: Peer) -> None:
        """Raise NotPermitted if this peer is not to be answered at all."""
        if not peer.may_command(self.group):
            raise NotPermitted(
                f"user {peer.uid} may not command logban; only root and the members of group "
                f"{self.group_name} may"
            )

    def check_change(self, peer: Peer, command: str) -> None:
        """Raise NotPermitted if this peer may ask and no more."""
        operators = self.operators()
        if is_master(peer) or operators is None or any(_is_one(peer, who) for who in operators):
            return
        raise NotPermitted(
            f"user {peer.uid} may ask logban and change nothing, and {command} does; `operators` "
            "in logban.conf names who may"
        )


@dataclass(slots=True)
class Share:
    """What one user uses of the daemon."""

    connections: int = 0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Let one of the user's requests after the other be answered, with a pause between."""
        async with self._turn:
            loop = asyncio.get_running_loop()
            begun = loop.time()
            yield
            await asyncio.sleep(min(LONGEST_PAUSE, PAUSE_FACTOR * (loop.time() - begun)))


class Shares:
    """The users who are connected; nobody can take the room of root."""

    def __init__(self, connections: int, per_user: int) -> None:
        """Take ``connections`` of root, as many of all others, ``per_user`` of each of them."""
        self._connections = connections
        self._per_user = per_user
        self._shares: dict[int, Share] = {}

    @contextmanager
    def one(self, peer: Peer) -> Iterator[Share]:
        """Count a connection as long as it lasts; TryAgain if it is one too many."""
        share = self._shares.setdefault(peer.uid, Share())
        share.connections += 1
        try:
            self._check(peer, share)
            yield share
        finally:
            share.connections -= 1
            if not share.connections:
                del self._shares[peer.uid]

    def _check(self, peer: Peer, share: Share) -> None:
        if is_master(peer):
            if share.connections > self._connections:
                raise TryAgain(f"{self._connections} clients are connected already")
            return
        if share.connections > self._per_user:
            raise TryAgain(f"{self._per_user} clients of user {peer.uid} are connected already")
        others = sum(
            each.connections for uid, each in self._shares.items() if uid not in (0, os.geteuid())
        )
        if others > self._connections:
            raise TryAgain(f"{self._connections} clients are connected already")


def is_master(peer: Peer) -> bool:
    """Tell whether it is root or the daemon's own user."""
    return peer.uid in (0, os.geteuid())


def _is_one(peer: Peer, who: str) -> bool:
    """Tell whether a peer is that user, or in that @group."""
    if who.startswith("@"):
        return group_number(who[1:]) in peer.groups
    try:
        return pwd.getpwnam(who).pw_uid == peer.uid
    except KeyError:
        return False
