# SPDX-License-Identifier: MIT
"""logban-client verify: whether what is in force is what the ledger says, and nothing else."""

from __future__ import annotations

import click

from logban.client.invocation import Invocation, common_options
from logban.client.output import Cell, count, say
from logban.control.payloads import Verified, VerifiedAction
from logban.errors import PartlyFailed

DRIFT = 7
"""The exit code where something differs."""

_SHOWN = 10


@click.command("verify")
@click.argument("jail", required=False)
@click.option("--fix", is_flag=True, help="Repair what differs, and tell what still does.")
@common_options
@click.pass_context
def command(context: click.Context, jail: str | None, fix: bool) -> None:
    """Read what is in force, of JAIL or of all, and compare it with the ledger.

    The daemon repairs by itself whatever differs, most of it at once; this shows what it has not
    yet.  Exits with 0 if all is as it should be, with 7 if something differs, with 6 if the rest
    is right and an action can't be asked.
    """
    invocation = Invocation.of(context)
    answer = invocation.ask(Verified, "repair" if fix else "verify", jail=jail)
    if not invocation.json:
        for action in answer.actions:
            _show(action)
    if any(_differs(action) for action in answer.actions):
        context.exit(DRIFT)
    if any(action.error for action in answer.actions):
        context.exit(PartlyFailed.exit_code)


def _differs(action: VerifiedAction) -> bool:
    return bool(action.missing or action.changed or action.surplus)


def _show(action: VerifiedAction) -> None:
    name = Cell(f"{action.jail} {action.name}", bold=True)
    if action.error:
        say(name, ": ", Cell("it can't be told what is in force", "yellow"), f": {action.error}")
        return
    repaired = f"; {action.drift} repaired since the start" if action.drift else ""
    if not _differs(action):
        say(name, f": {count(action.checked, 'ban')} in force, as they should be{repaired}")
        return
    say(name, ": ", Cell("differs", "red"), f" from the ledger's {action.checked}{repaired}")
    for subjects, what in (
        (action.missing, "not in force"),
        (action.changed, "in force with another end"),
        (action.surplus, "in force and not in the ledger"),
    ):
        if subjects:
            more = ", ..." if len(subjects) > _SHOWN else ""
            shown = ", ".join(str(subject) for subject in subjects[:_SHOWN])
            say(f"  {len(subjects)} {what}: {shown}{more}")
