# SPDX-License-Identifier: MIT
"""logban-client get JAIL banip|ignoreip: fail2ban's verbs, answered as fail2ban answers them."""

from __future__ import annotations

import click

from logban.client.completing import jails
from logban.client.invocation import Invocation, common_options
from logban.client.output import moment
from logban.client.set import show_exempt
from logban.control.payloads import Banned, BanView
from logban.text import visible


@click.command("get")
@click.argument("jail", shell_complete=jails)
@click.argument("verb", type=click.Choice(("banip", "ignoreip")))
@click.argument("separator", metavar="[SEPARATOR]", default=" ")
@click.option("--with-time", is_flag=True, help="A ban a line, with its times.")
@common_options
@click.pass_context
def command(
    context: click.Context, jail: str, verb: str, separator: str, *, with_time: bool
) -> None:
    """Print whom a jail has banned, or who is exempt in it, as with fail2ban-client."""
    invocation = Invocation.of(context)
    if verb == "ignoreip":
        show_exempt(invocation, jail)
        return
    answer = invocation.ask(Banned, "banned", jail=jail)
    if invocation.json:
        return
    if with_time:
        for ban in answer.bans:
            click.echo(_with_time(ban))
    else:
        # The separator is the caller's own word: LF and TAB are meant.
        click.echo(separator.join(visible(str(ban.subject)) for ban in answer.bans))


def _with_time(ban: BanView) -> str:
    """Write a ban as fail2ban's BanManager.getBanList does; one for ever ends in the year 9999."""
    if ban.until is None:
        span, until = -1.0, "9999-12-31 23:59:59"
    else:
        span, until = ban.until - ban.time, moment(ban.until)
    return f"{visible(str(ban.subject))} \t{moment(ban.time)} + {span:.0f} = {until}"
