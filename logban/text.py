# SPDX-License-Identifier: MIT
"""Hostile text made fit to be shown: to a terminal, in a mail, in a log."""

from __future__ import annotations

_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def visible(text: str, limit: int | None = None) -> str:
    r"""Give the text on one line, with all that does not show as itself written as an escape.

    What is escaped is what :meth:`str.isprintable` calls not printable: control characters,
    line and paragraph separators, bidi overrides and other invisible characters, spaces other
    than the plain one, undecodable bytes.  A backslash stays as it is: the result is for people
    and can't be turned back.  ``limit`` is the greatest length of the result; what is cut ends
    in an ellipsis, and no escape is cut in two.

    >>> visible("6003\x1b[2J\u202e")
    '6003\\x1b[2J\\u202e'
    """
    if text.isprintable() and (limit is None or len(text) <= limit):
        return text
    if limit is None:
        return "".join(map(_shown, text))
    parts: list[str] = []
    length = 0
    fitting = 0  # how many of the parts leave room for the ellipsis
    for character in text:
        part = _shown(character)
        length += len(part)
        if length > limit:
            return "".join(parts[:fitting]) + "…"[:limit]
        parts.append(part)
        if length < limit:
            fitting = len(parts)
    return "".join(parts)


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    if character in _SHORT:
        return _SHORT[character]
    number = ord(character)
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
