# SPDX-License-Identifier: MIT
"""logban-client banned: who is banned."""

from __future__ import annotations

import click

from logban.client.bans import ban_table
from logban.client.completing import jails
from logban.client.invocation import Invocation, common_options
from logban.client.output import say
from logban.client.subject import subjects_callback
from logban.control.payloads import Banned
from logban.model import Subject


@click.command("banned")
@click.argument("subjects", metavar="[SUBJECT]...", nargs=-1, callback=subjects_callback)
@click.option("--jail", metavar="JAIL", shell_complete=jails, help="Only the bans of this jail.")
@common_options
@click.pass_context
def command(context: click.Context, subjects: tuple[Subject, ...], jail: str | None) -> None:
    """List who is banned, or ask whether one is.

    Exits with 0 if every SUBJECT is banned, with 1 if one is not.
    An address is banned too where a network that holds it is.
    """
    invocation = Invocation.of(context)
    answer = invocation.ask(Banned, "banned", jail=jail, subjects=list(subjects) or None)
    if not invocation.json:
        where = f" in jail {jail}" if jail else ""
        if answer.bans:
            ban_table(answer.bans)
        elif not subjects:
            say(f"nobody is banned{where}")
        for subject in answer.not_banned:
            say(f"{subject} is not banned{where}")
    context.exit(1 if answer.not_banned else 0)
