# SPDX-License-Identifier: MIT
"""The table of commands that the control socket takes, and how their arguments are read."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from logban.control.payloads import ForeignBan
from logban.control.protocol import Request
from logban.control.service import Forever, KamailioOrders, Service
from logban.control.shape import ShapeError, read
from logban.errors import UsageError
from logban.model import Subject

_TOO_LONG = 1000  # characters of a note or a reason: it is shown in tables and mails


@dataclass(frozen=True, slots=True)
class Arguments:
    """A request's arguments; each getter raises UsageError where the value is not of its type.

    An argument that is missing and one that is null are the same.
    """

    command: str
    values: Mapping[str, object]

    def text(self, name: str) -> str:
        """Give a text that must be there."""
        text = self.optional_text(name)
        if text is None:
            raise self._wrong(name, "is missing")
        return text

    def optional_text(self, name: str) -> str | None:
        """Give a text of bounded length, None if there is none."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self._wrong(name, "must be a text")
        if len(value) > _TOO_LONG:
            raise self._wrong(name, f"is longer than {_TOO_LONG} characters")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Give texts, none if the list is not there."""
        value = self.values.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or len(value) > _TOO_LONG:
            raise self._wrong(name, "must be a list of texts")
        found = tuple(each for each in value if isinstance(each, str))
        if len(found) != len(value):
            raise self._wrong(name, "must be a list of texts")
        return found

    def seconds(self, name: str) -> float | None:
        """Give a span above 0, None if there is none."""
        if self.values.get(name) is None:
            return None
        try:
            seconds = read(float, self.values[name])
        except ShapeError as error:
            raise self._wrong(name, str(error)) from error
        if seconds <= 0:
            raise self._wrong(name, "must be above 0")
        return seconds

    def seconds_or_forever(self, name: str) -> float | Forever | None:
        """Give a span above 0 or the one without end, None if there is none."""
        if self.values.get(name) == Forever.FOREVER.value:
            return Forever.FOREVER
        return self.seconds(name)

    def flag(self, name: str) -> bool:
        """Give true or false, false if it is not there."""
        value = self.values.get(name)
        if not isinstance(value, bool | None):
            raise self._wrong(name, "must be true or false")
        return bool(value)

    def subject(self, name: str) -> Subject:
        """Give a subject that must be there."""
        try:
            return read(Subject, self.values.get(name))
        except ShapeError as error:
            raise self._wrong(name, str(error)) from error

    def subjects(self, name: str) -> tuple[Subject, ...] | None:
        """Give subjects, at least one, None if the list is not there."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not value:
            raise self._wrong(name, "must be a list of subjects, at least one")
        try:
            return tuple(read(Subject, item) for item in value)
        except ShapeError as error:
            raise self._wrong(name, str(error)) from error

    def bans(self, name: str) -> tuple[ForeignBan, ...]:
        """Give bans of another program's; the list must be there."""
        value = self.values.get(name)
        if not isinstance(value, list):
            raise self._wrong(name, "must be a list of bans")
        try:
            return tuple(read(ForeignBan, item) for item in value)
        except ShapeError as error:
            raise self._wrong(name, str(error)) from error

    def _wrong(self, name: str, problem: str) -> UsageError:
        return UsageError(f"{self.command}: argument {name!r} {problem}")


@dataclass(frozen=True, slots=True)
class Command:
    """A command: whether it changes anything, the arguments it takes, how it is carried out."""

    name: str
    writes: bool
    arguments: tuple[str, ...]
    run: Callable[[Service, Arguments], Awaitable[object]]


async def _status(service: Service, given: Arguments) -> object:
    jail = given.optional_text("jail")
    return await (service.status() if jail is None else service.status_jail(jail))


async def _ban(service: Service, given: Arguments) -> object:
    subjects = given.subjects("subjects")
    if subjects is None:
        raise UsageError("ban: argument 'subjects' is missing")
    jail, seconds = given.optional_text("jail"), given.seconds_or_forever("seconds")
    reason, force = given.optional_text("reason") or "", given.flag("force")
    return await service.ban(subjects, jail, seconds, reason, force=force)


