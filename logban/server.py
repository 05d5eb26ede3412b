# SPDX-License-Identifier: MIT
"""logban-server: the daemon as a program, in the foreground, its log on stderr."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import logban
from logban.actions import capabilities
from logban.clock import SystemClock
from logban.config import load
from logban.config.problem import Severity
from logban.config.settings import Configuration
from logban.control.server import ControlServer
from logban.daemon import Daemon, World
from logban.errors import ConfigurationError, LogbanError, PartlyFailed, TryAgain
from logban.judging.exemptions.names import SystemResolver
from logban.judging.exemptions.own_addresses import read_own_addresses
from logban.ledger.opening import open_ledger
from logban.ledger.store import Store
from logban.matching.engine.saved import ProgramStore
from logban.oneline import OneLine
from logban.running.claim import Claim
from logban.running.host_resolver import HostResolver
from logban.running.places import places_of
from logban.running.restoring import restore
from logban.sdnotify import ServiceManager
from logban.service.commands import DaemonService
from logban.supervision import supervise
from logban.text import visible

log = logging.getLogger("logban")

DATABASE = "logban.sqlite3"
PROGRAMS = "programs"
"""What lies in the directory of the state: the ledger; what was made of filters."""

_COLLECT_AT: Final = (10_000, -1, 1_000)
"""When garbage is collected: at so many new objects that stay, which are looked at this once, as a
flood leaves ten behind each line (below nought means with every such look, and not with every
second or third); every thousandth time among all there are."""

SWITCH_EVERY: Final = 0.0005
"""Seconds that another thread may keep the interpreter when the loop that decides wants to go on.

By Python's default it is ten times as long, and the loop waits for that at every turn while the
database's thread writes: an answer to an admin, or a ban, takes some ten turns."""

LEFT_AFTER: Final = 5.0
"""Seconds that threads have to come to an end when all else has."""

