# SPDX-License-Identifier: MIT
"""From a failregex in fail2ban's dialect to a compiled expression of the ``regex`` package.

The tags that the dialect adds to regular expressions are written out here: ``<HOST>`` and its
kin become groups named ``ip4`` and ``ip6``, ``<F-USER>...</F-USER>`` a group named ``user``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import count
from typing import Final, Protocol

import regex

# An IPv4 address that is not a piece of a longer run of digits and dots: behind a greedy `.*`
# an unguarded expression would take 8.51.100.7 out of 198.51.100.7.
IPV4: Final = r"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\.?[0-9])"
# RFC 4291, 2.2: eight groups, or fewer of them around one "::".
_GROUP: Final = r"[0-9A-Fa-f]{1,4}"
_GROUPS: Final = rf"{_GROUP}(?::{_GROUP}){{0,6}}"
# Likewise no piece of a longer address (db8::1 of 2001:db8::1), nor of a word (d:: of std::).
_IP6: Final = (
    rf"(?<![0-9A-Za-z])(?<!(?<![0-9A-Za-z]){_GROUP}:)"
    rf"(?:{_GROUP}(?::{_GROUP}){{7}}|(?:{_GROUPS})?::(?:{_GROUPS})?)"
    r"(?![0-9A-Za-z])(?!(?::[0-9]{1,3})?(?:\.[0-9]{1,3}){3})"
)
_BARE_ADDRESS: Final = rf"(?:(?:::[fF]{{4}}:)?(?P<ip4>{IPV4})|(?P<ip6>{_IP6}))"
_ADDRESS: Final = rf"\[?{_BARE_ADDRESS}\]?"

_NAME: Final = r"(?P<dns>[\w\-.^_]*\w)"

# <HOST> stands for an address, as in fail2ban with usedns = no, unless names are asked for.
_TAGS: Final[dict[str, str]] = {
    "HOST": _ADDRESS,
    "ADDR": _ADDRESS,
    "IP4": rf"(?P<ip4>{IPV4})",
    "IP6": rf"\[?(?P<ip6>{_IP6})\]?",
    "DNS": _NAME,
    "CIDR": r"(?P<cidr>[0-9]{1,3})",
    "SUBNET": rf"\[?{_BARE_ADDRESS}(?:/(?P<cidr>[0-9]{{1,3}}))?\]?",
    "F-ID/": r"(?P<fid>\S+)",
    "F-PORT/": r"(?P<fport>\w+)",
}
_TAGS.update({f"F-{tag}/": _TAGS[tag] for tag in ("IP4", "IP6", "ADDR", "CIDR", "SUBNET", "DNS")})
_HOST_OR_NAME: Final = rf"(?:{_ADDRESS}|{_NAME})"
_RENAMED: Final = {"id": "fid", "port": "fport"}
_TAG: Final = re.compile(r"<(HOST|ADDR|IP4|IP6|DNS|CIDR|SUBNET|SKIPLINES|/?F-[A-Z0-9_]+/?)>")
# Global flags at the beginning of a group, which mean the group alone: ((?i)abc).
_GROUP_FLAGS: Final = re.compile(r"(?<!\\)\((?:\?:)?(\(\?[a-z]+)\)")
# An expression's text in pieces: escaped characters, whole character classes, single characters.
_PIECE: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
# Within a class: escaped characters, which stay together, and what opens a class of POSIX.
_IN_CLASS: Final = re.compile(r"\\.|\[(?=[:.=])", re.DOTALL)
_BLANKS: Final = {r"\s": r"[\s\x1c-\x1f]", r"\S": r"[^\s\x1c-\x1f]"}
# What has a name in braces behind it, which ``re`` knows nothing of.
_PROPERTIES: Final = frozenset({r"\p", r"\P", r"\N"})
_BRACES: Final = re.compile(r"\{(?:[0-9]+|[0-9]*,[0-9]*)\}")

ADDRESS_GROUPS: Final = ("ip4", "ip6", "host")
"""The groups that may hold the address; ``host`` is how filters wrote it before there were tags."""


IDENTITY_GROUPS: Final = (*ADDRESS_GROUPS, "dns", "fid", "mlfid")
"""The groups that may say who failed: by an address, a name, or another line's."""


class ExpressionError(ValueError):
    """A regular expression cannot be used; the message says why, in one sentence."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a filter's expressions are read: over how many lines, with names in place of addresses.

    ``names`` lets <HOST> be a name, ``lines`` makes ^ and $ those of each line.
    """

    names: bool = False
    lines: int = 1


