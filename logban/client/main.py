# SPDX-License-Identifier: MIT
"""logban-client: the commands there are; each is imported when it is used."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from logban import __version__
from logban.client.invocation import root_options
from logban.client.lazy import LazyCommand, LazyGroup

FAIL2BAN = "fail2ban-client"

COMMANDS = (
    LazyCommand("status", "Show how everything is, or one jail."),
    LazyCommand("health", "Tell whether anything is wrong."),
    LazyCommand("banned", "List who is banned, or ask whether one is."),
    LazyCommand("why", "Explain why an address is banned, or is not."),
    LazyCommand("unmatched", "Show suspicious lines no rule knows."),
    LazyCommand("ban", "Ban an address or a network by hand."),
    LazyCommand("unban", "Lift bans."),
    LazyCommand("allow", "Exempt addresses, networks and names."),
    LazyCommand("kamailio", "Change secfilter's lists; see hot sources."),
    LazyCommand("verify", "Compare what is in force with the ledger."),
    LazyCommand("reload", "Read the configuration anew."),
    LazyCommand("ping", "Ask whether the daemon answers."),
    LazyCommand("check", "Check the configuration."),
    LazyCommand("filter", "Try a filter on log files."),
    LazyCommand("replay", "Judge old logs, with no effect on anything."),
    LazyCommand("import-fail2ban", "Take a host over from fail2ban."),
    LazyCommand("set", "banip, unbanip, addignoreip, delignoreip.", alias=True),
    LazyCommand("fail2ban", "Answer as fail2ban-client does.", alias=True),
    LazyCommand(
        "get",
        "banip, ignoreip, maxretry, findtime, bantime, logpath, actions.",
        alias=True,
    ),
)


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done or yes, 1 no or nothing, 2 usage, 3 daemon not running, "
    "4 not permitted, 5 unknown jail or subject, 6 partly failed, 7 drift found, 75 try again, "
    "78 configuration error.",
)
@root_options
@click.version_option(__version__, prog_name="logban-client")
@click.pass_context
def cli(context: click.Context) -> None:
    """See and command logban, the daemon that bans those who attack your telephone system."""
    if os.environ.get("NO_COLOR"):  # https://no-color.org: any value but the empty one
        context.color = False


def main() -> None:
    """Run the program; a link to it by the name of fail2ban-client answers as that one does."""
    if Path(sys.argv[0]).name == FAIL2BAN:
        cli(["fail2ban", *sys.argv[1:]], prog_name=FAIL2BAN)
    cli(prog_name="logban-client")
