# SPDX-License-Identifier: MIT
"""The keys ``bantime.*``: how bans grow, in fail2ban's words, read and never run as programs."""

from __future__ import annotations

import math
import re
from typing import Final

from logban.config.parsers import duration
from logban.durations import parse_duration
from logban.policy.bantime import LONGEST_MEMORY, Formula

_NUMBER: Final = r"\d{1,9}(?:\.\d{1,9})?"

# The formulas that stand in fail2ban's jail.conf, without blanks.
_STOCK: Final = {
    "ban.Time*(1<<(ban.Countifban.Count<20else20))*banFactor": Formula.DOUBLING,
    "ban.Time*math.exp(float(ban.Count+1)*banFactor)/math.exp(1*banFactor)": Formula.EXPONENTIAL,
}


def factor(written: str) -> float:
    """Read a number, or one divided by another, which fail2ban's jail.conf proposes."""
    found = re.fullmatch(rf"({_NUMBER})(?:\s*/\s*({_NUMBER}))?", written, re.ASCII)
    if found is None:
        raise ValueError("it is neither a number nor one divided by another")
    over, under = float(found[1]), float(found[2] or 1)
    if not over or not under:
        raise ValueError("it has to be above 0")
    return over / under


def multipliers(written: str) -> tuple[float, ...]:
    """Read numbers that never fall, the n-th for the n-th ban."""
    words = [word for word in re.split(r"[\s,]+", written) if word]
    if not all(re.fullmatch(_NUMBER, word, re.ASCII) for word in words):
        raise ValueError("these are not all numbers")
    numbers = tuple(map(float, words))
    if numbers != tuple(sorted(numbers)) or 0.0 in numbers:
        raise ValueError("a later ban would be shorter than an earlier one")
    return numbers


def formula(written: str) -> Formula:
    """Recognise the formulas that fail2ban's jail.conf documents; others are not evaluated."""
    text = "".join(written.split())
    if not text:
        return Formula.DOUBLING
    try:
        return _STOCK[text]
    except KeyError:
        raise ValueError(
            "a formula is a program, and none is run; write what each ban is multiplied by as "
            "`bantime.multipliers = 1 2 4 8 16`, or `bantime.factor`"
        ) from None


def limit(written: str) -> float:
    """Read the longest that a ban may last; nothing, as in fail2ban's jail.conf, is no limit."""
    return duration(written) if written else math.inf


def spread(written: str) -> float:
    """Read a span of time that may be none."""
    span = parse_duration(written) if written else 0.0
    if not 0 <= span < math.inf:
        raise ValueError("it is no span of time that passes")
    return span


def memory(written: str) -> float:
    """Read for how long earlier bans count, which is no longer than the history is kept."""
    span = duration(written)
    if span > LONGEST_MEMORY:
        raise ValueError("it is too large: the history is kept for 90 days")
    return span
