#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write docs/reference.md from the tables that the configuration is read with.

docs/reference.py > docs/reference.md; a test compares the two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from logban.actions import catalogue
from logban.config.filters import table as filter_table
from logban.config.jails import table as jail_table
from logban.config.server import table as server_table
from logban.config.server.manager_login import LOGIN_SETTINGS
from logban.config.setting import Setting
from logban.durations import format_duration

HEAD = """\
# Reference: every setting

Made from the tables that the configuration is read with (`docs/reference.py`); what each is for
and how they go together is told in [configuration.md](configuration.md).
"""


def rows(settings: Iterable[Setting[object]]) -> list[str]:
    """Give the rows of a table of settings; those that are taken and not followed are left out."""
    lines = [
        "| key | without it | what may be written | what it is for |",
        "| --- | --- | --- | --- |",
    ]
    for setting in settings:
        if setting.ignored or setting.doc.startswith("fail2ban's"):
            continue
        cells = (f"`{setting.name}`", default_of(setting), setting.allowed, setting.doc)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def default_of(setting: Setting[object]) -> str:
    """Write a default as an admin would."""
    match setting.default:
        case None | "" | ():
            return ""
        case bool():
            return "yes" if setting.default else "no"
        case float() if setting.unit == "seconds":
            return (
                format_duration(setting.default)
                if setting.default >= 1
                else f"{setting.default:g} s"
            )
        case _:
            return str(setting.default)


def actions() -> Iterable[str]:
    """Give the chapter of actions."""
    for kind in catalogue.TYPES:
        yield f"\n### {kind.name}\n"
        yield f"{kind.doc[0].upper()}{kind.doc[1:]}."
        if kind.aliases:
            yield f"fail2ban's names for it: {', '.join(f'`{name}`' for name in kind.aliases)}."
        yield "\n| parameter | what it is for |\n| --- | --- |"
        for parameter in kind.parameters:
            if not parameter.ignored:
                doc = parameter.doc.replace("|", "\\|")
                yield f"| `{parameter.name}` | {doc} |"


def reference() -> str:
    """Give the whole page."""
    parts = [HEAD, "## Jails: `jails.d/*.conf`\n", *rows(jail_table.JAIL_SETTINGS)]
    parts += [
        "\nVariables that the default action refers to:\n",
        "| name | without it | what it is for |",
    ]
    parts += ["| --- | --- | --- |"]
    parts += [
        f"| `{variable.name}` | `{'` `'.join(variable.default.splitlines())}` | {variable.doc} |"
        for variable in jail_table.VARIABLES
        if not variable.doc.startswith("fail2ban's")
    ]
    parts += ["\n## Filters: `filters.d/*.conf`, section `[Definition]`\n"]
    parts += rows(filter_table.FILTER_SETTINGS)
    parts += ["\nSections `[rule NAME]`:\n", *rows(filter_table.RULE_SETTINGS)]
    parts += [
        "\n## The daemon: `logban.conf`, section `[server]`\n",
        *rows(server_table.SERVER_SETTINGS),
    ]
    parts += ["\nThe file that `ami` names, section `[ami]`:\n", *rows(LOGIN_SETTINGS)]
    parts += ["\n## Actions", *actions()]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
