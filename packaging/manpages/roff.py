# SPDX-License-Identifier: MIT
# ruff: noqa: INP001  # a part of the program that is this directory
"""Text as groff_man(7) takes it: escapes, paragraphs, lists, examples, sections."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator


def escape(text: str) -> str:
    """Give text as roff that shows just that."""
    return text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("^", "\\(ha")


def line(text: str) -> str:
    """Give a line of running text, in which `this` is set in bold."""
    parts = text.split("`")
    made = "".join(bold(part) if number % 2 else escape(part) for number, part in enumerate(parts))
    return f"\\&{made}" if made.startswith((".", "\\(aq")) else made


def bold(text: str) -> str:
    """Give text in bold."""
    return f"\\fB{escape(text)}\\fR"


def italic(text: str) -> str:
    """Give text in italics."""
    return f"\\fI{escape(text)}\\fR"


def option(name: str, value: str) -> str:
    """Give an option and what follows it."""
    return f"{bold(name)} {italic(value)}" if value else bold(name)


def paragraphs(text: str) -> Iterator[str]:
    """Give text whose paragraphs an empty line parts."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        yield ".PP"
        yield line(" ".join(paragraph.split()))


def entries(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Give a list of words, in roff already, and what each means."""
    for head, text in rows:
        yield ".TP"
        yield head
        yield line(" ".join(text.split()))


def example(text: str) -> Iterator[str]:
    """Give text as it is, line by line."""
    yield from (".PP", ".RS 4", ".EX")
    for each in text.strip("\n").split("\n"):
        shown = escape(each)
        yield f"\\&{shown}" if shown.startswith(".") else shown
    yield from (".EE", ".RE")


def section(title: str, *parts: Iterable[str]) -> Iterator[str]:
    """Give a section."""
    yield f".SH {title}"
    for part in parts:
        yield from part
