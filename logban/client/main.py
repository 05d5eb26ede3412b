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
    LazyCommand("status", "logban.client.status", "Show how everything is, or one jail."),
    LazyCommand("health", "logban.client.health", "Tell whether anything is wrong."),
    LazyCommand("banned", "logban.client.banned", "List who is banned, or ask whether one is."),
    LazyCommand("why", "logban.client.why", "Explain why an address is banned, or is not."),
    LazyCommand("unmatched", "logban.client.unmatched", "Show suspicious lines no rule knows."),
    LazyCommand("ban", "logban.client.ban", "Ban an address or a network by hand."),
    LazyCommand("unban", "logban.client.unban", "Lift bans."),
    LazyCommand("allow", "logban.client.allow", "Exempt addresses, networks and names."),
    LazyCommand("kamailio", "logban.client.kamailio", "Change secfilter's lists; see hot sources."),
    LazyCommand("verify", "logban.client.verify", "Compare what is in force with the ledger."),
    LazyCommand("reload", "logban.client.reload", "Read the configuration anew."),
    LazyCommand("ping", "logban.client.ping", "Ask whether the daemon answers."),
    LazyCommand("check", "logban.client.check", "Check the configuration."),
    LazyCommand("filter", "logban.client.filter_test", "Try a filter on log files."),
    LazyCommand("replay", "logban.client.replay", "Judge old logs, with no effect on anything."),
    LazyCommand(
        "import-fail2ban", "logban.client.import_fail2ban", "Take a host over from fail2ban."
    ),
    LazyCommand(
        "set", "logban.client.set", "banip, unbanip, addignoreip, delignoreip.", alias=True
    ),
    LazyCommand(
        "fail2ban", "logban.client.fail2ban", "Answer as fail2ban-client does.", alias=True
    ),
    LazyCommand(
        "get",
        "logban.client.get",
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
    """See and command logban, the daemon that bans who attacks your telephone system."""
    if os.environ.get("NO_COLOR"):  # https://no-color.org: any value but the empty one
        context.color = False


def main() -> None:
    """Run the program; a link to it by the name of fail2ban-client answers as that one does."""
    if Path(sys.argv[0]).name == FAIL2BAN:
        cli(["fail2ban", *sys.argv[1:]], prog_name=FAIL2BAN)
    cli(prog_name="logban-client")
