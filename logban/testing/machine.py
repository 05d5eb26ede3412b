# SPDX-License-Identifier: MIT
"""The whole machine in one process: real files, real database, a fake kernel and a fake clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Executor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

from logban.actions.declaration import ActionSpec
from logban.actions.protocols import Enforcer, Notifier
from logban.config import load
from logban.daemon import Daemon, World
from logban.ledger.opening import Opened
from logban.ledger.store import Store
from logban.testing.actions import FakeEnforcer, FakeNotifier
from logban.testing.clock import FakeClock
from logban.testing.lines import LogFile, wrong_password
from logban.testing.waiting import LIMIT

NOW = 1_795_168_800.0
T = TypeVar("T")
BAD, OTHER = "198.51.100.7", "203.0.113.50"
_FILTER = "[Definition]\nfailregex = failed for '<HOST>:\\d+' - Wrong password$\n"


def once(story: Callable[[], Coroutine[object, object, T]]) -> T:
    """Run a story in a loop of its own; TimeoutError if it does not come to an end."""

    async def limited() -> T:
        async with asyncio.timeout(LIMIT):
            return await story()

    return asyncio.run(limited())


class FakeResolver:
    """A :class:`logban.judging.exemptions.names.Resolver` that knows what it was told."""

    def __init__(self) -> None:
        self.known: dict[str, frozenset[str]] = {}
        self.named: dict[str, str] = {}

    async def resolve(self, name: str) -> frozenset[str]:
        """Give a name's addresses; OSError if it was told none."""
        if name not in self.known:
            raise OSError(f"{name} is not known")
        return self.known[name]

    async def name_of(self, address: str) -> str | None:
        """Give the name of an address, if it was told one."""
        return self.named.get(address)


class Machine:
    """A daemon in this process, with a clock, a resolver and actions that a test commands.

    ``actions`` holds those that were built, by jail and name as written ("pbx nftables").  A test
    puts ``build`` and ``sweep`` in the place of those of the catalogue: the real ones would change
    this host's kernel.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock(NOW)
        self.names = FakeResolver()
        self.own: frozenset[str] | OSError = frozenset()
        self.log = LogFile(folder / "full")
        self.actions: dict[str, FakeEnforcer | FakeNotifier] = {}
        self.swept: list[tuple[str, set[str]]] = []
        self.sweep_fault: Exception | None = None
        self._at_work: set[asyncio.Future[object]] = set()
        for part in ("jails.d", "filters.d", "state"):
            (folder / part).mkdir()
        (folder / "filters.d/sip.conf").write_text(_FILTER)
        (folder / "jails.d/manual.conf").write_text("[manual]\naction =\n")

    def jail(self, name: str = "pbx", **settings: str) -> None:
        """Write a jail: the usual settings, and what a test says instead."""
        usual = {"enabled": "true", "filter": "sip", "logpath": str(self.log.path)}
        usual |= {"maxretry": "2", "findtime": "600", "bantime": "60", "action": "nftables"}
        lines = [f"{key} = {value}" for key, value in (usual | settings).items()]
        path = self.folder / "jails.d" / f"{name}.conf"
        path.write_text("\n".join([f"[{name}]", *lines, ""]))

    def fail(self, address: str = BAD, times: int = 2) -> None:
        """Write failures of an address, of this moment."""
        for _ in range(times):
            self.log.write(wrong_password(address, self.clock.now()))

    def build(self, spec: ActionSpec, _clock: object) -> Enforcer | Notifier:
        """Make a fake of what a jail asks for."""
        made = FakeNotifier() if spec.type_name == "email" else FakeEnforcer()
        self.actions[f"{spec.jail} {spec.written}"] = made
        return made

    def sweep(self, kind: str, keep: set[str]) -> list[str]:
        """Note the call, and fail if that was ordered."""
        self.swept.append((kind, keep))
        if self.sweep_fault is not None:
            raise self.sweep_fault
        return ["old-drop"]

    def enforcer(self, name: str = "pbx nftables") -> FakeEnforcer:
        """Give the enforcer of that name."""
        made = self.actions[name]
        if not isinstance(made, FakeEnforcer):
            raise TypeError(f"{name} is no enforcer")
        return made

    def notifier(self, name: str) -> FakeNotifier:
        """Give the notifier of that name."""
        made = self.actions[name]
        if not isinstance(made, FakeNotifier):
            raise TypeError(f"{name} is no notifier")
        return made

    def store(self) -> Store:
        """Open its database."""
        return Store(self.folder / "state" / "logban.sqlite3")

    def own_addresses(self) -> frozenset[str]:
        """Give the host's own addresses, or the error that a test wants."""
        if isinstance(self.own, OSError):
            raise self.own
        return self.own

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Daemon]:
        """Run the daemon as the configuration says now; stop it at the end."""
        self._watch_threads()
        world = World(self.clock, self.names, self.own_addresses)
        store = self.store()
        daemon = Daemon(load(self.folder), Opened(store, store.load()), world)
        ready = asyncio.Event()

        async def told() -> None:
            ready.set()

        work = asyncio.create_task(daemon.run(told))
        try:
            async with asyncio.timeout(LIMIT):
                await ready.wait()
            yield daemon
        finally:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work

    async def let_pass(self, seconds: float) -> None:
        """Let time go by step by step, so that whoever sleeps in between is woken in time.

        What a thread is at is waited for before the next step, but for a second at the most in
        all: it may be one that a test holds up.
        """
        patience = time.monotonic() + 1
        for _ in range(round(seconds * 4)):
            self.clock.advance(0.25)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            while self._at_work and (left := patience - time.monotonic()) > 0:
                await asyncio.wait(set(self._at_work), timeout=left)
                await asyncio.sleep(0)

    def _watch_threads(self) -> None:
        """Count what this loop has handed to threads and has no answer to."""
        loop = asyncio.get_running_loop()
        hand_over = loop.run_in_executor

        def counted(
            threads: Executor | None, work: Callable[..., object], *arguments: object
        ) -> asyncio.Future[object]:
            future = hand_over(threads, work, *arguments)
            self._at_work.add(future)
            future.add_done_callback(self._at_work.discard)
            return future

        loop.run_in_executor = counted  # type: ignore[assignment]  # for as long as it lives
