# SPDX-License-Identifier: MIT
"""logban-client check: whether the configuration can be followed."""

from __future__ import annotations

import json

import click

from logban.client.invocation import Invocation, common_options
from logban.client.offline import program_store
from logban.client.output import Cell, count, say, table
from logban.config import load
from logban.config.problem import Problem, Severity
from logban.config.settings import Configuration, JailSettings
from logban.control.protocol import SCHEMA
from logban.durations import format_duration
from logban.errors import ConfigurationError
from logban.matching.engine.ladder import Rung, best_rung
from logban.matching.matcher import Matcher


@click.command("check")
@common_options
@click.pass_context
def command(context: click.Context) -> None:
    """Check the configuration: every mistake, with its file and line, and what to write instead.

    Exits with 0 if all jails can run, 78 if one can't.
    """
    invocation = Invocation.of(context)
    configuration = load(invocation.config)
    problems = configuration.problems()
    broken = any(problem.severity is Severity.ERROR for problem in problems)
    if invocation.json:
        click.echo(json.dumps(_answer(configuration, good=not broken)))
    else:
        _print_jails(configuration)
        for problem in problems:
            _print_problem(problem)
        _print_speed(configuration)
        if not problems:
            say(Cell("all good", "green"))
    context.exit(ConfigurationError.exit_code if broken else 0)


def _answer(configuration: Configuration, *, good: bool) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "ok": good,
        "engine": best_rung().value,
        "jails": sorted(configuration.jails),
        "failed": sorted(configuration.failed),
        "disabled": sorted(configuration.disabled),
        "problems": [problem.to_json() for problem in configuration.problems()],
    }


def _print_jails(configuration: Configuration) -> None:
    rows: list[tuple[str | Cell, ...]] = [
        (name, Cell("ok", "green"), _judgement(jail), _actions(jail))
        for name, jail in configuration.jails.items()
    ]
    rows += [(name, Cell("failed", "red"), "", "") for name in configuration.failed]
    rows += [(name, "disabled", "", "") for name in configuration.disabled]
    table(("JAIL", "STATE", "BANS", "ACTIONS"), rows)
    say()


def _judgement(jail: JailSettings) -> str:
    if jail.filter is None and not jail.recidive:
        return "by hand"
    span = "for ever" if jail.bantime is None else f"for {format_duration(jail.bantime)}"
    if jail.growth is not None and jail.bantime is not None:
        span += " and longer"
    what = f"{jail.maxretry} bans" if jail.recidive else f"{jail.maxretry}"
    return f"{span} after {what} in {format_duration(jail.findtime)}"


def _actions(jail: JailSettings) -> str:
    return ", ".join(spec.written for spec in jail.actions)


def _print_problem(problem: Problem) -> None:
    color = "red" if problem.severity is Severity.ERROR else "yellow"
    say(Cell(problem.severity.value, color), f" {problem.origin}: {problem.message}")
    if problem.hint:
        say("    ", problem.hint)


def _print_speed(configuration: Configuration) -> None:
    """Name the engine, and the rules that cost more than others."""
    say(f"engine: {best_rung().value}")
    for name, jail in configuration.jails.items():
        if jail.filter is None:
            continue
        matcher = Matcher(jail.filter, programs=program_store())
        about = f" jail {name}: of filter {jail.filter.name}, "
        rules = matcher.ungated_rules
        if rules:
            say(
                Cell("note", "cyan"),
                f"{about}{count(len(rules), 'rule')} without fixed text must be tried on every "
                f"line: {', '.join(rules)}",
            )
        if isinstance(matcher.engine, str):
            if best_rung() is not Rung.REFERENCE:
                said = f"{about}all rules are matched line by line: {matcher.engine}"
                say(Cell("note", "cyan"), said)
            continue
        for rule, why in matcher.engine.refused.items():
            said = f"{about}rule {rule} is matched line by line: it {why}"
            say(Cell("note", "cyan"), said)