SINGLE_LINES: Final = Reading()


class Searched(Protocol):
    """An expression to be searched for: a compiled one, or one that will be when it is needed."""

    @property
    def groupindex(self) -> Collection[str]:
        """The names of its groups, in their order."""
        ...

    def search(self, string: str, *, timeout: float | None = ...) -> regex.Match[str] | None:
        """Give the first match; TimeoutError if that takes too long."""
        ...

    def match(self, string: str, *, timeout: float | None = ...) -> regex.Match[str] | None:
        """Give the match at the beginning; TimeoutError if that takes too long."""
        ...


Compile = Callable[[str, Reading], Searched]
"""What gives an expression to search for; ExpressionError if it is none."""


def expand(text: str, reading: Reading = SINGLE_LINES) -> str:
    """Write out the tags of an expression; ExpressionError on one that is not understood.

    What ``re`` and ``regex`` read differently is written so that both read it as ``re``.
    """
    tags = _TAGS | ({"HOST": _HOST_OR_NAME} if reading.names else {})
    opened: list[str] = []
    skipped = count()

    def written_out(found: re.Match[str]) -> str:
        tag = found.group(1)
        if tag in tags:
            return tags[tag]
        if tag == "SKIPLINES":
            if reading.lines == 1:
                raise ExpressionError("<SKIPLINES> needs several lines; set maxlines")
            return rf"\n(?P<skiplines{next(skipped)}>(?:(?:.*\n)*?))"
        if tag.startswith("/"):
            if not opened or opened[-1] != tag[1:]:
                raise ExpressionError(f"<{tag}> closes a tag that is not open")
            opened.pop()
            return ")"
        name = tag.strip("/").removeprefix("F-").lower()
        group = _RENAMED.get(name, name)
        if tag.endswith("/"):
            return rf"(?P<{group}>\S+)"
        opened.append(tag)
        return f"(?P<{group}>"

    expanded = _TAG.sub(written_out, text)
    if opened:
        raise ExpressionError(f"<{opened[-1]}> is never closed; write </{opened[-1]}> behind it")
    return _as_in_re(_GROUP_FLAGS.sub(r"\1:", expanded))


def _as_in_re(text: str) -> str:
    r"""Write what ``re`` and ``regex`` read differently so that both read it as ``re``.

    To ``regex`` alone {e<=1} and [[:alpha:]] mean something, and \x1c to \x1f are no blanks.
    """
    pieces: list[str] = []
    for found in _PIECE.finditer(text):
        piece = found[0]
        before = pieces[-1] if pieces else ""
        if piece == "{" and before not in _PROPERTIES and not _BRACES.match(text, found.start()):
            piece = r"\{"
        elif len(piece) == 2:
            piece = _BLANKS.get(piece, piece)
        elif len(piece) > 2:
            piece = "[" + _IN_CLASS.sub(_class_part_as_in_re, piece[1:])
        pieces.append(piece)
    return "".join(pieces)


def _class_part_as_in_re(found: re.Match[str]) -> str:
    part = found[0]
    if part == r"\s":
        return r"\s\x1c-\x1f"
    return part if part.startswith("\\") else rf"\{part}"


def compile_expression(text: str, reading: Reading = SINGLE_LINES) -> regex.Pattern[str]:
    """Compile an expression; ExpressionError if it is none.

    VERSION0 is the behaviour of Python's own ``re``, for which the filters on the net are written.
    """
    expanded = expand(text, reading)
    if not expanded.strip():
        raise ExpressionError("an empty expression would match every line")
    try:
        multiline = regex.MULTILINE if reading.lines > 1 else 0
        return regex.compile(expanded, regex.VERSION0 | multiline)
    except regex.error as error:
        place = f" at character {error.pos}" if error.pos is not None else ""
        raise ExpressionError(f"no regular expression: {error.msg}{place}: {expanded}") from error
    except (OverflowError, RecursionError, MemoryError) as error:
        raise ExpressionError(f"a regular expression too large to compile: {error}") from error


def check_groups(groups: Collection[str], *, needs_address: bool) -> None:
    """Raise ExpressionError if an expression has to say who failed, and has no group for that."""
    if needs_address and not any(group in groups for group in IDENTITY_GROUPS):
        raise ExpressionError("names no address; put <HOST> where the line has it")
