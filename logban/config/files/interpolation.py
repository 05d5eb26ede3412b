# SPDX-License-Identifier: MIT
"""What ``%(name)s`` and ``<name>`` stand for.

``%(name)s`` is configparser's: another value of the section, of [DEFAULT], or of another section
(``%(section/name)s``); ``%%`` is a percent sign.  ``<name>`` is fail2ban's, replaced afterwards in
filters only, as often as there is something to replace; a tag of no known name stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Protocol

from logban.config.files.text import Text, TextLine, Value, splice
from logban.config.problem import Problem, did_you_mean, error
from logban.model import Origin

# Bounds that no filter comes near (fail2ban's largest expands to 8 kB in 60 steps) and that
# keep ten lines of configuration from filling the memory.
MAX_CHARACTERS: Final = 256 * 1024
MAX_REFERENCES: Final = 10_000
MAX_DEPTH: Final = 50
# fail2ban's bound on how often one tag is replaced in one value.
MAX_TAG_REPLACEMENTS: Final = 25

REFERENCE: Final = re.compile(r"%\(([^)]+)\)s")
_PIECE: Final = re.compile(r"%%|%\(([^)]+)\)s|%")
_TAG: Final = re.compile(r"<([^ <>]+)>")


class InterpolationError(Exception):
    """A reference cannot be followed; ``problem`` tells where and why."""

    def __init__(self, origin: Origin, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.problem: Problem = error(origin, message, hint)


class Scope(Protocol):
    """The names that a value may refer to."""

    def find(self, name: str, within: Value) -> Value | None:
        """Give what a name stands for in that value; None if there is nothing of that name."""
        ...

    def names(self) -> Iterable[str]:
        """Give the names that there are."""
        ...


def interpolate(value: Value, scope: Scope) -> Text:
    """Follow every ``%(name)s`` of a value; InterpolationError if one leads nowhere."""
    return _Expansion(scope).of(value, ())


class _Expansion:
    """The following of one value's references, with a count of what it costs."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._characters = 0
        self._references = 0

    def of(self, value: Value, trail: tuple[Value, ...]) -> Text:
        """Give a value's text; ``trail`` are the values whose references led here."""
        if value.literal:
            return value.lines
        if value in trail or len(trail) > MAX_DEPTH:
            way = " -> ".join(dict.fromkeys(step.key for step in (*trail, value)))
            raise InterpolationError(value.origin, f"{value.key!r} refers to itself: {way}")
        lines = tuple(
            spliced
            for line in value.lines
            for spliced in splice(self._parts(line, value, trail), line.origin)
        )
        self._characters += sum(len(line.text) for line in lines)
        if self._characters > MAX_CHARACTERS:
            message = f"{value.key!r} grows beyond {MAX_CHARACTERS} characters"
            raise InterpolationError(value.origin, message, "its references multiply it")
        return lines

    def _parts(self, line: TextLine, value: Value, trail: tuple[Value, ...]) -> list[str | Text]:
        parts: list[str | Text] = []
        end = 0
        for piece in _PIECE.finditer(line.text):
            parts.append(line.text[end : piece.start()])
            end = piece.end()
            if piece[1] is not None:
                parts.append(self.of(self._found(piece[1], line, value), (*trail, value)))
            elif piece[0] == "%%":
                parts.append("%")
            else:
                raise InterpolationError(
                    line.origin,
                    f"a single '%' at character {piece.start() + 1} of {value.key!r}",
                    "write %% for a percent sign, %(name)s for another value",
                )
        parts.append(line.text[end:])
        return parts

    def _found(self, name: str, line: TextLine, value: Value) -> Value:
        self._references += 1
        if self._references > MAX_REFERENCES:
            message = f"{value.key!r} takes more than {MAX_REFERENCES} references to resolve"
            raise InterpolationError(value.origin, message)
        found = self._scope.find(name, value)
        if found is None:
            message = f"nothing is called {name!r}, to which {value.key!r} refers"
            raise InterpolationError(line.origin, message, did_you_mean(name, self._scope.names()))
        return found


def substitute_tags(key: str, lines: Text, find: Callable[[str], Text | None]) -> Text:
    """Replace every ``<name>`` that ``find`` knows, innermost first, until none is left.

    InterpolationError if the value of ``key`` contains itself or grows without end.
    """
    known: dict[str, Text | None] = {}
    done: list[TextLine] = []
    # Each line with the number of times that each name was replaced on the way to it.
    waiting: list[tuple[TextLine, Mapping[str, int]]] = [(line, {}) for line in reversed(lines)]
    while waiting:
        line, counts = waiting.pop()
        for tag in _TAG.finditer(line.text):
            name = tag[1]
            if name not in known:
                known[name] = find(name)
            replacement = known[name]
            if replacement is None:
                continue
            count = counts.get(name, 0) + 1
            if name.lower() == key or count > MAX_TAG_REPLACEMENTS:
                raise InterpolationError(line.origin, f"<{name}> in {key!r} contains itself")
            spliced = splice(_exchanged(line.text, tag[0], replacement), line.origin)
            waiting.extend((new, {**counts, name: count}) for new in reversed(spliced))
            if sum(len(each.text) + 1 for each, _ in waiting) > MAX_CHARACTERS:
                message = f"{key!r} grows beyond {MAX_CHARACTERS} characters"
                raise InterpolationError(line.origin, message, f"<{name}> multiplies it")
            break
        else:
            done.append(line)
    return tuple(done)


def _exchanged(text: str, tag: str, replacement: Text) -> Iterator[str | Text]:
    for number, piece in enumerate(text.split(tag)):
        if number:
            yield replacement
        yield piece
