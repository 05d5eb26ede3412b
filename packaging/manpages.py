#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write the manual pages from the tables that the programs themselves are made of.

packaging/manpages.py DIRECTORY
"""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import click
import manual_text as words
from roff import bold, entries, escape, example, italic, line, paragraphs, section

import logban
from logban.actions import catalogue
from logban.client.main import COMMANDS, cli
from logban.config import table
from logban.config.table import Setting

ROOT = Path(__file__).resolve().parent.parent
default_of = cast(
    "Callable[[Setting[object]], str]",
    runpy.run_path(str(ROOT / "docs" / "reference.py"))["default_of"],
)

PAGES = {
    "logban-client.1": "ask and command the daemon that bans attackers",
    "logban-server.8": "follow logs and ban those who attack",
    "logban-jails.5": "jails of logban: what is followed, how much is enough, what is done",
    "logban-filters.5": "filters of logban: which log lines are failures",
}
COMMON = {"config", "socket", "json", "no_color", "help", "version"}
"""Options of every command, which are described once."""


def see_also(*others: str) -> Iterator[str]:
    """Give the section of other pages, each written as NAME(SECTION)."""
    own = {f"{name[:-2]}({name[-1]})" for name in PAGES}
    pages = sorted({*others, *own}, key=lambda page: (page[-2], page))
    yield ".SH SEE ALSO"
    for number, page in enumerate(pages):
        name, rest = page.split("(")
        yield f".BR {escape(name)} ({rest}{',' if number < len(pages) - 1 else ''}"
    yield ".PP"
    yield "/usr/share/doc/logban"


def page(name: str, *sections: Iterable[str]) -> str:
    """Give a whole page."""
    title, number = name.rsplit(".", 1)
    lines = [
        f".\\\" Made by packaging/manpages.py from logban's tables.",  # noqa: F541  # roff
        f'.TH {title.upper()} {number} "" "logban {logban.__version__}" "logban"',
        ".nh",
        ".ad l",
        ".SH NAME",
        f"{escape(title)} \\- {line(PAGES[name])}",
    ]
    for each in sections:
        lines.extend(each)
    return "\n".join(lines) + "\n"


def sentence(text: str) -> str:
    """Make a sentence of a setting's description; a word that one writes keeps its form."""
    begins_with_a_value = text.split(" ", 1)[0].endswith(":")
    start = text[0] if begins_with_a_value else text[0].upper()
    return f"{start}{text[1:]}" + ("" if text.endswith(".") else ".")


def documented(text: str, columns: int) -> list[list[str]]:
    """Give the rows of the first table in a piece of a document."""
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", each.strip("|"))]
        for each in text.splitlines()
        if each.startswith("| ")
    ]
    return [row for row in rows[2:] if len(row) == columns]


def exit_status() -> Iterator[str]:
    """Give the section of exit codes, from the document that promises them."""
    text = (ROOT / "docs" / "scripting.md").read_text("utf-8")
    piece = text[text.index("## Exit codes") :].split("\n## ", 1)[0]
    rows = documented(piece, 3)
    yield from section("EXIT STATUS", entries((bold(code), f"{what}.") for code, what, _ in rows))
    yield from paragraphs("Take a code that is not listed for a failure.")


def files() -> Iterator[str]:
    """Give the section of files."""
    yield from section(
        "FILES",
        entries((italic(path), f"{what}.") for path, what in words.FILES.items()),
    )


# logban-client.1


def commands() -> Iterator[tuple[str, click.Command, bool]]:
    """Give every command that can be typed, with its words, and whether it is fail2ban's."""
    context = click.Context(cli, info_name="logban-client")
    for entry in COMMANDS:
        command = cli.get_command(context, entry.name)
        if isinstance(command, click.Group):
            below = click.Context(command, info_name=entry.name, parent=context)
            for name in command.list_commands(below):
                yield (
                    f"{entry.name} {name}",
                    cast("click.Command", command.get_command(below, name)),
                    entry.alias,
                )
        elif command is not None:
            yield entry.name, command, entry.alias


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
    options = [
        option
        for option in command.params
        if isinstance(option, click.Option) and option.name not in COMMON and not option.hidden
    ]
    if options:
        yield ".RS"
        yield from entries((option_head(option), option.help or "") for option in options)
        yield ".RE"


