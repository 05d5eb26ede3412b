# SPDX-License-Identifier: MIT
"""The text of jail files: values and selections in the form in which they are read again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from logban.config.files.parameters import Selection

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:/@+-")


def section(name: str, values: Mapping[str, Iterable[str]]) -> bytes:
    """Write a section; every value is a list of lines, and nothing in them is a reference."""
    width = max((len(key) for key in values), default=0)
    lines = [f"[{name}]"]
    for key, value in values.items():
        first, *rest = [line.replace("%", "%%") for line in value] or [""]
        lines.append(f"{key:{width}} = {first}".rstrip())
        lines += [f"{' ' * (width + 3)}{line}" for line in rest]
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def selected(selection: Selection, name: str = "") -> str:
    """Write ``name[parameter=value, ...]``; ValueError if a value has both kinds of quotes."""
    if not selection.parameters:
        return name or selection.name
    inside = ", ".join(f"{key}={quoted(value)}" for key, value in selection.parameters.items())
    return f"{name or selection.name}[{inside}]"


def quoted(value: str) -> str:
    """Write a parameter's value, in quotes where it needs them."""
    if value and _PLAIN.issuperset(value):
        return value
    for quote in ('"', "'"):
        if quote not in value:
            return f"{quote}{value}{quote}"
    raise ValueError(f"{value!r} has both kinds of quotes, and no parameter can have both")
