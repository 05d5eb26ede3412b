# SPDX-License-Identifier: MIT
"""logban-client fail2ban WORD...: the answers of fail2ban-client, for programs that call it.

A link to logban-client under the name fail2ban-client is the same (see ``main``): what a telephone
system's or a host's web panel runs goes on working, with fail2ban's words, texts and exit codes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Final

import click

from logban import __version__
from logban.client import fail2ban_text as text
from logban.client.invocation import Invocation, common_options
from logban.client.output import say
from logban.client.subject import parse_entry, parse_subject
from logban.control.payloads import (
    AllowAdded,
    AllowList,
    AllowRemoved,
    Banned,
    JailDetail,
    Lifted,
    Placed,
    Pong,
    Reloaded,
    Status,
)
from logban.control.protocol import SCHEMA, Refused
from logban.errors import DaemonNotRunning, LogbanError, UnknownName
from logban.model import Subject
from logban.text import visible

FAILED: Final = 255
"""fail2ban-client's exit code for whatever went wrong."""

_WITH_VALUE: Final = ("-c", "-s", "-p", "--conf", "--socket", "--pidfile", "--timeout")
_FLAGS: Final = ("-v", "-vv", "-vvv", "-q", "-x", "-b", "-f", "--async", "--quiet", "--verbose")


class NotOk(Exception):
    """What was asked can't be done; the message is what is printed."""


@click.command(
    "fail2ban",
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)
@click.argument("words", metavar="WORD...", nargs=-1, type=click.UNPROCESSED)
@common_options
@click.pass_context
def command(context: click.Context, words: tuple[str, ...]) -> None:
    """Answer as fail2ban-client does, for programs that know that one.

    status [JAIL], ping, version, banned [IP...], unban IP...|--all, reload,
    set JAIL banip|unbanip|addignoreip|delignoreip IP...,
    get JAIL banip [SEPARATOR|--with-time]|banned [IP...]|ignoreip|logpath|actions,
    get JAIL maxretry|findtime|bantime.  Options of fail2ban-client are passed over.
    """
    invocation = Invocation.of(context)
    asking = _Asking(Invocation(invocation.config, invocation.socket))
    try:
        said = asking.answer(_without_options(words))
        click.echo(
            json.dumps({"schema": SCHEMA, "ok": True, "said": said}) if invocation.json else said
        )
    except NotOk as failure:
        say(str(failure))
        context.exit(FAILED)
    except DaemonNotRunning:
        socket = invocation.socket
        say(f"Failed to access socket path: {socket}. Is fail2ban running?", err=True)
        context.exit(FAILED)
    except Refused as error:
        say(error.refusal.message, err=True)
        context.exit(FAILED)
    except (LogbanError, ValueError) as error:
        say(str(error), err=True)
        context.exit(FAILED)


def _without_options(words: Sequence[str]) -> list[str]:
    """Leave fail2ban-client's own options out, which stand before the command."""
    left = list(words)
    while left and left[0].startswith("-"):
        option = left.pop(0)
        if option in _WITH_VALUE and left:
            left.pop(0)
        elif option in ("-V", "--version"):
            return ["version"]
        elif option not in _FLAGS and "=" not in option and option[:2] not in _WITH_VALUE:
            raise NotOk(f"there is no option {option}")
    return left