def option_head(option: click.Option) -> str:
    """Give an option as it is written."""
    names = ", ".join(map(bold, option.opts))
    value = "" if option.is_flag else option.metavar or (option.name or "").upper()
    return f"{names} {italic(value)}" if value else names


def written(name: str, value: str) -> str:
    """Give an option and what follows it."""
    return f"{bold(name)} {italic(value)}" if value else bold(name)


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
        section("DESCRIPTION", paragraphs(words.CLIENT)),
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
        section("SUBJECTS AND SPANS", paragraphs(words.SUBJECTS)),
        section("ENVIRONMENT", entries((bold(name), text) for name, text in environment.items())),
        files(),
        exit_status(),
        section("EXAMPLES", *_examples(words.CLIENT_EXAMPLES)),
        see_also("journalctl(1)", "systemctl(1)"),
    )


def _examples(examples: Sequence[tuple[str, str]]) -> Iterator[Iterator[str]]:
    for text, shown in examples:
        yield paragraphs(text)
        yield example(shown)


# logban-server.8


def server() -> str:
    """Give logban-server.8."""
    return page(
        "logban-server.8",
        section(
            "SYNOPSIS",
            [
                " ".join(
                    [
                        bold("logban-server"),
                        *(f"[{written(name, value)}]" for name, value, _ in words.SERVER_OPTIONS),
                    ]
                )
            ],
        ),
        section("DESCRIPTION", paragraphs(words.SERVER)),
        section(
            "OPTIONS",
            entries((written(name, value), text) for name, value, text in words.SERVER_OPTIONS),
        ),
        section(
            "SETTINGS",
            paragraphs(
                "Section `[server]` of `/etc/logban/logban.conf`.  Keys of fail2ban's that stand "
                "there are taken and, but for these, not followed."
            ),
            settings(table.SERVER_SETTINGS),
        ),
        section("SIGNALS", entries((bold(name), text) for name, text in words.SIGNALS)),
        section("PRIVILEGES", paragraphs(words.PRIVILEGES)),
        files(),
        section(
            "EXIT STATUS",
            entries(
                [
                    (bold("0"), "It was told to stop, or `--check` found nothing wrong."),
                    (bold("1"), "Another daemon answers at the socket."),
                    (bold("2"), "It was not started as it should be."),
                    (bold("75"), "The database can't be used; it may work later."),
                    (bold("78"), "The configuration can't be followed."),
                ]
            ),
        ),
        see_also("nft(8)", "ipset(8)", "systemd.exec(5)", "capabilities(7)"),
    )


# logban-jails.5 and logban-filters.5


def settings(rows: Iterable[Setting[object]]) -> Iterator[str]:
    """Give what can be set; what is taken for fail2ban's sake and not followed is left out."""
    for setting in rows:
        if is_fail2bans(setting):
            continue
        yield ".TP"
        yield bold(setting.name) + (f" = {escape(setting.allowed)}" if setting.allowed else "")
        text = sentence(setting.doc)
        default = default_of(setting)
        yield line(f"{text}  Without it: `{default}`." if default else text)


def is_fail2bans(setting: Setting[object]) -> bool:
    """Tell whether a setting is there only because fail2ban has it."""
    return bool(setting.ignored) or setting.doc.startswith("fail2ban's")


def actions() -> Iterator[str]:
    """Give every action with its parameters."""
    for kind in catalogue.TYPES:
        yield f".SS {escape(kind.name)}"
        yield from paragraphs(sentence(kind.doc))
        if kind.aliases:
            names = ", ".join(f"`{name}`" for name in kind.aliases)
            yield from paragraphs(f"fail2ban's names for it: {names}.")
        yield from entries(
            (bold(parameter.name), sentence(parameter.doc))
            for parameter in kind.parameters
            if not parameter.ignored
        )


