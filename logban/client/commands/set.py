# SPDX-License-Identifier: MIT
"""logban-client set JAIL VERB IP...: fail2ban's verbs, answered as fail2ban answers them."""

from __future__ import annotations

import click

from logban.client.completing import jails
from logban.client.fail2ban_text import exempt
from logban.client.invocation import Invocation, common_options
from logban.client.output import say
from logban.client.subject import parse_entry, parse_subject
from logban.control.payloads import AllowAdded, AllowList, AllowRemoved, JailDetail, Lifted, Placed
from logban.errors import PartlyFailed
from logban.model import Subject


@click.command("set")
@click.argument("jail", shell_complete=jails)
@click.argument("verb", type=click.Choice(("banip", "unbanip", "addignoreip", "delignoreip")))
@click.argument("addresses", metavar="IP...", nargs=-1, required=True)
@click.option("--report-absent", is_flag=True, hidden=True, expose_value=False)
@common_options
@click.pass_context
def command(context: click.Context, jail: str, verb: str, addresses: tuple[str, ...]) -> None:
    """Ban, lift and exempt as with fail2ban-client; banip and unbanip print how many it were.

    Exemptions hold in every jail: logban has one list.
    """
    invocation = Invocation.of(context)
    match verb:
        case "banip":
            code = _ban(invocation, jail, _subjects(addresses))
        case "unbanip":
            code = _unban(invocation, jail, _subjects(addresses))
        case _:
            code = _exempt(invocation, jail, verb, _entries(addresses))
    context.exit(code)


def _ban(invocation: Invocation, jail: str, subjects: list[Subject]) -> int:
    answer = invocation.ask(Placed, "ban", subjects=subjects, jail=jail, reason="banip")
    for refused in answer.refused:
        say(f"{refused.subject} is not banned: {refused.reason}", err=True)
    if not invocation.json:
        say(str(len(answer.bans)))
    if not answer.bans:
        return 1
    return PartlyFailed.exit_code if answer.refused else 0


def _unban(invocation: Invocation, jail: str, subjects: list[Subject]) -> int:
    answer = invocation.ask(Lifted, "unban", subjects=subjects, jail=jail)
    if not invocation.json:
        say(str(len(answer.lifted)))
    return 0 if answer.lifted else 1


def _exempt(invocation: Invocation, jail: str, verb: str, entries: list[str]) -> int:
    quiet = Invocation(invocation.config, invocation.socket)
    quiet.ask(JailDetail, "status", jail=jail)  # an unknown jail is an error, as in fail2ban
    for entry in entries:
        if verb == "addignoreip":
            quiet.ask(AllowAdded, "allow-add", entry=entry, note="addignoreip")
        else:
            quiet.ask(AllowRemoved, "allow-del", entry=entry)
    show_exempt(invocation, jail)
    return 0


def show_exempt(invocation: Invocation, jail: str) -> None:
    """Print who is exempt in a jail, in fail2ban's form."""
    answer = invocation.ask(AllowList, "allow-list", jail=jail)
    if invocation.json:
        return
    click.echo(exempt(answer.entries))


def _subjects(addresses: tuple[str, ...]) -> list[Subject]:
    try:
        return list(dict.fromkeys(map(parse_subject, addresses)))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _entries(addresses: tuple[str, ...]) -> list[str]:
    try:
        return list(dict.fromkeys(map(parse_entry, addresses)))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
