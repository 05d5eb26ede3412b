# SPDX-License-Identifier: MIT
"""Run programs of the admin's for a ban and its end.

No shell is run but for the scripts of fail2ban's actions (``shell``).
"""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final, TypeVar

from logban.actions import process
from logban.actions.command.line import CommandLine, values_of
from logban.actions.command.shell import Script, variable
from logban.actions.declaration import ActionSpec
from logban.clock import Clock
from logban.durations import format_duration
from logban.errors import ActionError
from logban.model import Ban, Subject, SubjectKind
from logban.text import visible

_LOG = logging.getLogger(__name__)

K = TypeVar("K")
V = TypeVar("V")

_NOTHING: Final[Mapping[str, str]] = {}
_OUTPUT = 4096  # of a program, kept for the message about its failure
_REMEMBERED = 4096  # lifted bans, and those that could not be
_NAMED = 5  # failures named one by one in one message

Line = CommandLine | Script


@dataclass(frozen=True, slots=True)
class Commands:
    """What is run at each event; None: nothing."""

    ban: Line | None = None
    unban: Line | None = None
    extend: Line | None = None
    start: Line | None = None
    stop: Line | None = None


_EVENTS: Final = tuple(event.name for event in fields(Commands))


class Command:
    """An enforcer that runs programs, and remembers what it has run them for.

    What a program has done can't be read back.  So a ban that was applied in this process is not
    applied again; with another end ``extend`` is run for it, or nothing.  Bans of an earlier
    process are known by their time, which lies before ``created``: with ``restored`` false no
    program is run for them.  ``unban`` is run once for each ban that is lifted.
    """

    def __init__(
        self,
        jail: str,
        commands: Commands,
        clock: Clock,
        *,
        timeout: float = 60.0,
        restored: bool = True,
        firewall: bool = False,
    ) -> None:
        self._jail = jail
        self._commands = commands
        self._clock = clock
        self._timeout = timeout
        self._restored = restored
        self._firewall = firewall
        self._created = clock.now()
        self._started: set[str] = set()
        self._applied: dict[tuple[str, Subject], float | None] = {}
        self._lifted: OrderedDict[tuple[str, Subject, float], None] = OrderedDict()
        self._owed: OrderedDict[tuple[str, Subject], Ban] = OrderedDict()

    def prepare(self) -> None:
        """Run ``start``, once; ActionError if it fails.  Then try again what could not be lifted.

        Nobody else can find those: that they are in force can't be read.
        """
        for family in _families(self._commands.start):
            self._start(family)
        try:
            self._each(list(self._owed.values()), self._lift)
        except ActionError as error:  # it must not keep back new bans
            _LOG.warning("%s", error)

    def apply(self, bans: Sequence[Ban]) -> None:
        """Run what these bans ask for, one after another.

        All are tried; ActionError names those that failed.  Only these are tried again when the
        same bans are applied once more.
        """
        self._forget_ended()
        self._each(bans, self._apply)

    def lift(self, bans: Sequence[Ban]) -> None:
        """Run ``unban`` for these, in the way of :meth:`apply`."""
        self._each(bans, self._lift)

    def read(self) -> None:
        """Tell that what is in force can't be read."""
        return

    def close(self) -> None:
        """Run ``stop``, where ``start`` was due; ActionError if it fails."""
        started, self._started = sorted(self._started), set()
        stop = self._commands.stop
        if stop is None:
            return
        for family in started if isinstance(stop, Script) and stop.inet != stop.inet6 else [""]:
            if started:
                self._for_jail(stop, family)

    def takes(self, subject: Subject) -> bool:
        """Tell whether it can be told of this subject.

        A command that does not ask for the user would shut everybody at his address out.
        """
        if subject.kind in (SubjectKind.IP, SubjectKind.NET):
            return True
        line = self._commands.ban
        return isinstance(line, CommandLine) and "user" in line.text

    def _start(self, family: str) -> None:
        """Run ``start`` for a family of addresses, or for both (""), once."""
        if family not in self._started:
            if self._commands.start is not None:
                self._for_jail(self._commands.start, family)
            self._started.add(family)

    def _apply(self, ban: Ban) -> None:
        now = self._clock.now()
        if ban.until is not None and ban.until <= now:
            return
        key = (ban.jail, ban.subject)
        if key not in self._applied:
            is_new = ban.time >= self._created
            if self._commands.ban is not None and (self._restored or is_new):
                values = values_of(ban, now)
                if isinstance(self._commands.ban, Script):
                    values["restored"] = int(not is_new)
                if isinstance(self._commands.start, Script) and self._commands.start.on_demand:
                    self._start(str(values["family"]))
                if not is_new:
                    self._clear(values)
                self._run(self._commands.ban, values, ban.fields)
        elif self._applied[key] != ban.until and self._commands.extend is not None:
            self._run(self._commands.extend, values_of(ban, now), ban.fields)
        self._applied[key] = ban.until
        self._lifted.pop((*key, ban.time), None)
        self._owed.pop(key, None)

    def _lift(self, ban: Ban) -> None:
        key = (ban.jail, ban.subject, ban.time)
        if key in self._lifted:
            return
        if self._commands.unban is not None:
            _remember(self._owed, (ban.jail, ban.subject), ban)
            self._run(self._commands.unban, values_of(ban, self._clock.now()), ban.fields)
            del self._owed[ban.jail, ban.subject]
        self._applied.pop((ban.jail, ban.subject), None)
        _remember(self._lifted, key, None)

    def _clear(self, values: Mapping[str, object]) -> None:
        """Lift what an earlier process may have left of a ban, where a script of fail2ban's did it.

        Most of those would put a second rule beside the first, and lift but one.
        """
        if isinstance(self._commands.unban, Script):
            try:
                self._run(self._commands.unban, values)
            except ActionError as error:  # there was nothing, most likely
                _LOG.debug("%s", error)

    def _forget_ended(self) -> None:
        now = self._clock.now()
        ended = [key for key, until in self._applied.items() if until is not None and until <= now]
        for key in ended:
            del self._applied[key]

    def _each(self, bans: Sequence[Ban], do: Callable[[Ban], None]) -> None:
        failures: list[str] = []
        for ban in bans:
            try:
                do(ban)
            except ActionError as error:
                failures.append(f"{visible(str(ban.subject), 100)}: {error}")
        if failures:
            named = "; ".join(failures[:_NAMED])
            more = len(failures) - _NAMED
            others = f"; and {more} more" if more > 0 else ""
            raise ActionError(f"command in jail {self._jail}: {named}{others}")

    def _for_jail(self, line: Line, family: str) -> None:
        try:
            self._run(line, {"jail": self._jail} | ({"family": family} if family else {}))
        except ActionError as error:
            raise ActionError(f"command in jail {self._jail}: {error}") from error

    def _run(
        self, line: Line, values: Mapping[str, object], fields: Mapping[str, str] = _NOTHING
    ) -> None:
        try:
            argv = line.argv(values)
        except ValueError as error:
            raise ActionError(f"{line.event} command {line.text!r}: {error}") from error
        program = f"the {line.event} script" if isinstance(line, Script) else argv[0]
        environment = {
            **process.ENVIRONMENT,
            "LOGBAN_EVENT": line.event,
            **{f"LOGBAN_{name.upper()}": str(value) for name, value in values.items()},
        }
        if isinstance(line, Script):
            environment |= _of_script(values, fields)
            if "LOGBAN_FQ_HOSTNAME" in argv[-1]:  # which may ask name servers, so only where needed
                environment["LOGBAN_FQ_HOSTNAME"] = socket.getfqdn()
        try:
            finished = process.run(
                argv,
                timeout=self._timeout,
                limit=_OUTPUT,
                environment=environment,
                firewall=self._firewall,
            )
        except OSError as error:
            raise ActionError(f"{program} cannot be run: {error.strerror}") from error
        if finished.timed_out:
            raise ActionError(f"{program} did not end within {format_duration(self._timeout)}")
        if finished.code:
            said = visible(finished.output.decode(errors="replace").strip(), 300)
            how = f"exit code {finished.code}" if finished.code > 0 else f"signal {-finished.code}"
            raise ActionError(f"{program} failed ({how}): {said or 'it said nothing'}")


