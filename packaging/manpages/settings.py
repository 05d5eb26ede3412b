# SPDX-License-Identifier: MIT
# ruff: noqa: INP001  # a part of the program that is this directory
"""logban-server.8, logban-jails.5 and logban-filters.5, from the tables of settings."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import cast

import said
from page import ROOT, examples, files, page, see_also, sentence
from roff import bold, entries, escape, example, line, option, paragraphs, section

from logban.actions import catalogue
from logban.config.filters import table as filter_table
from logban.config.jails import table as jail_table
from logban.config.server import table as server_table
from logban.config.setting import Setting, Variable

default_of = cast(
    "Callable[[Setting[object]], str]",
    runpy.run_path(str(ROOT / "docs" / "reference.py"))["default_of"],
)


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
                        *(f"[{option(name, value)}]" for name, value, _ in said.SERVER_OPTIONS),
                    ]
                )
            ],
        ),
        section("DESCRIPTION", paragraphs(said.SERVER)),
        section(
            "OPTIONS",
            entries((option(name, value), text) for name, value, text in said.SERVER_OPTIONS),
        ),
        section(
            "SETTINGS",
            paragraphs(
                "Section `[server]` of `/etc/logban/logban.conf`.  Keys of fail2ban's that stand "
                "there are taken and, but for these, not followed."
            ),
            settings(server_table.SERVER_SETTINGS),
        ),
        section("SIGNALS", entries((bold(name), text) for name, text in said.SIGNALS)),
        section("PRIVILEGES", paragraphs(said.PRIVILEGES)),
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
        see_also("logban-server.8", "nft(8)", "ipset(8)", "systemd.exec(5)", "capabilities(7)"),
    )


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
    of_filters = {setting.name: setting for setting in filter_table.FILTER_SETTINGS}
    in_filters = ", ".join(
        f"`{name}`" for name, setting in of_filters.items() if not is_fail2bans(setting)
    )
    own = [setting for setting in jail_table.JAIL_SETTINGS if setting.name not in of_filters]
    ignored = [setting.name for setting in own if is_fail2bans(setting)]
    return page(
        "logban-jails.5",
        section(
            "SYNOPSIS",
            ["\\fI/etc/logban/jails.d/*.conf\\fR", ".br", "\\fI/etc/logban/jails.d/*.local\\fR"],
        ),
        section("DESCRIPTION", paragraphs(said.JAILS)),
        section("EXAMPLE", example(said.JAIL_EXAMPLE)),
        section(
            "SETTINGS",
            settings(own),
            paragraphs(
                f"What a filter sets may be set in a jail, for this jail: {in_filters}.  See "
                "`logban-filters`(5)."
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
                for variable in jail_table.VARIABLES
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
        section("EXAMPLES", examples(said.JAIL_EXAMPLES)),
        files(),
        see_also("logban-jails.5", "fail2ban(1)"),
    )


def variables(variable: Variable) -> Iterator[str]:
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
        "[Definition]": filter_table.FILTER_SETTINGS,
        "[rule NAME]": filter_table.RULE_SETTINGS,
        "[quote NAME]": filter_table.QUOTE_SETTINGS,
        "[json]": filter_table.JSON_SETTINGS,
    },
)


def filters() -> str:
    """Give logban-filters.5."""
    parts = []
    for name, rows in SECTIONS.items():
        parts += [[f".SS {escape(name)}"], paragraphs(said.FILTER_SECTIONS[name]), settings(rows)]
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
        section("DESCRIPTION", paragraphs(said.FILTERS)),
        section("EXAMPLE", example(said.FILTER_EXAMPLE)),
        section("SETTINGS", *parts),
        section(
            "EXPRESSIONS",
            paragraphs(said.EXPRESSIONS),
            entries((bold(tag), text) for tag, text in said.TAGS),
        ),
        section("WHAT A PEER CAN WRITE", paragraphs(said.HOSTILE)),
        section("TRYING IT", examples(said.FILTER_EXAMPLES)),
        files(),
        see_also("logban-filters.5", "fail2ban-regex(1)", "regex(7)"),
    )
