# SPDX-License-Identifier: MIT
"""logban-client import-fail2ban: take a host over from fail2ban."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from logban.client.invocation import Invocation, common_options
from logban.client.output import Cell, count, say
from logban.control.payloads import Adopted, ForeignBan, Pong, Reloaded
from logban.control.protocol import SCHEMA, Refused
from logban.control.shape import plain, shallow
from logban.errors import DaemonNotRunning, LogbanError, PartlyFailed
from logban.migration.bans import FoundBan, read_bans
from logban.migration.handover import LedgerReceiver, hand_over
from logban.migration.importing import Prepared, prepare
from logban.migration.report import BanReport, FileState, JailReport, Note, Outcome, Report

DEFAULT_STATE = Path("/var/lib/logban")


@click.command("import-fail2ban")
@click.argument("directory", metavar="[DIR]", type=click.Path(path_type=Path), required=False)
@click.option(
    "--to",
    "target",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where jails.d and filters.d are written; the configuration without it.",
)
@click.option(
    "--database",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="fail2ban's SQLite file; the one that its configuration names without it.",
)
@click.option(
    "--state",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help=f"logban's state, for bans while no daemon runs; {DEFAULT_STATE} without it.",
)
@click.option("--dry-run", is_flag=True, help="Tell what would be done, and do nothing.")
@common_options
@click.pass_context
def command(
    context: click.Context,
    directory: Path | None,
    target: Path | None,
    database: Path | None,
    state: Path | None,
    *,
    dry_run: bool,
) -> None:
    """Take over fail2ban's jails, filters and bans from DIR, /etc/fail2ban without it.

    Nothing in DIR is changed or run.  What was imported before and has been changed by hand is
    left as it is.  Run again, it brings what is new, and says so if there is nothing.

    Exits with 0 if everything is here now, 6 if some of it can't be had, 78 if DIR is no
    configuration of fail2ban's.
    """
    invocation = Invocation.of(context)
    prepared = prepare((directory or Path("/etc/fail2ban")).absolute(), target or invocation.config)
    is_elsewhere = target is not None and target.resolve() != invocation.config.resolve()
    files = prepared.plan.states()
    if not dry_run:
        prepared.plan.write(prepared.plan.target)
    # A directory that no daemon runs by is made to be looked at; bans are for a daemon.
    if is_elsewhere and database is None and state is None:
        bans = BanReport(error="")
    else:
        bans = _bans(invocation, prepared, database, state or DEFAULT_STATE, dry_run=dry_run)
    report = prepared.report(files, bans, dry_run=dry_run)
    if invocation.json:
        known = {**shallow(report), "changed": report.is_change}
        click.echo(json.dumps({"schema": SCHEMA, "ok": True, **known}, default=plain))
    else:
        _show(report)
    context.exit(0 if report.is_whole else PartlyFailed.exit_code)


class DaemonReceiver:
    """The running daemon."""

    def __init__(self, invocation: Invocation) -> None:
        """Ask it to read its configuration, which has the jails now."""
        self._quiet = Invocation(invocation.config, invocation.socket)
        self._quiet.ask(Pong, "ping")
        self._quiet.ask(Reloaded, "reload")

    def adopt(self, bans: Sequence[ForeignBan]) -> Adopted:
        """Hand bans over."""
        return self._quiet.ask(Adopted, "adopt", bans=list(bans))


def _bans(
    invocation: Invocation,
    prepared: Prepared,
    database: Path | None,
    state: Path,
    *,
    dry_run: bool,
) -> BanReport:
    named = str(database or prepared.source.database())
    if not named:
        return BanReport()
    if database is None and not Path(named).exists():
        return BanReport(database=named)
    now = time.time()
    jails = prepared.configuration.jails
    report = BanReport(database=named)
    try:
        found = read_bans(Path(named), now, {name: each.bantime for name, each in jails.items()})
        if dry_run:
            return replace(report, taken=sum(ban.jail in jails for ban in found))
        return _handed(invocation, prepared, found, state, report)
    except Refused as error:
        return replace(report, error=error.refusal.message)
    except LogbanError as error:
        return replace(report, error=str(error))


def _handed(
    invocation: Invocation,
    prepared: Prepared,
    found: Sequence[FoundBan],
    state: Path,
    report: BanReport,
) -> BanReport:
    try:
        receiver = DaemonReceiver(invocation)
    except DaemonNotRunning:
        if not found:
            return report
        ledger = LedgerReceiver(state, prepared.configuration.jails, time.time())
        try:
            taken, known, refused = hand_over(found, ledger)
        finally:
            ledger.close()
        into = str(state)
    else:
        taken, known, refused = hand_over(found, receiver)
        into = str(invocation.socket)
    return replace(report, into=into, taken=taken, known=known, refused=refused)


_TITLES = {
    Outcome.AS_IT_IS: ("works as it is", "green"),
    Outcome.CHANGED: ("changed", "yellow"),
    Outcome.REFUSED: ("not supported", "red"),
}


def _show(report: Report) -> None:
    for outcome, (title, color) in _TITLES.items():
        jails = [jail for jail in report.jails if jail.outcome is outcome]
        if jails:
            say(Cell(f"{title}: {count(len(jails), 'jail')}", color))
            for jail in jails:
                _show_jail(jail)
            say()
    if not report.jails:
        say("no jail is on in ", report.source)
    if report.remarks:
        say(Cell("to know:", bold=True))
        for note in report.remarks:
            _show_note(note, "  ")
        say()
    _show_files(report)
    _show_bans(report.bans, dry_run=report.dry_run)
    if not report.is_change:
        say(Cell("nothing has changed", "green"))
    elif report.dry_run:
        say("this was a dry run: nothing was written")
    else:
        say("next: logban-client check; then stop fail2ban (systemctl disable --now fail2ban)")


def _show_jail(jail: JailReport) -> None:
    say("  ", Cell(jail.name, bold=True), f"  bans {jail.summary}" if jail.summary else "")
    for note in jail.notes:
        _show_note(note, "    ")


def _show_note(note: Note, indent: str) -> None:
    say(indent, note.what, ": ", note.why)


def _show_files(report: Report) -> None:
    shown = [each for each in report.files if each.state is not FileState.SAME]
    for each in shown:
        say(f"{each.state.value:8}", each.path, f": {each.why}" if each.why else "")
    same = len(report.files) - len(shown)
    if same:
        say(f"{count(same, 'file')} in {report.target} as before")


def _show_bans(bans: BanReport, *, dry_run: bool) -> None:
    if bans.error:
        say(Cell("bans: ", "red"), bans.error)
    elif bans.database and (bans.into or dry_run):
        would = "to be taken over" if dry_run else f"taken over into {bans.into}"
        say(f"{count(bans.taken, 'ban')} of {bans.database} {would}, {bans.known} known before")
    for note in bans.refused:
        _show_note(note, "  not banned: ")
