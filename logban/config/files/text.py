# SPDX-License-Identifier: MIT
"""Text of configuration files, each line of which knows where it was written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from logban.model import Origin

BUILT_IN = Origin("built-in", 0)
"""Where values stand that no file gives."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of a value, without the blanks around it."""

    text: str
    origin: Origin


Text: TypeAlias = tuple[TextLine, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """What a key was set to.  ``origin`` is where the key stands.

    ``previous`` is the value of the same key that this one displaced, in a file read earlier.
    ``literal`` says that there is nothing to interpolate in it any more.
    """

    key: str
    origin: Origin
    lines: Text
    previous: Value | None = field(default=None, repr=False)
    literal: bool = False

    @classmethod
    def built_in(cls, key: str, text: str) -> Value:
        """Make a value that no file gives."""
        return cls(key, BUILT_IN, tuple(TextLine(line, BUILT_IN) for line in text.split("\n")))


def written(lines: Text) -> Text:
    """Leave the blank lines out."""
    return tuple(line for line in lines if line.text.strip())


def joined(lines: Text) -> str:
    """Give the text as one string, its lines separated by LF, blank ones left out."""
    return "\n".join(line.text for line in written(lines))


def splice(parts: Iterable[str | Text], around: Origin) -> Text:
    """Put pieces that may have several lines into the one line that stands at ``around``.

    A line that comes out of a single piece keeps that piece's origin, so that a list which is
    pulled in whole still tells where each of its lines was written.
    """
    texts = [""]
    origins: list[Origin | None] = [None]

    def add(text: str, origin: Origin) -> None:
        texts[-1] += text
        if text.strip():
            mixed = origins[-1] is not None or origin == BUILT_IN
            origins[-1] = around if mixed else origin

    for part in parts:
        if isinstance(part, str):
            add(part, around)
            continue
        for number, line in enumerate(part):
            if number:
                texts.append("")
                origins.append(None)
            add(line.text, line.origin)
    return tuple(
        TextLine(text, origin or around) for text, origin in zip(texts, origins, strict=True)
    )