def jails() -> str:
    """Give logban-jails.5."""
    in_filters = {setting.name for setting in table.FILTER_SETTINGS}
    own = [setting for setting in table.JAIL_SETTINGS if setting.name not in in_filters]
    ignored = [setting.name for setting in own if is_fail2bans(setting)]
    return page(
        "logban-jails.5",
        section(
            "SYNOPSIS",
            ["\\fI/etc/logban/jails.d/*.conf\\fR", ".br", "\\fI/etc/logban/jails.d/*.local\\fR"],
        ),
        section("DESCRIPTION", paragraphs(words.JAILS)),
        section("EXAMPLE", example(words.JAIL_EXAMPLE)),
        section(
            "SETTINGS",
            settings(own),
            paragraphs(
                "What a filter sets (`failregex`, `ignoreregex`, `datepattern`, ...; see "
                "logban-filters(5)) may be set in a jail, for this jail."
            ),
            paragraphs(
                "Taken for the sake of fail2ban's files, and not followed: "
                + ", ".join(f"`{name}`" for name in ignored)
                + ".  `logban-client check` says why where it matters."
            ),
        ),
        section(
            "VARIABLES",
            paragraphs(
                "The default action refers to these as `%(name)s`; set them in `[DEFAULT]`."
            ),
            (
                each
                for variable in table.VARIABLES
                if not variable.doc.startswith("fail2ban's")
                for each in variables(variable)
            ),
        ),
        section(
            "ACTIONS",
            paragraphs(
                "Written as `name[parameter=value, ...]`, one a line; a value with a comma or a "
                "blank stands in double quotes."
            ),
            actions(),
        ),
        section("EXAMPLES", *_examples(words.JAIL_EXAMPLES)),
        files(),
        see_also("fail2ban(1)"),
    )


def variables(variable: table.Variable) -> Iterator[str]:
    """Give a variable and what it stands for."""
    first, *others = variable.default.splitlines()
    yield from entries([(bold(variable.name), sentence(variable.doc))])
    yield ".IP"
    yield line(f"`{first}`")
    for other in others:
        yield ".br"
        yield line(f"`{other}`")


SECTIONS: Mapping[str, Sequence[Setting[object]]] = cast(
    "Mapping[str, Sequence[Setting[object]]]",
    {
        "[Definition]": table.FILTER_SETTINGS,
        "[rule NAME]": table.RULE_SETTINGS,
        "[quote NAME]": table.QUOTE_SETTINGS,
        "[json]": table.JSON_SETTINGS,
    },
)


def filters() -> str:
    """Give logban-filters.5."""
    parts = []
    for name, rows in SECTIONS.items():
        parts += [[f".SS {escape(name)}"], paragraphs(words.FILTER_SECTIONS[name]), settings(rows)]
    return page(
        "logban-filters.5",
        section(
            "SYNOPSIS",
            [
                "\\fI/etc/logban/filters.d/*.conf\\fR",
                ".br",
                "\\fI/etc/logban/filters.d/*.local\\fR",
            ],
        ),
        section("DESCRIPTION", paragraphs(words.FILTERS)),
        section("EXAMPLE", example(words.FILTER_EXAMPLE)),
        section("SETTINGS", *parts),
        section(
            "EXPRESSIONS",
            paragraphs(words.EXPRESSIONS),
            entries((bold(tag), text) for tag, text in words.TAGS),
        ),
        section("WHAT A PEER CAN WRITE", paragraphs(words.HOSTILE)),
        section("TRYING IT", *_examples(words.FILTER_EXAMPLES)),
        files(),
        see_also("fail2ban-regex(1)", "regex(7)"),
    )


def write(directory: Path) -> None:
    """Write all pages into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, make in zip(PAGES, (client, server, jails, filters), strict=True):
        (directory / name).write_text(make(), "utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write(Path(sys.argv[1]))
