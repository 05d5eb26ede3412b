# SPDX-License-Identifier: MIT
"""logban-client reload: have the daemon read its configuration anew."""

from __future__ import annotations

import click

from logban.client.invocation import Invocation, common_options
from logban.client.output import say
from logban.control.payloads import Reloaded


@click.command("reload")
@common_options
@click.pass_context
def command(context: click.Context) -> None:
    """Read the configuration anew; counters and bans of what did not change stay.

    A configuration that can't be followed leaves the running one in place (exit 78).
    """
    invocation = Invocation.of(context)
    answer = invocation.ask(Reloaded, "reload")
    if not invocation.json:
        say("OK")  # as fail2ban-client says it
        for sentence in answer.changed or ("nothing has changed",):
            say(sentence)
