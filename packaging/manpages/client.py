# SPDX-License-Identifier: MIT
# ruff: noqa: INP001  # a part of the program that is this directory
"""logban-client.1, from the commands of the program."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import said
from page import examples, exit_status, files, page, see_also
from roff import bold, entries, italic, line, paragraphs, section

from logban.client.main import COMMANDS, cli

COMMON = {"config", "socket", "json", "no_color", "help", "version"}
"""Options of every command, which are described once."""


def commands() -> Iterator[tuple[str, click.Command, bool]]:
    """Give every command that can be typed, with its words, and whether it is fail2ban's."""
    context = click.Context(cli, info_name="logban-client")
    for entry in COMMANDS:
        command = cli.get_command(context, entry.name)
        if command is not None:
            for words, each in below(entry.name, command, context):
                yield words, each, entry.alias


def below(
    words: str, command: click.Command, parent: click.Context
) -> Iterator[tuple[str, click.Command]]:
    """Give a command, or those of a group, each with the words that call it.

    A group is given itself where it has options that hold for all of its commands.
    """
    if not isinstance(command, click.Group) or own_options(command):
        yield words, command
    if not isinstance(command, click.Group):
        return
    context = click.Context(command, info_name=words, parent=parent)
    for name in command.list_commands(context):
        each = command.get_command(context, name)
        if each is not None and not each.hidden:
            yield from below(f"{words} {name}", each, context)


def own_options(command: click.Command) -> list[click.Option]:
    """Give the options of a command but those that all have."""
    return [
        option
        for option in command.params
        if isinstance(option, click.Option) and option.name not in COMMON and not option.hidden
    ]


def described(name: str, command: click.Command) -> Iterator[str]:
    """Give what a command does, its arguments and its options."""
    context = click.Context(command, info_name=name)
    usage = [piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]"]
    yield ".TP"
    yield " ".join([bold(name), *map(italic, usage)])
    for number, paragraph in enumerate(re.split(r"\n\s*\n", (command.help or "").strip())):
        if number:
            yield ".IP"
        yield line(" ".join(paragraph.split()))
    options = own_options(command)
    if options:
        yield ".RS"
        yield from entries((option_head(option), option.help or "") for option in options)
        yield ".RE"


def option_head(option: click.Option) -> str:
    """Give an option as it is written."""
    names = ", ".join(map(bold, option.opts))
    value = "" if option.is_flag else option.metavar or (option.name or "").upper()
    return f"{names} {italic(value)}" if value else names


def client() -> str:
    """Give logban-client.1."""
    listed = list(commands())
    common = [
        option
        for option in cli.params
        if isinstance(option, click.Option) and option.name in COMMON - {"help", "version"}
    ]
    environment = {
        "LOGBAN_CONFIG": "The configuration, where `--config` is not given.",
        "LOGBAN_SOCKET": "The daemon's socket, where `--socket` is not given.",
        "NO_COLOR": "If it is set and not empty, nothing is written in colour.",
        "TZ": "The zone of log lines that name none, in `filter test` and `replay`.",
    }
    return page(
        "logban-client.1",
        section(
            "SYNOPSIS",
            [f"{bold('logban-client')} [\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]"],
        ),
        section("DESCRIPTION", paragraphs(said.CLIENT)),
        section("COMMANDS", *(described(name, each) for name, each, alias in listed if not alias)),
        section(
            "COMMANDS AS IN FAIL2BAN",
            *(described(name, each) for name, each, alias in listed if alias),
        ),
        section(
            "OPTIONS",
            paragraphs("These stand before or after the command; the later one wins."),
            entries((option_head(option), option.help or "") for option in common),
            entries(
                [
                    (f"{bold('-h')}, {bold('--help')}", "Help for the program or for a command."),
                    (bold("--version"), "Give the version."),
                ]
            ),
        ),
        section("SUBJECTS AND SPANS", paragraphs(said.SUBJECTS)),
        section("ENVIRONMENT", entries((bold(name), text) for name, text in environment.items())),
        files(),
        exit_status(),
        section("EXAMPLES", examples(said.CLIENT_EXAMPLES)),
        see_also("logban-client.1", "journalctl(1)", "systemctl(1)"),
    )
