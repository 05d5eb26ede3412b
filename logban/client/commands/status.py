# SPDX-License-Identifier: MIT
"""logban-client status: how everything is, or one jail."""

from __future__ import annotations

from typing import Final

import click

from logban.client.bans import ban_table
from logban.client.completing import jails
from logban.client.fail2ban_text import all_jails, one_jail
from logban.client.invocation import Invocation, common_options
from logban.client.output import Cell, Text, count, moment, pairs, past, say, table
from logban.control.payloads import (
    ActionState,
    ActionStatus,
    AlarmSeverity,
    JailDetail,
    JailState,
    JailStatus,
    SourceStatus,
    Status,
)
from logban.durations import format_duration
from logban.model import RECIDIVE

_COLORS = {JailState.RUNNING: "green", JailState.WAITING: "yellow", JailState.FAILED: "red"}


_ABSENT: Final = "there is no such file"
"""What the daemon says of a log that is waited for; the state alone tells as much."""

NOTICES_SHOWN: Final = 10
PHONES_SHOWN: Final = 10
"""Of these, --json gives more."""


@click.command("status")
@click.argument("jail", required=False, shell_complete=jails)
@common_options
@click.pass_context
def command(context: click.Context, jail: str | None) -> None:
    """Show how everything is, or one jail and whom it has banned."""
    invocation = Invocation.of(context)
    if jail is None:
        status = invocation.ask(Status, "status")
        if not invocation.json:
            # Scripts that know fail2ban look for its lines; people find ours behind them.
            click.echo(f"{all_jails(status)}\n")
            _show_all(status)
    else:
        detail = invocation.ask(JailDetail, "status", jail=jail)
        if not invocation.json:
            click.echo(f"{one_jail(detail)}\n")
            _show_jail(detail)


def _show_all(status: Status) -> None:
    say(
        Cell(f"logban {status.version}", bold=True),
        f", process {status.pid}, running since {past(status.started, status.now)}",
        f", engine {status.engine}" if status.engine else "",
    )
    ledger = status.ledger
    say(
        f"{count(ledger.active, 'ban')} in force, {ledger.history} in the history of {ledger.path}",
        " (changes wait to go to disk)" if ledger.dirty else "",
    )
    _show_customers(status)
    say()
    if status.jails:
        _show_jails(status.jails)
    else:
        say("no jail is enabled; jails.d in the configuration directory is where they are written")
    if status.sources:
        say()
        _show_sources(status.sources)
    if status.alarms:
        say()
        for alarm in status.alarms:
            color = "red" if alarm.severity is AlarmSeverity.CRITICAL else "yellow"
            say(Cell(f"alarm {alarm.kind}: ", color), alarm.message)
        say("what to do: logban-client health")
    if status.notices:
        say()
        say("told of lately:")
        for notice in status.notices[:NOTICES_SHOWN]:
            say("  ", moment(notice.time), f"  [{notice.jail}] ", notice.text)
        if len(status.notices) > NOTICES_SHOWN:
            say(f"  and {len(status.notices) - NOTICES_SHOWN} more; --json gives them")
    if status.warnings:
        say()
        for warning in status.warnings:
            say(Cell("warning: ", "yellow"), warning)


def _show_customers(status: Status) -> None:
    """Tell of places that are trusted, accounts that are protected, telephones to be mended."""
    customers = status.customers
    protected = sum(jail.protected for jail in status.jails)
    said = [count(customers.trusted, "place") + " trusted"] if customers.trusted else []
    if protected:
        said.append(count(protected, "account") + " protected")
    if customers.stale_total:
        said.append(count(customers.stale_total, "telephone") + " with a wrong password:")
    if said:
        say(", ".join(said))
    for phone in customers.stale[:PHONES_SHOWN]:
        last = "never" if phone.last is None else moment(phone.last)
        failed = count(phone.failed, "failure")
        say(f"  extension {phone.user} at {phone.place}: got in last: {last}; {failed} since")
    if customers.stale_total > PHONES_SHOWN:
        say(f"  and {customers.stale_total - PHONES_SHOWN} more; --json gives more of them")


def _show_jails(jails: tuple[JailStatus, ...]) -> None:
    table(
        ("JAIL", "STATE", "BANNED", "COUNTING", "FAILURES", "LINES", "ACTIONS"),
        [
            (
                jail.name,
                _state(jail),
                str(jail.banned),
                str(jail.failures),
                str(jail.failures_total),
                str(jail.lines),
                _actions_in_short(jail.actions),
            )
            for jail in jails
        ],
    )
    for jail in jails:
        for problem in _problems(jail):
            say("  ", jail.name, ": ", problem)


def _state(jail: JailStatus) -> Cell:
    return Cell(jail.state.value, _COLORS[jail.state])


