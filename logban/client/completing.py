# SPDX-License-Identifier: MIT
"""What only the daemon knows of a command line that is being typed: the names of the jails."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final

import click

from logban.client.connection import ask
from logban.client.invocation import Invocation
from logban.control.payloads import Status
from logban.control.protocol import Request
from logban.control.shape import ShapeError, read
from logban.errors import LogbanError

PATIENCE: Final = 1.0
"""Seconds that somebody who has pressed Tab waits for the daemon."""

_NAME: Final = re.compile(r"[\w.-]+", re.ASCII)


def jails(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Give the names of the jails that begin so; none where the daemon can't be asked."""
    names: list[str] = []
    with suppress(LogbanError, ShapeError, OSError):
        answer = ask(Invocation.of(context).socket, Request("status"), PATIENCE)
        names = [jail.name for jail in read(Status, answer).jails]
    # They go to a shell: no name is offered that means something there.
    return [name for name in names if name.startswith(incomplete) and _NAME.fullmatch(name)]
