# SPDX-License-Identifier: MIT
"""logban-client kamailio: secfilter's lists by hand, and whom Kamailio itself holds for a source.

The daemon carries it out, so who may command logban needs no right to Kamailio's sockets.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import cast

import click

from logban.actions.kamailio.lists import Color, Kind, read_lists
from logban.client.invocation import Invocation, T, common_options
from logban.client.output import Cell, count, say, table
from logban.control.payloads import (
    EntryAdded,
    EntryDeleted,
    HotSource,
    HotSources,
    ListEntries,
    ListEntry,
    ProxyStats,
    Said,
)
from logban.control.protocol import SCHEMA
from logban.errors import UsageError

_COLOR = click.argument("color", type=click.Choice([each.value for each in Color]))
_KIND = click.argument("kind", type=click.Choice([each.value for each in Kind]))


@click.group("kamailio")
@click.option(
    "--rpc",
    metavar="SOCKET",
    help="Which Kamailio, by its RPC socket as a jail's action names it; the first without it.",
)
@common_options
@click.pass_context
def command(context: click.Context, rpc: str | None) -> None:
    """See and change secfilter's lists, and see Kamailio's hot sources.

    An entry is on the black or the white list, is of a kind (ip, ua, user, domain, country, dst),
    and hits all that begins like it.
    """
    context.meta[__name__] = rpc


def _ask(context: click.Context, shape: type[T], order: str, **arguments: object) -> T:
    rpc = cast("str | None", context.meta[__name__])
    return Invocation.of(context).ask(shape, f"kamailio-{order}", rpc=rpc, **arguments)


def _show_entries(context: click.Context, entries: Sequence[ListEntry]) -> None:
    if not Invocation.of(context).json:
        table(
            ("LIST", "KIND", "BEGINS WITH"),
            [(each.color, each.kind, each.value) for each in entries],
        )
    context.exit(0 if entries else 1)


def _say(context: click.Context, lines: Iterable[str]) -> None:
    if not Invocation.of(context).json:
        for line in lines:
            say(line)


@command.command("list")
@common_options
@click.pass_context
def _list(context: click.Context) -> None:
    """Show the entries that the files of lists.d declare; needs no daemon."""
    invocation = Invocation.of(context)
    try:
        entries = read_lists(str(invocation.config.absolute() / "lists.d")).entries
    except ValueError as error:
        raise UsageError(str(error)) from error
    shown = [ListEntry(each.color.value, each.kind.value, each.value) for each in entries]
    if invocation.json:
        plain = [{"color": each.color, "kind": each.kind, "value": each.value} for each in shown]
        click.echo(json.dumps({"schema": SCHEMA, "ok": True, "entries": plain}))
    _show_entries(context, shown)


@command.command("print")
@click.argument("kinds", nargs=-1, type=click.Choice([each.value for each in Kind]))
@common_options
@click.pass_context
def _print(context: click.Context, kinds: tuple[str, ...]) -> None:
    """Show the entries that Kamailio has, of these kinds or of all."""
    _show_entries(context, _ask(context, ListEntries, "print", kinds=list(kinds)).entries)


@command.command("add")
@_COLOR
@_KIND
@click.argument("value")
@common_options
@click.pass_context
def _add(context: click.Context, color: str, kind: str, value: str) -> None:
    """Add an entry until Kamailio restarts; lists.d is for what is to last."""
    answer = _ask(context, EntryAdded, "add", color=color, kind=kind, value=value)
    _say(context, [f"added: {answer.added}"])


@command.command("del")
@_COLOR
@_KIND
@click.argument("value")
@common_options
@click.pass_context
def _del(context: click.Context, color: str, kind: str, value: str) -> None:
    """Take an entry out; before Kamailio 6.1 by a reload after which all others are put back.

    Reloads are 10 seconds apart, so it can take as long.
    """
    answer = _ask(context, EntryDeleted, "del", color=color, kind=kind, value=value)
    gone = f"deleted: {answer.deleted}"
    _say(context, [gone if answer.deleted else f"not there: {color} {kind} {value}"])
    context.exit(0 if answer.deleted else 1)


@command.command("reload")
@common_options
@click.pass_context
def _reload(context: click.Context) -> None:
    """Let secfilter read its database again; what was added by hand since is gone.

    logban's own bans and lists are back at once.
    """
    _say(context, [_ask(context, Said, "reload").said])


@command.command("stats")
@common_options
@click.pass_context
def _stats(context: click.Context) -> None:
    """Show how many messages secfilter has blocked and let through."""
    _say(context, _ask(context, ProxyStats, "stats").lines)


@command.command("stats-reset")
@common_options
@click.pass_context
def _stats_reset(context: click.Context) -> None:
    """Let these numbers begin at 0 again."""
    _say(context, [_ask(context, Said, "stats-reset").said])


@command.command("top")
@common_options
@click.pass_context
def _top(context: click.Context) -> None:
    """Show the addresses that pike finds hot, and those in the table ipban.

    `logban-client unban ADDRESS` takes an address out of that table as well, where a jail bans at
    Kamailio.
    """
    sources = _ask(context, HotSources, "top").sources
    if not Invocation.of(context).json:
        _show_sources(sources)
    context.exit(0 if sources else 1)


def _show_sources(sources: Sequence[HotSource]) -> None:
    table(
        ("ADDRESS", "WHERE", "STATE"),
        [(Cell(each.ip, "red"), each.where, each.state) for each in sources],
    )
    if not sources:
        say("nobody is hot, and the table ipban is empty")
    else:
        say(count(len(sources), "source"))
