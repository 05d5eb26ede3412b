# SPDX-License-Identifier: MIT
"""logban-client kamailio: secfilter's lists by hand, and whom Kamailio itself holds for a source.

It speaks to Kamailio directly, not to the daemon: its user needs the right to Kamailio's socket.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import click

from logban.actions.kamailio import calls
from logban.actions.kamailio.binrpc import Control
from logban.actions.kamailio.blacklist import Blacklist, print_lists
from logban.actions.kamailio.lists import Color, Entry, Kind, read_lists
from logban.actions.kamailio.pike import HotSource, hot_sources
from logban.actions.kamailio.rpc import Method, Rpc, call
from logban.actions.kamailio.transports import RpcAddress, open_rpc
from logban.actions.types_kamailio import CONTROL_SOCKET, RPC_SOCKET
from logban.client.invocation import Invocation, common_options
from logban.client.output import Cell, count, say, table
from logban.clock import SystemClock
from logban.config import load
from logban.control.protocol import SCHEMA
from logban.errors import LogbanError, UsageError

_OWNER = "by hand"
_COLOR = click.argument("color", type=click.Choice([each.value for each in Color]))
_KIND = click.argument("kind", type=click.Choice([each.value for each in Kind]))


@dataclass(frozen=True, slots=True)
class _Proxy:
    """Where Kamailio is."""

    address: RpcAddress
    control: Path

    def open(self) -> Rpc:
        return open_rpc(self.address)

    def open_control(self) -> Rpc:
        return Control(str(self.control))

    @contextmanager
    def blacklist(self) -> Iterator[Blacklist]:
        """Give a blacklist that knows no entries of its own: all that is there is others'."""
        blacklist = Blacklist(SystemClock(), self.open, self.open_control)
        try:
            blacklist.prepare(_OWNER)
            yield blacklist
        finally:
            blacklist.close(_OWNER)


@dataclass(frozen=True, slots=True)
class _Given:
    """What the command line says of where Kamailio is."""

    address: RpcAddress | None
    control: Path | None


def _address(_: click.Context, __: click.Parameter, value: str | None) -> RpcAddress | None:
    try:
        return None if value is None else RpcAddress.parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.group("kamailio")
@click.option(
    "--rpc",
    metavar="SOCKET",
    callback=_address,
    help=f"Kamailio's RPC; that of the first jail that has one, or {RPC_SOCKET}, without it.",
)
@click.option(
    "--ctl",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The socket of Kamailio's module ctl, by which lists are read before Kamailio 5.7.",
)
@common_options
@click.pass_context
def command(context: click.Context, rpc: RpcAddress | None, ctl: Path | None) -> None:
    """See and change secfilter's lists, and see Kamailio's hot sources.

    An entry is on the black or the white list, is of a kind (ip, ua, user, domain, country, dst),
    and hits all that begins like it.
    """
    context.meta[__name__] = _Given(rpc, ctl)


def _configured(directory: Path) -> _Proxy:
    """Find Kamailio where the jails' actions say that it is."""
    address, control = RPC_SOCKET, CONTROL_SOCKET
    try:
        jails = load(directory).jails.values()
    except LogbanError:
        return _Proxy(address, control)
    specs = [
        spec
        for jail in jails
        for spec in jail.actions
        if isinstance(spec.parameters.get("socket"), RpcAddress)
    ]
    if specs:
        address = specs[0].value("socket", RpcAddress)
    controls = [spec.value("ctl", Path) for spec in specs if "ctl" in spec.parameters]
    return _Proxy(address, controls[0] if controls else control)


def _proxy(context: click.Context) -> _Proxy:
    """Give the proxy that was named, else the configured one; --config may stand at the end."""
    given = cast("_Given", context.meta[__name__])
    configured = _configured(Invocation.of(context).config)
    return _Proxy(given.address or configured.address, given.control or configured.control)


def _answer(context: click.Context, **values: object) -> bool:
    """Write the answer for scripts, if it is wanted so; tell whether it was."""
    if Invocation.of(context).json:
        click.echo(json.dumps({"schema": SCHEMA, "ok": True, **values}))
    return Invocation.of(context).json


def _entry(color: str, kind: str, value: str) -> Entry:
    try:
        return Entry.parse(Kind(kind), value, Color(color))
    except ValueError as error:
        raise UsageError(str(error)) from error


