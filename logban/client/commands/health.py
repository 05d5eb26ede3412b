# SPDX-License-Identifier: MIT
"""logban-client health: whether anything is wrong, for people and for what watches hosts."""

from __future__ import annotations

import click

from logban.client.invocation import Invocation, common_options
from logban.client.output import Cell, count, past, say
from logban.control.payloads import AlarmSeverity, AlarmView, Health
from logban.errors import LogbanError, PartlyFailed
from logban.text import visible

_COLORS = {AlarmSeverity.WARNING: "yellow", AlarmSeverity.CRITICAL: "red"}
_OK, _WARNING, _CRITICAL = range(3)  # the exit codes of Nagios's plugins


@click.command("health")
@click.option("--nagios", is_flag=True, help="One line and an exit code as Nagios's plugins have.")
@common_options
@click.pass_context
def command(context: click.Context, *, nagios: bool) -> None:
    """Tell whether anything is wrong, and what to do about it.

    Exits with 0 if all is well, with 6 if an alarm is raised, with 3 if the daemon does not run.
    With --nagios: 0 all is well, 1 warning, 2 critical or not running.
    """
    invocation = Invocation.of(context)
    if nagios:
        context.exit(_as_plugin(invocation))
    health = invocation.ask(Health, "health")
    if not invocation.json:
        _show(health)
    context.exit(PartlyFailed.exit_code if health.alarms else 0)


def _as_plugin(invocation: Invocation) -> int:
    """Write the one line that Nagios takes; give the exit code."""
    try:
        health = invocation.ask(Health, "health")
    except LogbanError as error:
        if not invocation.json:
            _line("CRITICAL", str(error).split("\n")[0])
        return _CRITICAL
    if not invocation.json:
        worst = health.alarms[0].severity.upper() if health.alarms else "OK"
        first = health.alarms[0].message if health.alarms else count(health.jails, "jail")
        if health.waiting and not health.alarms:
            first += f", without a log file yet: {', '.join(health.waiting)}"
        more = f" and {len(health.alarms) - 1} more" if len(health.alarms) > 1 else ""
        figures = f"bans={health.bans} jails={health.jails} alarms={len(health.alarms)}"
        _line(worst, f"{first}{more}", figures)
    if not health.alarms:
        return _OK
    is_critical = any(alarm.severity is AlarmSeverity.CRITICAL for alarm in health.alarms)
    return _CRITICAL if is_critical else _WARNING


def _line(state: str, text: str, figures: str = "") -> None:
    # Behind a bar Nagios reads figures.
    shown = visible(text, 300).replace("|", "/")
    say(f"LOGBAN {state}: {shown}", f" | {figures}" if figures else "")


def _show(health: Health) -> None:
    if not health.alarms:
        at_work = count(health.jails - len(health.waiting), "jail")
        bans = count(health.bans, "ban")
        say(Cell("all is well", "green", bold=True), f": {at_work} at work, {bans} in force")
        if health.waiting:
            say("without a log file yet: ", ", ".join(health.waiting), "; see logban-client status")
        return
    for alarm in health.alarms:
        _show_alarm(alarm, health.now)
    if health.more:
        say(f"and {health.more} more")


def _show_alarm(alarm: AlarmView, now: float) -> None:
    color = _COLORS[alarm.severity]
    say(Cell(f"{alarm.severity} {alarm.kind}", color, bold=True), ": ", alarm.message)
    say("  since ", past(alarm.since, now))
    if alarm.advice:
        say("  what to do: ", alarm.advice)
