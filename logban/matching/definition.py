# SPDX-License-Identifier: MIT
"""What a filter says, as read from its files and not yet compiled."""

from __future__ import annotations

from dataclasses import dataclass

from logban.model import Origin


@dataclass(frozen=True, slots=True)
class Expression:
    """A regular expression in fail2ban's dialect, with its tags, and where it stands."""

    text: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Rule:
    """One failregex: its name, and the kind of failure that it reports ("" where nobody said)."""

    name: str
    expression: Expression
    kind: str = ""


@dataclass(frozen=True, slots=True)
class FilterDefinition:
    """All that a filter says; includes, interpolation and tags other than the above are resolved.

    ``date_patterns`` is empty where the filter names none: the default formats are tried then.
    ``attempt`` are the captures that tell one attempt's lines from another's; without any, every
    line is an attempt.
    """

    name: str
    origin: Origin
    rules: tuple[Rule, ...]
    ignore: tuple[Expression, ...] = ()
    prefix: Expression | None = None
    date_patterns: tuple[Expression, ...] = ()
    attempt: tuple[str, ...] = ()
