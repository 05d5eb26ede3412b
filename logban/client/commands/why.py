# SPDX-License-Identifier: MIT
"""logban-client why: all that is known of one subject, on one screen."""

from __future__ import annotations

from collections.abc import Sequence

import click

from logban.client.bans import cause, force
from logban.client.invocation import Invocation, common_options
from logban.client.output import Cell, Text, count, end, moment, pairs, past, say, table
from logban.client.subject import subject_callback, typed
from logban.control.payloads import Consulted, Counting, ExplainedBan, PastBan, Why
from logban.durations import format_duration
from logban.model import Evidence, Subject, SubjectKind

_HISTORY_SHOWN = 10
_LINES_SHOWN = 10


@click.command("why")
@click.argument("subject", callback=subject_callback)
@common_options
@click.pass_context
def command(context: click.Context, subject: Subject) -> None:
    """Explain why an address is banned, or is not: rule, log lines, end, how to lift it.

    SUBJECT is an address, a network, user:NAME, or NAME@ADDRESS for a user there.
    Exits with 0 if it is banned, with 1 if not.
    """
    invocation = Invocation.of(context)
    answer = invocation.ask(Why, "why", subject=subject)
    if not invocation.json:
        _show(answer)
    context.exit(0 if answer.banned else 1)


def _show(answer: Why) -> None:
    if not answer.banned:
        say(Cell(str(answer.subject), "green"), " is not banned")
    for number, explained in enumerate(answer.banned):
        if number:
            say()
        _show_ban(explained, answer.now)
    if answer.explanation:
        say()
    for sentence in answer.explanation:
        say(sentence)
    if answer.exempt:
        say()
        say("exempt: ", answer.exempt.entry, f" ({answer.exempt.origin}); it can't be banned")
    _show_consulted(answer.consulted)
    for counting in answer.failures:
        _show_counting(counting)
    if answer.floor is not None:
        say()
        say("log lines before ", moment(answer.floor), " don't count any more (lifted by hand)")
    _show_history(answer.history)
    if answer.banned:
        say()
        for word in dict.fromkeys(typed(explained.ban.subject) for explained in answer.banned):
            say("to lift it:   logban-client unban ", word)
        if answer.subject.kind in (SubjectKind.IP, SubjectKind.NET):
            say("to exempt it: logban-client allow add ", typed(answer.subject))


def _show_consulted(consulted: Sequence[Consulted]) -> None:
    if consulted:
        say()
        say("exemptions, in the order in which they are asked:")
        rows = [(each.source, each.jail or "every", _said(each)) for each in consulted]
        table(("SOURCE", "JAIL", "ANSWER"), rows, "  ")


def _said(consulted: Consulted) -> Text:
    """Tell what a source of exemptions said."""
    if consulted.exempt is None:
        return f"no answer: {consulted.error}" if consulted.error else "no"
    until = "" if consulted.until is None else f", until {moment(consulted.until)}"
    return Cell(f"yes: {consulted.exempt.entry} ({consulted.exempt.origin}){until}", "green")


def _show_ban(explained: ExplainedBan, now: float) -> None:
    ban = explained.ban
    until = "for ever" if ban.until is None else f"until {end(ban.until, ban.remaining)}"
    say(Cell(str(ban.subject), "red", bold=True), f" is banned in jail {ban.jail} {until}")
    pairs(
        (
            ("why", cause(ban)),
            ("since", past(ban.time, now)),
            ("how long", explained.length),
            ("failures", _failures(explained)),
            ("in force", force(ban) or "unknown"),
        )
    )
    _show_evidence(explained.evidence)


def _failures(explained: ExplainedBan) -> str:
    """Give how many failures were enough, and what they weigh where that is another number."""
    number = explained.ban.failures
    weights = sum(item.weight for item in explained.evidence)
    if len(explained.evidence) != number or weights == number:
        return str(number or "")
    return f"{number}, which weigh {weights:.4g} together"


def _show_counting(counting: Counting) -> None:
    say()
    say(
        f"jail {counting.jail} counts {len(counting.failures)} of ",
        f"{count(counting.maxretry, 'failure')} within {format_duration(counting.findtime)}:",
    )
    _show_evidence(counting.failures)


def _show_evidence(evidence: Sequence[Evidence]) -> None:
    # That each weighs 1 goes without saying.
    tell = any(item.weight != 1.0 for item in evidence)
    earlier = len(evidence) - _LINES_SHOWN
    if earlier > 0:
        say(f"  {count(earlier, 'earlier line')}, which --json gives, and the last ones:")
    for item in evidence[-_LINES_SHOWN:]:
        weighs = f"  weighs {item.weight:.3g}" if tell else ""
        say("  ", moment(item.time), "  ", Cell(item.rule, bold=True), "  ", item.source, weighs)
        say("    ", item.line)


def _show_history(history: Sequence[PastBan]) -> None:
    if not history:
        return
    newest = sorted(history, key=lambda ban: ban.time, reverse=True)
    say()
    more = len(newest) - _HISTORY_SHOWN
    say(f"banned before, {count(len(newest), 'time')}:")
    table(
        ("JAIL", "FROM", "TO", "ENDED BY", "FAILURES", "WHY"),
        [
            (
                ban.jail,
                moment(ban.time),
                "" if ban.ended is None else moment(ban.ended),
                ban.ended_by,
                str(ban.failures or ""),
                ban.reason or ban.rule,
            )
            for ban in newest[:_HISTORY_SHOWN]
        ],
        "  ",
    )
    if more > 0:
        say(f"  and {more} more; --json gives them all")
