# SPDX-License-Identifier: MIT
"""Bans as a person reads them."""

from __future__ import annotations

from collections.abc import Sequence

from logban.client.output import Cell, Text, count, end, moment, say, table
from logban.control.payloads import BanView
from logban.model import BanOrigin
from logban.policy.bantime import ordinal


def ban_table(bans: Sequence[BanView], indent: str = "") -> None:
    """Write bans, one a line, those that end first first."""
    ordered = sorted(bans, key=lambda ban: (ban.until is None, ban.until or 0.0, str(ban.subject)))
    table(
        ("SUBJECT", "JAIL", "SINCE", "UNTIL", "FAILURES", "WHY", "IN FORCE"),
        [
            (
                Cell(str(ban.subject), "red"),
                ban.jail,
                moment(ban.time),
                end(ban.until, ban.remaining),
                str(ban.failures or ""),
                cause(ban),
                force(ban),
            )
            for ban in ordered
        ],
        indent,
    )
    late = sum(ban.in_force is False for ban in bans)
    say()
    say(
        indent,
        count(len(bans), "ban"),
        f", {late} not in force yet: see logban-client status" if late else "",
    )


def cause(ban: BanView) -> str:
    """Give why somebody was banned, in a few words: the rule, or who did it and for what reason."""
    if ban.origin is BanOrigin.HAND:
        return f"by hand: {ban.reason}" if ban.reason else "by hand"
    why = ban.reason or ban.rule
    return f"{why}, {ordinal(ban.offence)} ban" if ban.offence > 1 else why


def force(ban: BanView) -> Text:
    """Give whether a ban is in force, and what holds it."""
    names = ", ".join(ban.actions)
    if ban.in_force is None:
        return names or ("reported only" if ban.subject.user else "")
    if ban.in_force:
        return Cell(names or "yes", "green")
    return Cell(f"not yet ({names})" if names else "not yet", "yellow")
