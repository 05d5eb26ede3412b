# SPDX-License-Identifier: MIT
"""What every command shares: where the daemon and the configuration are, and how to answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from logban.client.connection import ask
from logban.control.protocol import Refusal, Request, refusal_object
from logban.control.shape import ShapeError, named, plain, read
from logban.errors import LogbanError

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., object])

DEFAULT_SOCKET = Path("/run/logban/logban.sock")
DEFAULT_CONFIG = Path("/etc/logban")


class OtherVersion(LogbanError):
    """The daemon's answer is not in the form that this client knows."""


@dataclass(slots=True)
class Invocation:
    """The options that stand before or after the command; the object of click's context."""

    config: Path = DEFAULT_CONFIG
    socket: Path = DEFAULT_SOCKET
    json: bool = False

    @classmethod
    def of(cls, context: click.Context) -> Invocation:
        """Give the one of this run, wherever its options stood."""
        return context.find_root().ensure_object(cls)

    def ask(self, shape: type[T], command: str, **arguments: object) -> T:
        """Ask the daemon, print its answer if it is wanted as JSON, give it as what it stands for.

        Refused if the daemon refuses, another LogbanError if it can't be asked.
        """
        # Only what the request's JSON can hold goes out: subjects become objects here.
        written = {name: named(value) for name, value in arguments.items()}
        known = json.loads(json.dumps(written, default=plain))
        answer = ask(self.socket, Request(command, known))
        if self.json:
            click.echo(json.dumps(answer))
        try:
            return read(shape, answer)
        except ShapeError as error:
            raise OtherVersion(
                f"the answer of the daemon at {self.socket} can't be understood: {error}\n"
                "It may be of another version than this client: see logban-client ping, "
                "and restart it (systemctl restart logban)."
            ) from error

    def print_refusal(self, refusal: Refusal) -> None:
        """Print an error in the form that scripts see."""
        click.echo(json.dumps(refusal_object(refusal)))


def _put_config(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        Invocation.of(context).config = value


def _put_socket(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        Invocation.of(context).socket = value


def _put_json(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        Invocation.of(context).json = True


def _put_color(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.color = context.find_root().color = False


def common_options(function: F) -> F:
    """Let a command take --config, --socket, --json and --no-color; later ones win."""
    return _with_options(function, None, None)


def root_options(function: F) -> F:
    """Let the program take them, with the environment's LOGBAN_CONFIG and LOGBAN_SOCKET."""
    return _with_options(function, "LOGBAN_CONFIG", "LOGBAN_SOCKET")


def _with_options(function: F, config_variable: str | None, socket_variable: str | None) -> F:
    path = click.Path(path_type=Path)
    for decorate in (
        click.option(
            "--no-color", is_flag=True, expose_value=False, callback=_put_color,
            help="Never write in colour (nor if NO_COLOR is set).",
        ),
        click.option(
            "--json", is_flag=True, expose_value=False, callback=_put_json,
            help="Answer in JSON, for scripts.",
        ),
        click.option(
            "--socket", type=path, expose_value=False, callback=_put_socket,
            envvar=socket_variable, metavar="PATH",
            help=f"The daemon's socket; {DEFAULT_SOCKET} or $LOGBAN_SOCKET without it.",
        ),
        click.option(
            "--config", type=path, expose_value=False, callback=_put_config,
            envvar=config_variable, metavar="DIR",
            help=f"The configuration, for the commands that read it; {DEFAULT_CONFIG} or "
            "$LOGBAN_CONFIG without it.",
        ),
    ):  # fmt: skip  # one option a line and a half reads better than one argument a line
        function = decorate(function)
    return function
