# SPDX-License-Identifier: MIT
"""A group of commands that imports a command only to run it, and tells of errors in one way."""

from __future__ import annotations

import errno
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

import click

from logban.client.invocation import Invocation
from logban.client.output import Cell, say
from logban.control.protocol import Refusal, Refused
from logban.errors import LogbanError, TryAgain

ELSEWHERE: Final = {
    "help": "logban-client --help, or COMMAND --help",
    "version": "logban-client --version; of the daemon: logban-client ping",
    "start": "systemctl start logban",
    "stop": "systemctl stop logban, which lifts no ban",
    "restart": "systemctl restart logban; for a change of the configuration: logban-client reload",
    "log": "journalctl -u logban",
    "jails": "logban-client status",
    "list": "logban-client banned, or logban-client allow list",
}
"""Words that are typed for a command, and what does it."""


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """A command's name and its line of help.

    ``alias`` says that it is there for those who know fail2ban.
    """

    name: str
    help: str
    alias: bool = False

    def load(self) -> click.Command:
        """Import the module of that name in ``commands``, which has it as ``command``."""
        name = self.name.replace("-", "_")
        module = importlib.import_module(f"logban.client.commands.{name}")
        return cast("click.Command", module.command)


class LazyGroup(click.Group):
    """The program: its commands come from a table."""

    def __init__(self, *args: object, lazy: Sequence[LazyCommand], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # click's own, handed through
        self._lazy = {entry.name: entry for entry in lazy}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Give the names in the order of the table."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        """Import a command; None if there is none of that name."""
        entry = self._lazy.get(cmd_name)
        return None if entry is None else entry.load()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was typed, or say which may have been meant."""
        name = args[0]
        if name not in self._lazy and not name.startswith("-") and not ctx.resilient_parsing:
            ctx.fail(f"there is no command {name!r}{self._hint(name)}")
        return super().resolve_command(ctx, args)

    def _hint(self, name: str) -> str:
        """Say what may have been meant by a name that no command has."""
        if name in ELSEWHERE:
            return f": {ELSEWHERE[name]}"
        import difflib  # noqa: PLC0415  # only for who mistyped

        near = difflib.get_close_matches(name, self._lazy, 1)
        return f"; did you mean {near[0]!r}?" if near else ""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's signature
        """Write the table without importing the commands."""
        for title, alias in (("Commands", False), ("As in fail2ban (set JAIL VERB IP...)", True)):
            rows = [
                (entry.name, entry.help) for entry in self._lazy.values() if entry.alias is alias
            ]
            with formatter.section(title):
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; an error becomes a message and an exit code."""
        try:
            return super().invoke(ctx)
        except Refused as error:
            refusal = error.refusal
        except LogbanError as error:
            refusal = Refusal.of(error)
        except KeyboardInterrupt:
            return ctx.exit(130)  # 128 + SIGINT, as shells have it
        except OSError as error:
            if error.errno == errno.EPIPE or error.filename is not None:
                raise  # click ends quietly where nobody reads on
            why = f"the answer can't be written: {error.strerror}"
            say(Cell("error: ", "red"), why, err=True)
            return ctx.exit(TryAgain.exit_code)
        if Invocation.of(ctx).json:
            Invocation.of(ctx).print_refusal(refusal)
        for number, line in enumerate(refusal.message.split("\n")):
            say(*([Cell("error: ", "red")] if not number else ["       "]), line, err=True)
        return ctx.exit(refusal.exit_code)
