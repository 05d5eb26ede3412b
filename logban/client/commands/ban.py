# SPDX-License-Identifier: MIT
"""logban-client ban: ban by hand."""

from __future__ import annotations

import click

from logban.client.completing import jails
from logban.client.invocation import Invocation, common_options
from logban.client.output import Cell, end, say
from logban.client.subject import span_callback, subjects_callback, typed
from logban.control.payloads import Placed
from logban.errors import PartlyFailed
from logban.model import Subject


@click.command("ban")
@click.argument(
    "subjects", metavar="SUBJECT...", nargs=-1, required=True, callback=subjects_callback
)
@click.option(
    "--jail",
    metavar="JAIL",
    shell_complete=jails,
    help="Ban in this jail: by its actions, for its bantime.",
)
@click.option(
    "--for",
    "seconds",
    metavar="SPAN",
    callback=span_callback,
    help="How long: 10m, 3h, 1d12h, forever; as long as the jail would without it.",
)
@click.option("--reason", metavar="TEXT", default="", help="Why; it is shown with the ban.")
@click.option(
    "--force", is_flag=True, help="Ban even where many registered users are behind the address."
)
@common_options
@click.pass_context
def command(
    context: click.Context,
    subjects: tuple[Subject, ...],
    jail: str | None,
    seconds: float | str | None,
    reason: str,
    force: bool,
) -> None:
    """Ban an address or a network by hand.

    SUBJECT is an address, a network, user:NAME, or NAME@ADDRESS for a user there alone.
    Who is banned already gets the new end.  Who is exempt is not banned.
    """
    invocation = Invocation.of(context)
    answer = invocation.ask(
        Placed,
        "ban",
        subjects=list(subjects),
        jail=jail,
        seconds=seconds,
        reason=reason,
        **({"force": True} if force else {}),
    )
    if not invocation.json:
        for ban in answer.bans:
            until = "for ever" if ban.until is None else f"until {end(ban.until, ban.remaining)}"
            say(Cell(str(ban.subject), "red"), f" is banned in jail {ban.jail} {until}")
            if ban.in_force is False:
                say("  not in force yet: see logban-client status")
            elif ban.subject.user and not ban.actions:
                say("  noted only: no action of the jail keeps users out, as kamailio-userban does")
        for refused in answer.refused:
            say(f"{refused.subject} is not banned: {refused.reason}", err=True)
        for subject in dict.fromkeys(refused.subject for refused in answer.refused):
            say(f"  more: logban-client why {typed(subject)}", err=True)
    if answer.refused:
        context.exit(PartlyFailed.exit_code if answer.bans else 1)
