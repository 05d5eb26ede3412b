# SPDX-License-Identifier: MIT
"""How a jail judges: whom failures are charged to, what they weigh, what is enough."""

from __future__ import annotations

import math
import re
from typing import Final

from logban.config.parsers import duration
from logban.durations import parse_duration
from logban.policy.plan import MAX_EXTENSIONS, Plan
from logban.policy.scrutiny import Style, Unit

FILE: Final = "@"
"""What the name of a file with extensions begins with."""

AMI: Final = "ami"
"""What stands for all extensions that Asterisk has."""

MAX_WEIGHT: Final = 250.0


def style(written: str) -> Style:
    """Read how a jail judges."""
    try:
        return Style(written.lower())
    except ValueError:
        raise ValueError("there is no such way to judge") from None


def trust(written: str) -> float:
    """Read how long a success is trusted for; 0 for not at all."""
    return 0.0 if parse_duration(written) == 0 else duration(written)


def units(written: str) -> tuple[Unit, ...]:
    """Read whom failures are charged to."""
    words = [word for word in re.split(r"[\s,]+", written.lower()) if word]
    try:
        return tuple(dict.fromkeys(Unit(word) for word in words))
    except ValueError:
        raise ValueError(f"these are not all of {', '.join(Unit)}") from None


def weight(written: str) -> float:
    """Read what a failure weighs."""
    try:
        number = float(written)
    except ValueError:
        raise ValueError("it is no number") from None
    if not math.isfinite(number) or not 0 <= number <= MAX_WEIGHT:
        raise ValueError(f"it is not between 0 and {MAX_WEIGHT:g}")
    return number


def extensions(written: str) -> tuple[str, ...]:
    """Read the entries of a numbering plan."""
    entries = tuple(entry for entry in re.split(r"[\s,]+", written) if entry)
    entries = tuple(AMI if entry.lower() == AMI else entry for entry in entries)
    for entry in entries:
        if entry.lower() == "ari":
            raise ValueError(f"{entry!r}: Asterisk is asked for its extensions with `ami`")
        if entry.startswith(FILE) and not entry.startswith(f"{FILE}/"):
            raise ValueError(f"{entry!r}: a file's path begins with '/'")
    Plan.parse(entry for entry in entries if not entry.startswith(FILE) and entry != AMI)
    return entries


def extensions_in(text: str) -> tuple[str, ...]:
    """Read a file of extensions: some a line, # begins a comment."""
    lines = (line.partition("#")[0] for line in text.splitlines())
    entries = tuple(entry for line in lines for entry in re.split(r"[\s,;]+", line) if entry)
    if len(entries) > MAX_EXTENSIONS:
        raise ValueError(f"it holds more than {MAX_EXTENSIONS} extensions")
    Plan.parse(entries)
    return entries
