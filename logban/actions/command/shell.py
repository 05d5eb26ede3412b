# SPDX-License-Identifier: MIT
r"""fail2ban's shell commands, made safe: every tag becomes a variable of the environment.

The script that is run is always the same text, the admin's own, whatever a ban is about; what is
known of the ban is in variables, which a shell expands and does not read as commands.  An
address, a number or a time goes in anywhere.  What attackers write (log lines, user names) goes in
only where it becomes one argument as it is: in double quotes, unquoted (where quotes are put
around it) and in here-documents; not where another program would read it as its own commands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

VARIABLES: Final[Mapping[str, str]] = {
    "ip": "IP",
    "fid": "IP",
    "ip-rev": "IP_REV",
    "family": "FAMILY",
    "failures": "FAILURES",
    "ipfailures": "FAILURES",
    "ipjailfailures": "FAILURES",
    "time": "TIME",
    "bantime": "BANTIME",
    "bancount": "BANCOUNT",
    "restored": "RESTORED",
    "fq-hostname": "FQ_HOSTNAME",
    "sh-hostname": "SH_HOSTNAME",
}
"""Tags whose values hold letters, digits, dots, colons, slashes and dashes alone."""

HOSTILE: Final[Mapping[str, str]] = {
    "matches": "LINES",
    "ipmatches": "LINES",
    "ipjailmatches": "LINES",
}
"""Tags whose values attackers write; all of ``<F-...>`` are such, too."""

_CHARACTERS: Final = {"br": "\n", "sp": " "}
_UNKNOWN: Final = {
    "ip-host": "the name of an address is its owner's to choose, and is not looked up",
    "raw-ticket": "it is a structure of fail2ban's own",
    **dict.fromkeys(
        ("jail.banned", "jail.banned_total", "jail.found", "jail.found_total"),
        "an action is not told how its jail is",
    ),
}
_FIELD: Final = re.compile(r"F-([A-Z0-9_\-]+)")
_TAG: Final = re.compile(r"<([^ <>\n]+)>")
_HERE: Final = re.compile(r"<<-?[ \t]*(['\"\\]?)([A-Za-z_]\w*)['\"]?")
# Programs that read a part of their arguments or input as commands.
_INTERPRETER: Final = re.compile(
    r"(?<![\w./-])(?:[^\s'\"]*/)?(eval|[gm]?awk|sed|perl|python[\d.]*|ruby|php|lua|mysql|mariadb|"
    r"psql|sqlite3|redis-cli|ssh|sudo|xargs|parallel|(?:ba|da|z|k)?sh)(?![\w./=-])"
    # Words that may also stand in a sentence are programs only where a command begins.
    r"|(?:^|[;&|(`{\n])\s*(?:[^\s'\"]*/)?(at|batch|su|watch|expect|node|bc|dc|crontab)(?![\w./=-])"
)


def variable(tag: str) -> str:
    """Give the variable of the environment that a tag becomes; "" if it is no tag of a ban."""
    field = _FIELD.fullmatch(tag)
    if field is not None:
        return "LOGBAN_F_" + field[1].replace("-", "_")
    name = VARIABLES.get(tag) or HOSTILE.get(tag)
    return f"LOGBAN_{name}" if name else ""


def translate(text: str) -> str:
    """Give the script with variables in place of tags; ValueError with the reason if unsafe."""
    return _Scanner(text).run()


@dataclass(frozen=True, slots=True)
class Script:
    """What is run at an event: a script for IPv4 and one for IPv6, which are mostly the same.

    ``on_demand`` scripts of the event ``start`` are run before the first ban of their family.
    """

    event: str
    text: str
    inet: str
    inet6: str
    on_demand: bool = False

    def argv(self, values: Mapping[str, object]) -> list[str]:
        """Give the arguments; what they are about is in the environment."""
        script = self.inet6 if values.get("family") == "inet6" else self.inet
        return ["/bin/sh", "-c", script]


def _interpreter(text: str) -> str:
    """Name the first program in a script that would read its arguments as commands; "" if none.

    A word behind ``=`` or ``:`` in double quotes, as in ``"service=php"``, is no program.
    """
    for found in _INTERPRETER.finditer(text):
        start = found.start(1) if found[1] else found.start(2)
        is_data = text[start - 1 : start] in ("=", ":") and text.count('"', 0, start) % 2
        if not is_data:
            return found[1] or found[2]
    return ""


class _Scanner:
    """Reads a script from left to right, and knows by what it is quoted at each place.

    The stack holds what is open: ``'``, ``"``, a backtick, ``$(`` or ``(``, ``((``.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._open: list[str] = []
        self._done: list[str] = []
        self._here: list[tuple[str, bool]] = []
        self._program = _interpreter(text)

    def run(self) -> str:
        while self._at < len(self._text):
            self._step()
        if [each for each in self._open if each != "("] or self._here:
            raise ValueError("its quotes do not match, so it can't be told what its tags mean")
        return "".join(self._done)

    @property
    def _inside(self) -> str:
        return self._open[-1] if self._open else ""

    def _step(self) -> None:
        rest = self._text[self._at :]
        tag = _TAG.match(rest)
        if tag is not None and self._take_tag(tag[1], tag[0]):
            return
        if self._inside == "'":
            self._plain(1)
            if rest[0] == "'":
                self._open.pop()
        elif rest[0] == "\\":
            self._plain(2)
        elif rest[0] == "\n" and self._here:
            self._plain(1)
            self._documents()
        else:
            self._structure(rest)

    def _structure(self, rest: str) -> None:
        """Read what opens or closes something, or one character that does not."""
        inside = self._inside
        if rest.startswith("<<<"):  # one word, and no document
            self._plain(3)
            return
        for opening in ("$((", "$("):
            if rest.startswith(opening):
                self._open.append(opening)
                self._plain(len(opening))
                return
        if rest[0] == "`":
            self._plain(1)
            self._open.pop() if inside == "`" else self._open.append("`")
        elif rest[0] == '"':
            self._plain(1)
            self._open.pop() if inside == '"' else self._open.append('"')
        elif inside == '"':
            self._plain(1)
        elif rest[0] == "'":
            self._open.append("'")
            self._plain(1)
        elif rest[0] == "#" and (self._at == 0 or self._text[self._at - 1] in " \t\n;&|("):
            self._plain(len(rest.partition("\n")[0]))
        elif rest[0] == "(":
            self._open.append("(")
            self._plain(1)
        elif rest[0] == ")":
            self._close(rest)
        elif (here := _HERE.match(rest)) is not None:
            self._here.append((here[2], bool(here[1])))
            self._plain(here.end())
        else:
            self._plain(1)

    def _close(self, rest: str) -> None:
        if self._inside == "$((" and rest.startswith("))"):
            self._open.pop()
            self._plain(2)
            return
        if self._inside in ("(", "$("):  # else it ends a pattern of `case`
            self._open.pop()
        self._plain(1)

    def _documents(self) -> None:
        """Read the here-documents that begin on this line."""
        for word, is_quoted in self._here:
            while self._at < len(self._text):
                line = self._text[self._at :].partition("\n")[0]
                if line.strip() == word:
                    self._plain(len(line))
                    break
                self._document_line(line, is_quoted=is_quoted)
            else:
                raise ValueError(f"its here-document does not end with {word}")
        self._here = []

    def _document_line(self, line: str, *, is_quoted: bool) -> None:
        def put(tag: re.Match[str]) -> str:
            value = self._value(tag[1])
            if value is None:
                return tag[0]
            if is_quoted and value.startswith("$"):
                raise ValueError(f"<{tag[1]}> stands in a here-document that takes no variables")
            return value

        self._done.append(_TAG.sub(put, line))
        self._at += len(line)
        self._plain(1)

    def _plain(self, length: int) -> None:
        self._done.append(self._text[self._at : self._at + length])
        self._at += length

    def _take_tag(self, name: str, whole: str) -> bool:
        """Put a variable in the place of a tag; say whether it is one."""
        value = self._value(name)
        if value is None:
            return False
        is_hostile = not (name in VARIABLES or name in _CHARACTERS)
        if is_hostile:
            self._refuse_hostile(whole)
        if self._inside == "'" and value.startswith("$"):
            value = f"'\"{value}\"'"
        elif is_hostile and self._inside != '"':
            value = f'"{value}"'
        self._done.append(value)
        self._at += len(whole)
        return True

    def _refuse_hostile(self, whole: str) -> None:
        if self._program:
            raise ValueError(
                f"{whole} is written by attackers, and {self._program} would take a part "
                "of it for its own commands"
            )
        if self._inside in ("'", "`", "$(("):
            raise ValueError(
                f"{whole} is written by attackers, and stands in {self._inside}, where another "
                "program may take it for commands; put it in double quotes"
            )

    def _value(self, name: str) -> str | None:
        """Give what a tag becomes; None if it is none."""
        if name in _CHARACTERS:
            return _CHARACTERS[name]
        if name in _UNKNOWN:
            raise ValueError(f"<{name}> can't be had: {_UNKNOWN[name]}")
        found = variable(name)
        return f"${{{found}}}" if found else None
