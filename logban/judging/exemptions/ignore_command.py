# SPDX-License-Identifier: MIT
"""A program of the admin's that says whether somebody is exempt: fail2ban's ``ignorecommand``.

It is asked about who is about to be banned, as a list of words and never through a shell; exit
code 0 spares.  Whatever else happens to it, the ban goes on, as in fail2ban.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Final

from logban.judging.exemptions.enquiries import Unanswered
from logban.judging.exemptions.exemption import Exemption
from logban.model import SubjectKind, Verdict

TIME_LIMIT: Final = 5.0
"""Seconds that the program has, its start included."""

_TAG: Final = re.compile(r"<([\w.]+)>", re.ASCII)

Run = Callable[[Sequence[str]], int]
"""Runs a program to its end and gives its exit code; TimeoutError or OSError if it has none."""


class IgnoreCommand:
    """The enquiry of one jail at its program; ``keep`` are the seconds that an answer holds."""

    name = "ignorecommand"
    unanswered = Unanswered.BAN

    def __init__(self, words: Sequence[str], keep: float, run: Run, threads: Executor) -> None:
        """``run`` blocks, in one of ``threads``."""
        self.keep = keep
        self._words = tuple(words)
        self._run = run
        self._threads = threads

    def concerns(self, verdict: Verdict) -> bool:
        """Tell whether there is an address to ask about."""
        return verdict.subject.kind is not SubjectKind.USER

    async def ask(self, verdict: Verdict) -> Exemption | None:
        """Give the reason not to ban, None if there is none; OSError if the program can't tell."""
        argv = [_filled(word, verdict) for word in self._words]
        code = await asyncio.get_running_loop().run_in_executor(self._threads, self._run, argv)
        return Exemption(argv[0], f"ignorecommand of [{verdict.jail}]") if code == 0 else None


def _filled(word: str, verdict: Verdict) -> str:
    network = verdict.subject.network
    values = {
        "ip": network,
        "fid": network,
        "family": "inet6" if ":" in network else "inet4",
        "failures": str(verdict.failures),
        "time": str(int(verdict.time)),
        "name": verdict.jail,
        "jail.name": verdict.jail,
    }
    return _TAG.sub(lambda tag: values[tag[1]], word)
