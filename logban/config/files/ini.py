# SPDX-License-Identifier: MIT
"""The reader of one configuration file: sections, keys, and values of one or more lines.

The form is the one that fail2ban reads with Python's configparser: ``=`` or ``:`` behind a key,
whichever comes first; a line that is indented deeper than its key continues the value; ``#``
and ``;`` begin a comment line, `` ;`` a comment behind a value; keys in any case.
Other than there, nothing in a file is fatal: what can't be read is kept as a stray line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from logban.config.files.text import TextLine, Value
from logban.config.files.trust import Trust
from logban.config.problem import Problem, error, warning
from logban.model import Origin

MAX_FILE_BYTES: Final = 4 * 1024 * 1024
"""A configuration file larger than this is no configuration file."""

_HEADER: Final = re.compile(r"\[([^\[\]]+)\]\s*(?:[#;].*)?")
_ASSIGNMENT: Final = re.compile(r"([\w.\-]+(?:\?\w+)?)\s*[=:]\s*(.*)")
_INLINE_COMMENT: Final = re.compile(r"(?:^|(?<=\s));.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Stray:
    """A line that is neither a section, a comment, a ``key = value`` nor the rest of a value.

    ``section`` is "" before the first section; ``after`` the value above it in that section.
    """

    section: str
    line: TextLine
    after: Value | None


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a file: its values by key, in the order in which they were written."""

    name: str
    origin: Origin
    values: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Remark:
    """A problem of one section; ``section`` is "" where it is the whole file's."""

    section: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class IniFile:
    """A file as it was read: its sections by name, what could not be read, and remarks."""

    path: str
    sections: dict[str, Section] = field(default_factory=dict)
    strays: tuple[Stray, ...] = ()
    remarks: tuple[Remark, ...] = ()


def read_file(path: Path, shown: str, trust: Trust | None = None) -> IniFile:
    """Read a file that calls itself ``shown`` in messages; what fails is a remark.

    A file that ``trust`` objects to is not read.
    """
    objection = trust.objection(path) if trust is not None else ""
    if objection:
        problem = error(Origin(shown, 1), f"the file is not followed: {objection}")
        return IniFile(shown, remarks=(Remark("", problem),))
    remark = trust.remark(path) if trust is not None else ""
    try:
        if not path.is_file():
            return _unreadable(shown, "it is no regular file")
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as failure:
        return _unreadable(shown, str(failure.strerror))
    if len(data) > MAX_FILE_BYTES:
        return _unreadable(shown, f"it is larger than {MAX_FILE_BYTES} bytes")
    file = parse(data, shown)
    if remark:
        odd = Remark("", warning(Origin(shown, 1), remark))
        file = replace(file, remarks=(odd, *file.remarks))
    return file


def parse(data: bytes, shown: str) -> IniFile:
    """Read a file's bytes; nothing that they hold makes this fail."""
    reader = _Reader(shown)
    for number, line in enumerate(reader.decoded(data), 1):
        reader.take(number, line)
    reader.finish()
    return IniFile(shown, reader.sections, tuple(reader.strays), tuple(reader.remarks))


def _unreadable(shown: str, why: str) -> IniFile:
    problem = error(Origin(shown, 1), f"the file cannot be read: {why}")
    return IniFile(shown, remarks=(Remark("", problem),))


class _Reader:
    """Reads lines one after another and keeps what the next one is to be read against."""

    def __init__(self, shown: str) -> None:
        self.sections: dict[str, Section] = {}
        self.strays: list[Stray] = []
        self.remarks: list[Remark] = []
        self._shown = shown
        self._section: Section | None = None
        self._value: Value | None = None
        self._lines: list[TextLine] | None = None
        self._indent = 0

    def decoded(self, data: bytes) -> Iterator[str]:
        """Give the lines; a file that is not UTF-8 is read as Latin-1, which is never wrong."""
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as failure:
            origin = Origin(self._shown, data.count(b"\n", 0, failure.start) + 1)
            message = "the file is not in UTF-8; it is read as ISO 8859-1"
            self.remarks.append(Remark("", warning(origin, message, "save it in UTF-8")))
            text = data.decode("latin-1")
        return iter(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))

    def take(self, number: int, line: str) -> None:
        """Read one line."""
        text = line.strip()
        if text.startswith(("#", ";")):
            return
        text = _INLINE_COMMENT.sub("", line).strip()
        if not text:
            return
        here = TextLine(text, Origin(self._shown, number))
        indent = len(line) - len(line.lstrip())
        if self._lines is not None and indent > self._indent:
            self._lines.append(here)
            return
        self._indent = indent
        header = _HEADER.fullmatch(text)
        if header:
            self._open(header[1].strip(), here.origin)
            return
        above = self.finish()
        assignment = _ASSIGNMENT.fullmatch(text)
        if assignment and self._section is not None:
            key = assignment[1].lower()
            self._value = Value(key, here.origin, ())
            self._lines = [TextLine(assignment[2], here.origin)]
        else:
            name = self._section.name if self._section else ""
            self.strays.append(Stray(name, here, above))
            # What is indented below a stray line belongs to it and is not read either.
            self._value, self._lines = None, []

    def _open(self, name: str, origin: Origin) -> None:
        self.finish()
        self._value, self._lines = None, None
        self._section = self.sections.setdefault(name, Section(name, origin))

    def finish(self) -> Value | None:
        """Put the value that was being read into its section, and give it."""
        if self._value is None or self._section is None:
            return None
        value = replace(self._value, lines=tuple(self._lines or ()))
        self._value = None
        before = self._section.values.get(value.key)
        if before is not None:
            message = f"{value.key!r} is set again and displaces line {before.origin.line}"
            self.remarks.append(Remark(self._section.name, warning(value.origin, message)))
        self._section.values[value.key] = value
        return value
