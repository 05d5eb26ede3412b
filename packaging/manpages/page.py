# SPDX-License-Identifier: MIT
# ruff: noqa: INP001  # a part of the program that is this directory
"""What all manual pages have in common: their head, files, exit codes, references."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import said
from roff import bold, entries, escape, example, italic, line, paragraphs, section

import logban

ROOT = Path(__file__).resolve().parents[2]

PAGES = {
    "logban-client.1": "ask and command the daemon that bans attackers",
    "logban-server.8": "follow logs and ban those who attack",
    "logban-jails.5": "jails of logban: what is followed, how much is enough, what is done",
    "logban-filters.5": "filters of logban: which log lines are failures",
}


def page(name: str, *sections: Iterable[str]) -> str:
    """Give a whole page."""
    title, number = name.rsplit(".", 1)
    lines = [
        f".\\\" Made by packaging/manpages from logban's tables.",  # noqa: F541  # roff
        ".nr HY 0",  # most long words are no words of the language
        f'.TH {title.upper()} {number} "" "logban {logban.__version__}" "logban"',
        ".ad l",
        ".SH NAME",
        f"{escape(title)} \\- {line(PAGES[name])}",
    ]
    for each in sections:
        lines.extend(each)
    return "\n".join(lines) + "\n"


def see_also(own_name: str, *others: str) -> Iterator[str]:
    """Give the section of other pages, logban's own and those written as NAME(SECTION)."""
    own = {f"{name[:-2]}({name[-1]})" for name in PAGES if name != own_name}
    pages = sorted({*others, *own}, key=lambda page: (page[-2], page))
    yield ".SH SEE ALSO"
    for number, page in enumerate(pages):
        name, rest = page.split("(")
        yield f".BR {escape(name)} ({rest}{',' if number < len(pages) - 1 else ''}"
    yield ".PP"
    yield "/usr/share/doc/logban"


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
        entries((italic(path), f"{what}.") for path, what in said.FILES.items()),
    )


def examples(shown: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Give examples, each behind what it does."""
    for text, lines in shown:
        yield from paragraphs(text)
        yield from example(lines)