async def _unban(service: Service, given: Arguments) -> object:
    subjects, everybody = given.subjects("subjects"), given.flag("all")
    # "All" must be said: a script whose list of subjects is lost must not open the gate.
    if (subjects is None) is not everybody:
        raise UsageError("unban: give either 'subjects' or 'all', not both and not neither")
    return await service.unban(subjects, given.optional_text("jail"))


def _kamailio(
    name: str,
    run: Callable[[KamailioOrders, Arguments], Awaitable[object]],
    *arguments: str,
    writes: bool = False,
) -> Command:
    """Declare an order at Kamailio; ``rpc`` says at which one."""
    return Command(
        f"kamailio-{name}",
        writes,
        ("rpc", *arguments),
        lambda service, given: run(service.kamailio(given.optional_text("rpc")), given),
    )


def _entry_of(given: Arguments) -> tuple[str, str, str]:
    return given.text("color"), given.text("kind"), given.text("value")


_ENTRY = ("color", "kind", "value")


def _allow_add(service: Service, given: Arguments) -> Awaitable[object]:
    note = given.optional_text("note") or ""
    return service.allow_add(given.text("entry"), given.seconds("seconds"), note)


COMMANDS: Mapping[str, Command] = {
    command.name: command
    for command in (
        Command("ping", False, (), lambda service, _: service.ping()),
        Command("status", False, ("jail",), _status),
        Command("health", False, (), lambda service, _: service.health()),
        Command(
            "banned",
            False,
            ("jail", "subjects"),
            lambda service, given: service.banned(
                given.optional_text("jail"), given.subjects("subjects")
            ),
        ),
        Command(
            "why", False, ("subject",), lambda service, given: service.why(given.subject("subject"))
        ),
        Command(
            "unmatched",
            False,
            ("jail",),
            lambda service, given: service.unmatched(given.optional_text("jail")),
        ),
        Command(
            "allow-list",
            False,
            ("jail",),
            lambda service, given: service.allow_list(given.optional_text("jail")),
        ),
        Command("ban", True, ("subjects", "jail", "seconds", "reason", "force"), _ban),
        Command("adopt", True, ("bans",), lambda service, given: service.adopt(given.bans("bans"))),
        Command("unban", True, ("subjects", "all", "jail"), _unban),
        Command("allow-add", True, ("entry", "seconds", "note"), _allow_add),
        Command(
            "allow-del",
            True,
            ("entry",),
            lambda service, given: service.allow_del(given.text("entry")),
        ),
        Command(
            "verify",
            False,
            ("jail",),
            lambda service, given: service.verify(given.optional_text("jail")),
        ),
        Command(
            "repair",
            True,
            ("jail",),
            lambda service, given: service.repair(given.optional_text("jail")),
        ),
        Command("reload", True, (), lambda service, _: service.reload()),
        _kamailio("print", lambda at, given: at.entries(given.texts("kinds")), "kinds"),
        _kamailio("add", lambda at, given: at.add(*_entry_of(given)), *_ENTRY, writes=True),
        _kamailio("del", lambda at, given: at.delete(*_entry_of(given)), *_ENTRY, writes=True),
        _kamailio("reload", lambda at, _: at.reload(), writes=True),
        _kamailio("stats", lambda at, _: at.stats()),
        _kamailio("stats-reset", lambda at, _: at.reset_stats(), writes=True),
        _kamailio("top", lambda at, _: at.top()),
    )
}


def find_command(request: Request) -> tuple[Command, Arguments]:
    """Give the command that a request names; UsageError if there is none, or no such argument."""
    command = COMMANDS.get(request.command)
    if command is None:
        raise UsageError(f"there is no command {request.command!r:.60}")
    for name in request.arguments:
        if name not in command.arguments:
            near = difflib.get_close_matches(name, command.arguments, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"{command.name} has no argument {name!r:.60}{hint}")
    return command, Arguments(command.name, request.arguments)