STATUS_EVERY: Final = 10.0
"""Seconds between two looks at whether the service manager's line is still true."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the daemon until it is told to stop, or check the configuration.

    ``arguments`` None are the program's own: then the process ends though a thread of it hangs.
    """
    options = _read_arguments(arguments)
    told = logging.StreamHandler(sys.stderr)
    told.setFormatter(OneLine("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[told])
    capabilities.keep_from_programs()
    try:
        configuration = load(options.config)
        if options.check:
            return _check(configuration)
        logging.getLogger().setLevel(configuration.server.loglevel)
        if options.restore_only:
            return _restore(options.state / DATABASE, configuration)
        last = _leave_what_hangs if arguments is None else lambda: None
        return asyncio.run(_serve(options, configuration, last))
    except LogbanError as error:
        print(f"logban-server: {visible(str(error))}", file=sys.stderr)  # noqa: T201  # its last word
        return error.exit_code


def _read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="logban-server",
        description="Follow logs and ban those who attack. Runs in the foreground.",
    )
    add = parser.add_argument
    add("--config", type=Path, default="/etc/logban", metavar="DIR", help="%(default)s")
    add("--state", type=Path, default="/var/lib/logban", metavar="DIR", help="%(default)s")
    add(
        "--socket", type=Path, default="/run/logban/logban.sock", metavar="PATH", help="%(default)s"
    )
    add("--check", action="store_true", help="check the configuration and exit (0 good, 78 bad)")
    add(
        "--restore-only",
        action="store_true",
        help="put the bans of the ledger in force and exit: before the network is up",
    )
    add("--version", action="version", version=f"logban {logban.__version__}")
    return parser.parse_args(arguments)


def _check(configuration: Configuration) -> int:
    """Say what is wrong with the configuration, on stderr; give the exit code."""
    problems = configuration.problems()
    for problem in problems:
        told = f"{problem.severity.value}: {visible(str(problem))}"
        print(told, file=sys.stderr)  # noqa: T201  # asked for
    broken = any(problem.severity is Severity.ERROR for problem in problems)
    return ConfigurationError.exit_code if broken else os.EX_OK


def _collect_rarely() -> None:
    """Have the garbage collector look at what is new, and seldom at all that there is.

    What the daemon holds is a million objects without cycles when a hundred thousand are banned;
    to go through them takes half a second in which nothing is decided, and by Python's default
    that happens again with every quarter that they grow by: half of all the time in a flood.
    Cycles are made by tasks and errors, which are gone before they grow old, and by a reload,
    after which everything is looked at once.
    """
    gc.freeze()
    gc.enable()
    gc.set_threshold(*_COLLECT_AT)


def _restore(path: Path, configuration: Configuration) -> int:
    """Put the bans of the ledger in force; give the exit code."""
    if not path.exists():
        log.info("there is no ledger at %s yet, so there is nothing to restore", path)
        return os.EX_OK
    store = Store(path)
    try:
        stored = store.load()
    finally:
        store.close()
    return PartlyFailed.exit_code if restore(configuration, stored, SystemClock()) else os.EX_OK


async def _serve(
    options: argparse.Namespace, configuration: Configuration, last: Callable[[], None]
) -> int:
    """Run the daemon and its control socket until a signal says to stop; then do what is last."""
    for problem in configuration.problems():
        log.warning("%s", problem)
    gc.disable()  # what a start takes up stays
    sys.setswitchinterval(SWITCH_EVERY)
    programs = ProgramStore(options.state / PROGRAMS)
    world = World(SystemClock(), SystemResolver(), read_own_addresses, HostResolver(), programs)
    opened = open_ledger(_made(options.state) / DATABASE)
    claim = Claim()
    try:
        _stake(claim, configuration)
    except TryAgain:
        opened.store.close()
        raise
    if opened.notice:
        log.error("%s", opened.notice)
    daemon = Daemon(configuration, opened, world)
    del opened  # what it holds has to go once it has been taken up
    loop = asyncio.get_running_loop()
    manager = ServiceManager.of(os.environ, os.getpid(), loop.call_later)
    has_begun = asyncio.Event()
    service = DaemonService(
        daemon,
        lambda: _stake(claim, load(options.config)),
        lambda: _telling_of_reload(manager, has_begun),
    )
    control = ControlServer(
        options.socket, service, operators=lambda: daemon.configuration.server.operators
    )
    background: set[asyncio.Task[None]] = set()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    async def ready() -> None:
        _collect_rarely()
        # Whoever asks is answered from a ledger that is whole: at the start and at the end.
        await control.start()
        _keep(background, supervise(service.watch.run, daemon.clock))
        _keep(background, _tell_how_it_is(daemon, service, manager, has_begun))
        _keep(background, _turn_away(claim))
        if manager.watchdog_seconds is not None:
            _keep(background, _tell_alive(manager, manager.watchdog_seconds / 2))

    work = asyncio.create_task(daemon.run(ready))
    loop.add_signal_handler(signal.SIGHUP, lambda: _keep(background, _reload(service)))
    log.info("logban %s follows %d jails", logban.__version__, len(configuration.jails))
    told = asyncio.create_task(stop.wait())
    await asyncio.wait((work, told), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    manager.stopping()
    await control.close()
    for task in background:
        task.cancel()
    await asyncio.gather(*background, return_exceptions=True)
    work.cancel()
    try:
        await work
    except asyncio.CancelledError:
        log.info("stopped; bans stay in force until they end")
    claim.close()
    last()
    return os.EX_OK


def _leave_what_hangs() -> None:
    """End the process soon, though a thread may be at something that does not come to an end.

    Python would wait for it: for a mail server, or a program, that has as long as its time limit.
    All that has to be kept is on the disk by now.
    """

    def leave() -> None:
        log.warning("something still hangs; left alone")
        os._exit(os.EX_OK)

    last = threading.Timer(LEFT_AFTER, leave)
    last.daemon = True  # where nothing hangs, nobody waits for this either
    last.start()


def _stake(claim: Claim, configuration: Configuration) -> Configuration:
    """Give a configuration if this daemon may do what it says; TryAgain if another one does."""
    if any(places_of(jail.actions) for jail in configuration.jails.values()):
        claim.stake()
    return configuration


def _made(directory: Path) -> Path:
    """Make the directory for the database if it is not there."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the directory {directory} can't be made: {error.strerror}; give another --state"
        ) from error
    return directory


def _keep(tasks: set[asyncio.Task[None]], work: Coroutine[object, object, None]) -> None:
    """Let something run in the background, and hold on to it until it is done."""
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


@contextmanager
def _telling_of_reload(manager: ServiceManager, has_begun: asyncio.Event) -> Iterator[None]:
    """Tell the service manager of a reload, as Type=notify-reload has it; not before the start."""
    if not has_begun.is_set():
        yield
        return
    manager.reloading(time.monotonic())
    try:
        yield
    finally:
        manager.ready()


async def _tell_how_it_is(
    daemon: Daemon, service: DaemonService, manager: ServiceManager, has_begun: asyncio.Event
) -> None:
    """Tell the service manager of the start once the bans are in force, or can't be soon.

    Afterwards keep the line that it shows true.
    """
    good = await daemon.jails.in_force()
    told = _status(daemon, service)
    manager.ready(told if good else f"{told}; not all actions work: logban-client status")
    has_begun.set()
    while True:
        await asyncio.sleep(STATUS_EVERY)
        now = _status(daemon, service)
        if now != told or not good:
            manager.status(now)
        told, good = now, True


def _status(daemon: Daemon, service: DaemonService) -> str:
    """Say in a line how it is: for ``systemctl status``."""
    status = f"{len(daemon.jails.running)} jails, {len(daemon.ledger)} bans"
    alarms = service.watch.alarms
    if not alarms:
        return status
    more = f" and {len(alarms) - 1} more" if len(alarms) > 1 else ""
    return f"{status}; {alarms[0].kind.severity}: {visible(alarms[0].message, 200)}{more}"


async def _turn_away(claim: Claim) -> None:
    """Let go again and again of those who have asked who keeps bans here."""
    while True:
        await asyncio.sleep(STATUS_EVERY)
        claim.turn_away()


async def _tell_alive(manager: ServiceManager, every: float) -> None:
    """Tell the service manager again and again that the loop which decides still turns."""
    while True:
        manager.alive()
        await asyncio.sleep(every)


async def _reload(service: DaemonService) -> None:
    try:
        changed = (await service.reload()).changed
        log.info("reloaded: %s", "; ".join(changed) or "nothing has changed")
    except LogbanError as error:
        log.error("not reloaded: %s", error)  # noqa: TRY400  # the sentence says it all


if __name__ == "__main__":
    sys.exit(main())
