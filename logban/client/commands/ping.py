# SPDX-License-Identifier: MIT
"""logban-client ping: whether the daemon answers."""

from __future__ import annotations

import click

from logban.client.invocation import Invocation, common_options
from logban.client.output import say
from logban.control.payloads import Pong
from logban.durations import format_duration


@click.command("ping")
@common_options
@click.pass_context
def command(context: click.Context) -> None:
    """Ask whether the daemon answers; exits with 3 if it does not run."""
    invocation = Invocation.of(context)
    pong = invocation.ask(Pong, "ping")
    if not invocation.json:
        age = format_duration(max(0.0, pong.now - pong.started))
        say("Server replied: pong")  # fail2ban's words, which scripts look for
        say(f"logban {pong.version}, process {pong.pid}, running for {age}")
