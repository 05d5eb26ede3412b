# SPDX-License-Identifier: MIT
"""logban-client unmatched: lines that look like an attack and that no rule knows."""

from __future__ import annotations

import click

from logban.client.completing import jails
from logban.client.invocation import Invocation, common_options
from logban.client.output import Cell, count, past, say
from logban.control.payloads import UnmatchedLines


@click.command("unmatched")
@click.argument("jail", required=False, shell_complete=jails)
@common_options
@click.pass_context
def command(context: click.Context, jail: str | None) -> None:
    """Show lines that look like an attack and matched no rule, of JAIL or of all.

    Many of one kind after an upgrade mean that the messages have changed and the filter has not.
    Exits with 0 if there are some, with 1 if there are none.
    """
    invocation = Invocation.of(context)
    answer = invocation.ask(UnmatchedLines, "unmatched", jail=jail)
    if not invocation.json:
        _show(answer)
    context.exit(0 if any(each.count for each in answer.jails) else 1)


def _show(answer: UnmatchedLines) -> None:
    if not any(each.count for each in answer.jails):
        say("every line that looks like an attack was matched by a rule")
    for each in answer.jails:
        if not each.count:
            continue
        say(Cell(each.jail, bold=True), f": {count(each.count, 'line')} without a rule")
        for sample in each.samples:
            say(f"  {sample.count} like this, the last {past(sample.time, answer.now)}")
            say("    ", sample.line)
        say(f"to try the filter: logban-client filter test {each.filter} FILE")
