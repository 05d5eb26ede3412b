# SPDX-License-Identifier: MIT
"""logban-client allow: the list of those who can't be banned."""

from __future__ import annotations

import os
from pathlib import Path

import click

from logban.client.completing import jails
from logban.client.invocation import Invocation, common_options
from logban.client.output import Cell, end, say, table
from logban.client.ssh_peer import ssh_peer
from logban.client.subject import parse_entry, span_callback
from logban.control.payloads import AllowAdded, AllowEntry, AllowList, AllowRemoved

ME_FOR = 86400.0
"""Seconds for which --me exempts where nothing else is said: a day's work."""


def _entry(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        return parse_entry(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.group("allow")
@common_options
def command() -> None:
    """Exempt addresses, networks and names: whoever is on the list can't be banned."""


@command.command("add")
@click.argument("entry", metavar="[ENTRY]", required=False, callback=_entry)
@click.option("--me", is_flag=True, help="The address that this SSH session comes from.")
@click.option(
    "--for",
    "seconds",
    metavar="SPAN",
    callback=span_callback,
    help="How long: 10m, 3h, 1d12h, forever; for good without it, with --me for a day.",
)
@click.option("--note", metavar="TEXT", default="", help="Who that is; it is shown in the list.")
@common_options
@click.pass_context
def add(
    context: click.Context, entry: str | None, me: bool, seconds: float | str | None, note: str
) -> None:
    """Exempt an address, a network or a host name in every jail, and lift its bans at once."""
    invocation = Invocation.of(context)
    if (entry is None) is not me:
        raise click.UsageError("give either ENTRY, an address, network or name, or --me")
    if me:
        entry = ssh_peer(os.environ, os.getpid(), Path("/proc"))
        seconds = ME_FOR if seconds is None else seconds
    limit = None if seconds == "forever" else seconds
    answer = invocation.ask(AllowAdded, "allow-add", entry=entry, seconds=limit, note=note)
    if invocation.json:
        return
    until = _until(answer.entry, answer.now)
    say(Cell(answer.entry.entry, "green"), " is exempt", f" until {until}" if until else "")
    for ban in answer.lifted:
        say(f"  the ban of {ban.subject} in jail {ban.jail} is lifted")


@command.command("del")
@click.argument("entry", metavar="ENTRY", callback=_entry)
@common_options
@click.pass_context
def delete(context: click.Context, entry: str) -> None:
    """Take an exemption back that was made with `allow add`."""
    invocation = Invocation.of(context)
    answer = invocation.ask(AllowRemoved, "allow-del", entry=entry)
    if not invocation.json:
        say(f"{answer.entry.entry} is no longer exempt")


@command.command("list")
@click.option("--jail", metavar="JAIL", shell_complete=jails, help="All that holds for this jail.")
@common_options
@click.pass_context
def show(context: click.Context, jail: str | None) -> None:
    """List who is exempt, by the configuration and by hand."""
    invocation = Invocation.of(context)
    answer = invocation.ask(AllowList, "allow-list", jail=jail)
    if invocation.json:
        return
    if not answer.entries:
        say("nobody is exempt; logban-client allow add ENTRY exempts an address, network or name")
        return
    table(
        ("ENTRY", "JAIL", "UNTIL", "ORIGIN", "NOTE", "ADDRESSES"),
        [
            (
                Cell(entry.entry, "green"),
                entry.jail or "every",
                _until(entry, answer.now),
                entry.origin,
                entry.note,
                " ".join(entry.addresses),
            )
            for entry in answer.entries
        ],
    )


def _until(entry: AllowEntry, now: float) -> str:
    return "" if entry.until is None else end(entry.until, max(0.0, entry.until - now))
