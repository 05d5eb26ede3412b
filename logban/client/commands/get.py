# SPDX-License-Identifier: MIT
"""logban-client get JAIL WHAT: fail2ban's verbs, answered as fail2ban answers them."""

from __future__ import annotations

import click

from logban.client import fail2ban_text
from logban.client.commands.fail2ban import SETTINGS, setting
from logban.client.commands.set import show_exempt
from logban.client.completing import jails
from logban.client.invocation import Invocation, common_options
from logban.control.payloads import Banned, JailDetail


@click.command("get")
@click.argument("jail", shell_complete=jails)
@click.argument("verb", type=click.Choice(("banip", "ignoreip", *SETTINGS)))
@click.argument("separator", metavar="[SEPARATOR]", default=" ")
@click.option("--with-time", is_flag=True, help="A ban a line, with its times.")
@common_options
@click.pass_context
def command(
    context: click.Context, jail: str, verb: str, separator: str, *, with_time: bool
) -> None:
    """Print whom a jail has banned, who is exempt in it, or a setting, as with fail2ban-client."""
    invocation = Invocation.of(context)
    if verb == "ignoreip":
        show_exempt(invocation, jail)
        return
    if verb in SETTINGS:
        detail = invocation.ask(JailDetail, "status", jail=jail)
        if not invocation.json:
            click.echo(setting(verb, detail))
        return
    answer = invocation.ask(Banned, "banned", jail=jail)
    if invocation.json:
        return
    if with_time:
        for ban in answer.bans:
            click.echo(fail2ban_text.with_time(ban))
    else:
        # The separator is the caller's own word: LF and TAB are meant.
        click.echo(separator.join(map(fail2ban_text.subject, answer.bans)))
