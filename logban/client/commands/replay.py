# SPDX-License-Identifier: MIT
"""logban-client replay: what a jail would have made of old logs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import click

from logban.client.completing import jails
from logban.client.invocation import Invocation, common_options
from logban.client.offline import Progress, now_option
from logban.client.output import Cell, count, moment, say
from logban.config import load
from logban.config.problem import did_you_mean
from logban.config.settings import Configuration, JailSettings
from logban.control.protocol import SCHEMA
from logban.errors import ConfigurationError, UnknownName
from logban.judging.exemptions.names import SystemResolver
from logban.judging.impact import Hit
from logban.model import RECIDIVE, Change, ChangeKind, SubjectKind
from logban.offline.replay import Replay
from logban.policy.bantime import ordinal


@click.command("replay")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--jail", metavar="JAIL", required=True, shell_complete=jails, help="The jail that judges."
)
@click.option("--now", callback=now_option, metavar="ISO8601", help="The time to take for now.")
@click.option("--ask", is_flag=True, help="Ask Redis, the DNS, ... who is exempt, as of today.")
@common_options
@click.pass_context
def command(
    context: click.Context,
    files: Sequence[str],
    jail: str,
    now: float,
    ask: bool,  # click hands flags over so
) -> None:
    """Judge old logs as a jail would have, in their own time, with no effect on anything.

    Files and databases of exemptions are read; whoever else knows of some is asked with --ask
    only, and named where he was not.  No ignorecommand is run.

    Several files are read as one log, in the order of their lines' times.  Exits with 0 if
    somebody would have been banned, 1 if nobody.
    """
    invocation = Invocation.of(context)
    configuration = load(invocation.config)
    settings = _jail(configuration, jail)
    recidive = [each for each in configuration.jails.values() if each.recidive]
    resolver = SystemResolver() if ask else None
    replay = Replay(settings, configuration.server, now, recidive, resolver)
    for problem in replay.exempting.problems:
        say("warning: ", problem, err=True)
    kinds: Counter[ChangeKind] = Counter()
    with Progress(", ".join(files)) as progress:
        for change in replay.run(files, progress.add):
            if invocation.json:
                head = {"schema": SCHEMA} if not kinds else {}
                click.echo(json.dumps({**head, **_event(change)}))
            elif change.kind is not ChangeKind.EXTEND:
                _print(change, settings.name)
            kinds[change.kind] += 1
    replay.exempting.close()
    hits = replay.impact.hits()
    if invocation.json:
        for hit in hits:
            change = Change(ChangeKind.BAN, hit.ban, hit.ban.time)
            click.echo(json.dumps({**_event(change), "event": "impact", "users": hit.users}))
        if replay.exempting.unasked:
            head = {"schema": SCHEMA} if not kinds else {}
            unasked = {"event": "unasked", "sources": replay.exempting.unasked}
            click.echo(json.dumps({**head, **unasked}))
    else:
        _print_summary(replay, kinds)
        _print_blindness(replay.jail.judge.blindness)
        got_in = replay.jail.matcher is not None and replay.jail.matcher.counters.successes
        _print_impact(hits, is_known=bool(kinds[ChangeKind.BAN] and got_in))
        _print_unasked(replay.exempting.unasked)
    context.exit(0 if kinds[ChangeKind.BAN] else 1)


def _jail(configuration: Configuration, name: str) -> JailSettings:
    """Give a jail, enabled or not; ConfigurationError if it is broken, UnknownName if not there."""
    if name in configuration.jails:
        return configuration.jails[name]
    if name in configuration.failed:
        raise ConfigurationError("\n".join(str(each) for each in configuration.failed[name]))
    if name in configuration.disabled:
        raise UnknownName(f"jail {name!r} is not enabled; write `enabled = true` in its section")
    hint = did_you_mean(name, configuration.jails)
    raise UnknownName(f"there is no jail {name!r}" + (f"; {hint}" if hint else ""))


def _event(change: Change) -> dict[str, object]:
    ban = change.ban
    return {
        "event": _name(change),
        "jail": ban.jail,
        "subject": ban.subject.to_json(),
        "time": change.time,
        "until": ban.until,
        "failures": ban.failures,
        "rule": ban.rule,
        "offence": ban.offence,
        **({"text": ban.reason} if change.kind is ChangeKind.NOTICE else {}),
        "evidence": [item.to_json() for item in ban.evidence],
    }


def _name(change: Change) -> str:
    """Give what happened: the ban of a user is called a suspension."""
    of_user = change.ban.subject.kind in (SubjectKind.USER, SubjectKind.USER_IP)
    return "suspend" if of_user and change.kind is ChangeKind.BAN else change.kind.value


def _print(change: Change, jail: str) -> None:
    ban = change.ban
    if change.kind is ChangeKind.NOTICE:
        say(moment(change.time), "  ", Cell("notice ", "yellow"), ban.reason)
        return
    color = "red" if change.kind is ChangeKind.BAN else "green"
    until = "" if ban.until is None else f" until {moment(ban.until)}"
    why = ""
    if change.kind is not ChangeKind.LIFT:
        what = "ban" if ban.rule == RECIDIVE else "failure"
        why = f"{until}, {count(ban.failures, what)}, {ban.rule}"
        if ban.offence > 1:
            why += f", {ordinal(ban.offence)} ban"
    about = f"{ban.subject} [{ban.jail}]" if ban.jail != jail else str(ban.subject)
    say(moment(change.time), "  ", Cell(f"{_name(change):7}", color), about, why)
    if change.kind is ChangeKind.BAN and ban.evidence:
        say("    ", ban.evidence[-1].line)


def _print_impact(hits: Sequence[Hit], *, is_known: bool) -> None:
    """Tell which customers would have been banned; ``is_known`` says that there are some."""
    if not hits:
        if is_known:
            say(Cell("no ban", "green"), " would have hit anybody who got in as well")
        return
    say()
    say(Cell(f"{count(len(hits), 'ban')} would have hit customers", "red"), ", who got in as well:")
    for hit in hits:
        say("  ", moment(hit.ban.time), "  ", str(hit.ban.subject), "  ", ", ".join(hit.users))


def _print_blindness(sentence: str) -> None:
    """Tell that customers can't be told from attackers."""
    if sentence:
        say()
        say(Cell("no successes: ", "yellow"), sentence)


def _print_unasked(sources: Sequence[str]) -> None:
    """Tell who might have exempted somebody."""
    if sources:
        say()
        say(Cell("not asked who is exempt: ", "yellow"), ", ".join(sources))


def _print_summary(replay: Replay, kinds: Counter[ChangeKind]) -> None:
    matcher, judged = replay.jail.matcher, replay.jail.judge.counters
    lines = matcher.counters.lines if matcher is not None else 0
    say(
        Cell(count(kinds[ChangeKind.BAN], "ban"), "red" if kinds[ChangeKind.BAN] else "green"),
        f"; {count(kinds[ChangeKind.EXTEND], 'extension')}, as banned ones went on (in --json); "
        if kinds[ChangeKind.EXTEND]
        else "; ",
        f"{count(judged.counted, 'failure')} counted in {count(lines, 'line')}",
        f", {judged.exempted} of exempt addresses left out" if judged.exempted else "",
    )
