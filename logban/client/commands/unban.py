# SPDX-License-Identifier: MIT
"""logban-client unban: lift bans."""

from __future__ import annotations

import click

from logban.client.completing import jails
from logban.client.invocation import Invocation, common_options
from logban.client.output import Cell, count, say
from logban.client.subject import subjects_callback
from logban.control.payloads import Lifted
from logban.model import Subject


@click.command("unban")
@click.argument("subjects", metavar="[SUBJECT]...", nargs=-1, callback=subjects_callback)
@click.option("--all", "everybody", is_flag=True, help="Lift every ban.")
@click.option(
    "--jail", metavar="JAIL", shell_complete=jails, help="Lift the bans of this jail only."
)
@common_options
@click.pass_context
def command(
    context: click.Context, subjects: tuple[Subject, ...], jail: str | None, *, everybody: bool
) -> None:
    """Lift bans, everywhere at once.

    What was counted so far is forgotten: older log lines never count again.
    Exits with 1 if nobody of them was banned.
    """
    if bool(subjects) is everybody:
        context.fail("name those whose bans are to be lifted, or say --all")
    invocation = Invocation.of(context)
    answer = invocation.ask(
        Lifted, "unban", subjects=list(subjects) or None, all=everybody, jail=jail
    )
    if not invocation.json:
        _show(answer, everybody=everybody)
    context.exit(0 if answer.lifted else 1)


def _show(answer: Lifted, *, everybody: bool) -> None:
    if everybody:
        lifted = count(len(answer.lifted), "ban")
        say(f"{lifted} lifted" if answer.lifted else "nobody was banned")
        return
    for ban in answer.lifted:
        say(Cell(str(ban.subject), "green"), f" is no longer banned in jail {ban.jail}")
    for subject in answer.not_banned:
        say(f"{subject} was not banned")