def build(spec: ActionSpec, clock: Clock) -> Command:
    """Make the enforcer that a jail asks for."""
    commands = Commands(*(_line(spec, event) for event in _EVENTS))
    return Command(
        spec.jail,
        commands,
        clock,
        timeout=spec.value("timeout", float),
        restored=spec.value("restored", bool),
        firewall=spec.value("firewall", bool),
    )


def _line(spec: ActionSpec, event: str) -> Line | None:
    value = spec.parameters[event]
    if isinstance(value, Script):
        return value
    return spec.optional(event, CommandLine)


def _families(start: Line | None) -> tuple[str, ...]:
    """Give the families that ``start`` is run for before anything else; "" stands for both."""
    if not isinstance(start, Script) or start.inet == start.inet6:
        return ("",) if not isinstance(start, Script) or not start.on_demand else ()
    return () if start.on_demand else ("inet", "inet6")


def _of_script(values: Mapping[str, object], fields: Mapping[str, str]) -> dict[str, str]:
    """Give what fail2ban's scripts are told beside the rest; nobody becomes an option by a name."""
    address = str(values.get("ip", "")).partition("/")[0]
    lines = str(values.get("lines", ""))
    told = {
        "LOGBAN_IP_REV": _reversed(address),
        "LOGBAN_SH_HOSTNAME": socket.gethostname(),
        "LOGBAN_LINES": _disarmed(lines),
    }
    for name, value in fields.items():
        tag = f"F-{name.upper().replace('_', '-')}"
        told[variable(tag) or "LOGBAN_F"] = _disarmed(visible(value, 1000))
    return told


def _disarmed(text: str) -> str:
    return f"\\x2d{text[1:]}" if text.startswith("-") else text


def _reversed(address: str) -> str:
    """Give an address as name servers are asked for it: ``7.100.51.198.``; "" if there is none."""
    if not address:
        return ""
    pointer = ipaddress.ip_address(address).reverse_pointer
    return pointer.removesuffix("in-addr.arpa").removesuffix("ip6.arpa")


def _remember(memory: OrderedDict[K, V], key: K, value: V) -> None:
    memory[key] = value
    while len(memory) > _REMEMBERED:
        memory.popitem(last=False)
