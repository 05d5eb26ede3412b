# SPDX-License-Identifier: MIT
"""The keys ``ignorecommand`` and ``ignorecache``, in fail2ban's words."""

from __future__ import annotations

import re
import shlex
from typing import Final

from logban.durations import parse_duration

TAGS: Final = ("ip", "fid", "family", "failures", "time", "name", "jail.name")
"""What a word of the command may hold between ``<`` and ``>``; all of it is logban's own text."""

_TAG: Final = re.compile(r"<([\w.\-/]+)>", re.ASCII)
_SHELLS: Final = frozenset("|&;<>()$`\n")
_CACHE: Final = re.compile(r"""([\w-]+)\s*=\s*("[^"]*"|'[^']*'|[^\s,"']+)""", re.ASCII)


def command(written: str) -> tuple[str, ...]:
    """Split a command into words; ValueError if it is not to be run as it stands."""
    try:
        words = tuple(shlex.split(written))
    except ValueError as error:
        raise ValueError(f"its quotes don't match: {error}") from None
    for tag in _TAG.findall(written):
        if tag not in TAGS:
            known = ", ".join(f"<{each}>" for each in TAGS)
            raise ValueError(f"<{tag}> is not known here; there are {known}")
    if _SHELLS & set(_TAG.sub("", written)):
        raise ValueError("no shell runs it; write a script and name that")
    if words and not words[0].startswith("/"):
        raise ValueError("write the program's whole path")
    return words


def cache(written: str) -> float:
    """Read ``key="<ip>", max-count=100, max-time=5m``; give for how long an answer holds.

    The number of answers has a bound of logban's own.
    """
    given = dict(_CACHE.findall(written))
    if _CACHE.sub("", written).strip(", ") or not given.keys() <= {"key", "max-count", "max-time"}:
        raise ValueError("it has a key, max-count and max-time, each written as max-time=5m")
    if not given:
        return 0.0
    if given.get("key", "<ip>").strip("\"'") not in ("<ip>", "<fid>"):
        raise ValueError('answers are remembered by address; write key="<ip>"')
    if not given.get("max-count", "100").strip("\"'").isdecimal():
        raise ValueError("max-count is no whole number")
    return parse_duration(given.get("max-time", "5m").strip("\"'"))