def _show_entries(context: click.Context, entries: Sequence[Entry]) -> None:
    shown = [
        {"color": each.color.value, "kind": each.kind.value, "value": each.value}
        for each in entries
    ]
    if not _answer(context, entries=shown):
        table(
            ("LIST", "KIND", "BEGINS WITH"),
            [(each.color.value, each.kind.value, each.value) for each in entries],
        )
    context.exit(0 if entries else 1)


@command.command("list")
@common_options
@click.pass_context
def _list(context: click.Context) -> None:
    """Show the entries that the files of lists.d declare."""
    directory = Invocation.of(context).config.absolute() / "lists.d"
    try:
        entries = read_lists(str(directory)).entries
    except ValueError as error:
        raise UsageError(str(error)) from error
    _show_entries(context, entries)


@command.command("print")
@click.argument("kinds", nargs=-1, type=click.Choice([each.value for each in Kind]))
@common_options
@click.pass_context
def _print(context: click.Context, kinds: tuple[str, ...]) -> None:
    """Show the entries that Kamailio has, of these kinds or of all."""
    proxy = _proxy(context)
    asked = [Kind(kind) for kind in kinds] or list(Kind)
    with closing(proxy.open()) as rpc:
        found = print_lists(rpc, proxy.open_control, asked)
    _show_entries(context, sorted(found, key=str))


@command.command("add")
@_COLOR
@_KIND
@click.argument("value")
@common_options
@click.pass_context
def _add(context: click.Context, color: str, kind: str, value: str) -> None:
    """Add an entry until Kamailio restarts; lists.d is for what is to last."""
    entry = _entry(color, kind, value)
    with _proxy(context).blacklist() as blacklist:
        blacklist.put(_OWNER, [entry])
    if not _answer(context, added=str(entry)):
        say("added: ", str(entry))


@command.command("del")
@_COLOR
@_KIND
@click.argument("value")
@common_options
@click.pass_context
def _del(context: click.Context, color: str, kind: str, value: str) -> None:
    """Take an entry out; before Kamailio 6.1 by a reload after which all others are put back."""
    entry = _entry(color, kind, value)
    with _proxy(context).blacklist() as blacklist:
        is_gone = blacklist.drop(entry)
    if not _answer(context, deleted=str(entry) if is_gone else None):
        say("deleted: " if is_gone else "not there: ", str(entry))
    context.exit(0 if is_gone else 1)


@command.command("reload")
@common_options
@click.pass_context
def _reload(context: click.Context) -> None:
    """Let secfilter read its database again; what was added since is gone.

    logban puts its own bans and lists back within a minute.
    """
    with closing(_proxy(context).open()) as rpc:
        said = call(rpc, Method.SECFILTER_RELOAD)
    if not _answer(context, said=str(said)):
        say(str(said))


@command.command("stats")
@common_options
@click.pass_context
def _stats(context: click.Context) -> None:
    """Show how many messages secfilter has blocked and let through."""
    proxy = _proxy(context)
    with closing(proxy.open()) as rpc:
        lines = calls.texts(call(rpc, Method.SECFILTER_STATS))
    if not any(lines):  # before 5.7 only ctl tells
        with closing(proxy.open_control()) as control:
            lines = calls.texts(call(control, Method.SECFILTER_STATS))
    if not _answer(context, lines=lines):
        for line in lines:
            say(line)


@command.command("stats-reset")
@common_options
@click.pass_context
def _stats_reset(context: click.Context) -> None:
    """Let these numbers begin at 0 again."""
    with closing(_proxy(context).open()) as rpc:
        said = call(rpc, Method.SECFILTER_STATS_RESET)
    if not _answer(context, said=str(said)):
        say(str(said))


@command.command("top")
@common_options
@click.pass_context
def _top(context: click.Context) -> None:
    """Show the addresses that pike finds hot, and those in the table ipban.

    `logban-client unban ADDRESS` takes an address out there as well, where a jail bans at Kamailio.
    """
    with closing(_proxy(context).open()) as rpc:
        sources = hot_sources(rpc)
    shown = [{"ip": each.address, "where": each.where, "state": each.state} for each in sources]
    if not _answer(context, sources=shown):
        _show_sources(sources)
    context.exit(0 if sources else 1)


def _show_sources(sources: Sequence[HotSource]) -> None:
    table(
        ("ADDRESS", "WHERE", "STATE"),
        [(Cell(each.address, "red"), each.where, each.state) for each in sources],
    )
    if not sources:
        say("nobody is hot, and the table ipban is empty")
    else:
        say(count(len(sources), "source"))