def _actions_in_short(actions: tuple[ActionStatus, ...]) -> Text:
    troubled = [action for action in actions if action.state is not ActionState.OK]
    if troubled:
        return Cell(", ".join(f"{action.name} {action.state}" for action in troubled), "yellow")
    return ", ".join(action.name for action in actions)


def _problems(jail: JailStatus) -> list[str]:
    """Give a sentence for each thing that keeps a jail from doing all its work."""
    problems = [jail.reason] if jail.reason else []
    if jail.held:
        problems.append(f"a brake holds {count(jail.held, 'ban')} back: {jail.brake}")
    if jail.capped:
        problems.append(
            f"{count(jail.capped, 'ban')} of networks, or of users at strange places, were one too "
            "many for an hour, and not laid"
        )
    if jail.blindness:
        problems.append(jail.blindness)
    if jail.clock.hint:
        problems.append(jail.clock.hint)
    elif jail.clock.offset is not None:
        ahead = "ahead of" if jail.clock.offset > 0 else "behind"
        span = format_duration(abs(jail.clock.offset))
        problems.append(f"the times in its log are {span} {ahead} this host's")
    problems += [
        f"action {action.name} is {action.state}: {action.error}"
        for action in jail.actions
        if action.error
    ]
    return problems


def _show_sources(sources: tuple[SourceStatus, ...]) -> None:
    table(
        ("SOURCE", "STATE", "LINES", "BEHIND", "ROTATIONS", "WATCHED BY"),
        [
            (
                source.path,
                _source_state(source),
                str(source.lines),
                f"{source.lag} bytes" if source.lag else "",
                str(source.rotations or ""),
                source.watching,
            )
            for source in sources
        ],
    )
    for source in sources:
        if source.reason and source.reason != _ABSENT:
            say("  ", source.path, ": ", source.reason)


def _source_state(source: SourceStatus) -> str:
    if source.state == "waiting" and source.reason == _ABSENT:
        return "no such file"
    if source.progress is None:
        return source.state
    return f"{source.state}, {source.progress:.0%}"


def _show_jail(detail: JailDetail) -> None:
    jail = detail.jail
    verb = " has " if jail.state is JailState.FAILED else " is "
    say(Cell(f"jail {jail.name}", bold=True), verb, _state(jail))
    for problem in _problems(jail):
        say("  ", problem)
    say()
    pairs(
        (
            ("filter", jail.filter),
            ("engine", jail.engine),
            ("files", " ".join(jail.files)),
            ("bans", _policy(jail)),
            ("lines read", str(jail.lines)),
            ("failures", f"{jail.failures_total} since the start, {jail.failures} count now"),
            ("tracked", count(jail.tracked, "subject")),
            ("dropped", str(jail.tracked_dropped or "")),
            ("banned", f"{jail.banned} now, {jail.banned_total} since the start"),
            ("exempted", str(jail.exempted_total or "")),
            ("protected", count(jail.protected, "account") if jail.protected else ""),
            ("extensions", "" if jail.extensions is None else f"{jail.extensions} of Asterisk's"),
            ("timeouts", str(jail.timeouts or "")),
            ("unparsed", str(jail.unparsed or "")),
            (
                "unmatched",
                f"{jail.unmatched}: see logban-client unmatched {jail.name}"
                if jail.unmatched
                else "",
            ),
        )
    )
    if jail.actions:
        say()
        _show_actions(jail.actions)
    say()
    if detail.bans:
        ban_table(detail.bans, "  ")
    else:
        say("  nobody is banned in this jail")


def _policy(jail: JailStatus) -> str:
    if jail.settings is None:
        return ""
    bantime = jail.settings.bantime
    what = "ban" if jail.filter == RECIDIVE else "failure"
    return (
        f"after {count(jail.settings.maxretry, what)} within "
        f"{format_duration(jail.settings.findtime)}, "
        f"{'for ever' if bantime is None else 'for ' + format_duration(bantime)}"
        f"{', ' + jail.settings.growth if jail.settings.growth else ''}"
    )


def _show_actions(actions: tuple[ActionStatus, ...]) -> None:
    table(
        ("ACTION", "KIND", "STATE", "SINCE", "IN FORCE", "PENDING", "RETRIES", "DRIFT", "DROPPED"),
        [
            (
                action.name,
                action.kind.value,
                Cell(action.state, "green" if action.state is ActionState.OK else "yellow"),
                "" if action.since is None else moment(action.since),
                "" if action.in_force is None else str(action.in_force),
                str(action.pending or ""),
                str(action.retries or ""),
                str(action.drift or ""),
                str(action.dropped or ""),
            )
            for action in actions
        ],
        "  ",
    )