class _Asking:
    """Asks the daemon and writes its answers in fail2ban's words."""

    def __init__(self, invocation: Invocation) -> None:
        self._ask = invocation.ask

    def answer(self, words: Sequence[str]) -> str:
        """Give what is printed; NotOk for what fail2ban-client would not do either."""
        match list(words):
            case ["set", jail, verb, *addresses] if addresses:
                return self._set(jail, verb, addresses)
            case ["get", jail, verb, *more]:
                return self._get(jail, verb, more)
            case ["status", jail, *_]:
                return text.one_jail(self._detail(jail))
            case ["banned", *addresses]:
                return self._banned(addresses)
            case [verb, *more]:
                return self._overall(verb, more)
        raise NotOk("Invalid command")

    def _overall(self, verb: str, more: Sequence[str]) -> str:
        """Answer what concerns no single jail."""
        match verb, list(more):
            case "ping", _:
                self._ask(Pong, "ping")
                said = "Server replied: pong"
            case "version", _:
                said = __version__
            case "status", _:
                said = text.all_jails(self._ask(Status, "status"))
            case "unban", ["--all"]:
                said = str(len(self._ask(Lifted, "unban", all=True).lifted))
            case "unban", addresses if addresses:
                lifted = self._ask(Lifted, "unban", subjects=_subjects(addresses)).lifted
                said = str(len({ban.subject for ban in lifted}))
            case "reload", _:
                self._ask(Reloaded, "reload")
                said = "OK"
            case _:
                raise NotOk("Invalid command")
        return said

    def _detail(self, jail: str) -> JailDetail:
        try:
            return self._ask(JailDetail, "status", jail=jail)
        except Refused as error:
            if error.refusal.exit_code == UnknownName.exit_code:
                raise NotOk(f"Sorry but the jail {jail!r} does not exist") from error
            raise

    def _banned(self, addresses: Sequence[str]) -> str:
        if addresses:
            subjects = _subjects(addresses)
            asked = [self._ask(Banned, "banned", subjects=[subject]) for subject in subjects]
            return str([sorted({ban.jail for ban in answer.bans}) for answer in asked])
        bans = self._ask(Banned, "banned").bans
        names = text.running(self._ask(Status, "status"))
        return str(
            [{name: [text.subject(ban) for ban in bans if ban.jail == name]} for name in names]
        )

    def _set(self, jail: str, verb: str, addresses: Sequence[str]) -> str:
        self._detail(jail)
        match verb:
            case "banip":
                subjects = _subjects(addresses)
                known = self._ask(Banned, "banned", jail=jail, subjects=subjects).bans
                placed = self._ask(Placed, "ban", subjects=subjects, jail=jail, reason="banip")
                for refused in placed.refused:
                    say(f"{refused.subject}: {refused.reason}", err=True)
                before = {ban.subject for ban in known}
                return str(sum(ban.subject not in before for ban in placed.bans))
            case "unbanip":
                return self._unban(jail, addresses)
            case "addignoreip":
                for entry in map(parse_entry, addresses):
                    self._ask(AllowAdded, "allow-add", entry=entry, note="addignoreip")
                return self._exempt(jail)
            case "delignoreip":
                for entry in map(parse_entry, addresses):
                    self._ask(AllowRemoved, "allow-del", entry=entry)
                return self._exempt(jail)
        raise NotOk("Invalid command (no set action or not yet implemented)")

    def _unban(self, jail: str, addresses: Sequence[str]) -> str:
        wanted = [each for each in addresses if each != "--report-absent"]
        answer = self._ask(Lifted, "unban", subjects=_subjects(wanted), jail=jail)
        if "--report-absent" in addresses and answer.not_banned:
            raise NotOk(f"not banned: {[str(each) for each in answer.not_banned]}")
        return str(len(answer.lifted))

    def _exempt(self, jail: str) -> str:
        return text.exempt(self._ask(AllowList, "allow-list", jail=jail).entries)

    def _get(self, jail: str, verb: str, more: Sequence[str]) -> str:
        detail = self._detail(jail)
        bans = [text.subject(ban) for ban in detail.bans]
        match verb, list(more):
            case "banip", ["--with-time", *_]:
                said = "\n".join(map(text.with_time, detail.bans))
            case "banip", separator:
                said = (separator or [" "])[0].join(bans)
            case "banned", []:
                said = str(bans)
            case "banned", addresses:
                said = self._are_banned(jail, addresses)
            case "ignoreip", _:
                said = self._exempt(jail)
            case _ if verb in _SIMPLE:
                said = _SIMPLE[verb](detail)
            case _:
                raise NotOk("Invalid command (no get action or not yet implemented)")
        return said

    def _are_banned(self, jail: str, addresses: Sequence[str]) -> str:
        answers = [
            int(bool(self._ask(Banned, "banned", jail=jail, subjects=[subject]).bans))
            for subject in _subjects(addresses)
        ]
        return str(answers[0] if len(answers) == 1 else answers)


def setting(verb: str, detail: JailDetail) -> str:
    """Write one of a jail's settings: maxretry, findtime, bantime, logpath, actions."""
    return _SIMPLE[verb](detail)


def _bantime(detail: JailDetail) -> str:
    settings = detail.jail.settings
    if settings is None:
        return ""
    return "-1" if settings.bantime is None else f"{settings.bantime:.0f}"


def _actions(detail: JailDetail) -> str:
    names = ", ".join(action.name for action in detail.jail.actions)
    if not names:
        return f"No actions for jail {visible(detail.jail.name)}"
    return f"The jail {visible(detail.jail.name)} has the following actions:\n{visible(names)}"


_SIMPLE: Final[dict[str, Callable[[JailDetail], str]]] = {
    "logpath": lambda detail: text.files(detail.jail.files),
    "maxretry": lambda detail: str(detail.jail.settings.maxretry) if detail.jail.settings else "",
    "findtime": lambda detail: (
        f"{detail.jail.settings.findtime:.0f}" if detail.jail.settings else ""
    ),
    "bantime": _bantime,
    "actions": _actions,
}
SETTINGS: Final = tuple(_SIMPLE)


def _subjects(addresses: Sequence[str]) -> list[Subject]:
    return list(dict.fromkeys(map(parse_subject, addresses)))
