# SPDX-License-Identifier: MIT
"""Failures of hosts that a line names: looked up off the hot path, then judged like any other.

Whoever controls a name chooses the addresses that it has, which may be anybody's.  So a jail has
to ask for this (``usedns``); exemption is asked for each address; and neither a flood of names nor
a name server that does not answer holds anything up, for all that waits is bounded.  What waits
when the daemon ends is not known after the next start.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from logban.addresses import canonical_address
from logban.clock import Clock
from logban.config.settings import UseDns
from logban.judging.exemptions.names import Resolver
from logban.matching.named import NamedFailure
from logban.model import Verdict
from logban.running.jail import Jail

log = logging.getLogger(__name__)

MAX_WAITING: Final = 1000
"""Failures that wait for their host to be looked up; further ones are dropped, and counted."""

AT_ONCE: Final = 16
"""Look-ups under way at a time; other hosts wait for one of them to end."""

MAX_REMEMBERED: Final = 10_000
"""Hosts whose addresses are remembered; the oldest answers are forgotten."""

KEEP: Final = 300.0
KEEP_FAILURE: Final = 60.0
"""Seconds for which an answer holds, and for which a host without one is not asked for again."""

MAX_ADDRESSES: Final = 16
"""Addresses that a host may have; whoever names more wants somebody else to be banned."""

# A name as hosts have it, of at least two labels and not ending in a number (RFC 1123, 2.1).
_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class _Waiting:
    jail: str
    named: NamedFailure
    live: bool
    now: float


@dataclass(slots=True)
class NamingCounters:
    """What became of hosts: looked up; of no use (no name, no address); dropped, being too many."""

    looked_up: int = 0
    useless: int = 0
    dropped: int = 0


class Naming:
    """Finds the addresses of hosts and has the jails judge them."""

    def __init__(
        self,
        resolver: Resolver,
        clock: Clock,
        *,
        jail: Callable[[str], Jail | None],
        decide: Callable[[Iterable[Verdict], float], None],
    ) -> None:
        """``jail`` gives a running jail; ``decide`` takes the verdicts that come later."""
        self.counters = NamingCounters()
        self._resolver = resolver
        self._clock = clock
        self._jail = jail
        self._decide = decide
        self._answers: dict[str, tuple[float, frozenset[str]]] = {}
        self._waiting: dict[str, list[_Waiting]] = {}
        self._number = 0
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    @property
    def problems(self) -> list[str]:
        """What the admin should know, a sentence each."""
        dropped = self.counters.dropped
        few = "were not looked up: too many at a time"
        return [f"{dropped} failures of hosts by name {few}"] if dropped else []

    def take(
        self, jail: Jail, found: Iterable[NamedFailure], *, live: bool, now: float
    ) -> list[Verdict]:
        """Take the hosts that a jail's filter has found; give what comes of those known by now."""
        verdicts: list[Verdict] = []
        for named in found if jail.settings.use_dns.looks_up else ():
            host = named.host.rstrip(".").lower()
            if not _NAME.fullmatch(host):
                self.counters.useless += 1
                continue
            waiting = _Waiting(jail.name, named, live, now)
            until, addresses = self._answers.get(host, (0.0, frozenset()))
            if now < until:
                verdicts += self._judge(waiting, addresses)
            else:
                self._wait(host, waiting)
        return verdicts

    async def close(self) -> None:
        """Stop looking up."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _wait(self, host: str, waiting: _Waiting) -> None:
        if self._number >= MAX_WAITING:
            self.counters.dropped += 1
            return
        self._number += 1
        self._waiting.setdefault(host, []).append(waiting)
        if host not in self._tasks:
            self._tasks[host] = asyncio.create_task(self._find(host))

    async def _find(self, host: str) -> None:
        """Look a host up, and judge all that has been waiting for that."""
        addresses: frozenset[str] = frozenset()
        try:
            async with self._slots:
                addresses = await self._look_up(host)
        finally:
            del self._tasks[host]
            waiting = self._waiting.pop(host)
            self._number -= len(waiting)
        verdicts: list[Verdict] = []
        for each in waiting:
            verdicts += self._judge(each, addresses)
        self._decide(verdicts, self._clock.now())

    async def _look_up(self, host: str) -> frozenset[str]:
        self.counters.looked_up += 1
        keep, addresses = KEEP_FAILURE, frozenset[str]()
        try:
            found = await self._resolver.resolve(host)
        except OSError as error:
            log.info("%s does not resolve: %s", host, str(error) or type(error).__name__)
        else:
            if len(found) <= MAX_ADDRESSES:
                keep, addresses = KEEP, found
            else:
                log.warning("%s has %d addresses, so none of them counts", host, len(found))
        self._answers.pop(host, None)
        self._answers[host] = (self._clock.now() + keep, addresses)
        if len(self._answers) > MAX_REMEMBERED:
            del self._answers[next(iter(self._answers))]
        for name in self._warned(host):
            where = ", ".join(sorted(addresses)) or "nothing"
            log.warning("[%s] a line names %s, looked up as %s (usedns = warn)", name, host, where)
        return addresses

    def _warned(self, host: str) -> set[str]:
        """Name the jails that wait for a host and want to be told of look-ups."""
        names = {each.jail for each in self._waiting.get(host, ())}
        jails = (jail for jail in map(self._jail, names) if jail is not None)
        return {jail.name for jail in jails if jail.settings.use_dns is UseDns.WARN}

    def _judge(self, waiting: _Waiting, addresses: Iterable[str]) -> list[Verdict]:
        """Judge a failure of a host as one of each of its addresses, by the time of its line."""
        jail = self._jail(waiting.jail)
        failures = [waiting.named.at(canonical_address(address)) for address in sorted(addresses)]
        if jail is None or not failures:
            self.counters.useless += not failures
            return []
        return jail.take(failures, live=waiting.live, now=waiting.now)
