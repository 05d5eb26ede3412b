# SPDX-License-Identifier: MIT
"""From a failregex in fail2ban's dialect to a compiled expression of the ``regex`` package.

The tags that the dialect adds to regular expressions are written out here: ``<HOST>`` and its
kin become groups named ``ip4`` and ``ip6``, ``<F-USER>...</F-USER>`` a group named ``user``.
"""

from __future__ import annotations

import re
from typing import Final

import regex

# An IPv4 address that is not a piece of a longer run of digits and dots: behind a greedy `.*`
# an unguarded expression would take 8.51.100.7 out of 198.51.100.7.
_IP4: Final = r"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\.?[0-9])"
# RFC 4291, 2.2: eight groups, or fewer of them around one "::".
_GROUP: Final = r"[0-9A-Fa-f]{1,4}"
_GROUPS: Final = rf"{_GROUP}(?::{_GROUP}){{0,6}}"
# Likewise no piece of a longer address (db8::1 of 2001:db8::1), nor of a word (d:: of std::).
_IP6: Final = (
    rf"(?<![0-9A-Za-z])(?<!(?<![0-9A-Za-z]){_GROUP}:)"
    rf"(?:{_GROUP}(?::{_GROUP}){{7}}|(?:{_GROUPS})?::(?:{_GROUPS})?)"
    r"(?![0-9A-Za-z])(?!(?:\.[0-9]{1,3}){3})"
)
_ADDRESS: Final = rf"\[?(?:(?:::[fF]{{4}}:)?(?P<ip4>{_IP4})|(?P<ip6>{_IP6}))\]?"

# Names are never looked up, so <HOST> stands for an address, as in fail2ban with usedns = no.
_TAGS: Final = {
    "HOST": _ADDRESS,
    "ADDR": _ADDRESS,
    "IP4": rf"(?P<ip4>{_IP4})",
    "IP6": rf"\[?(?P<ip6>{_IP6})\]?",
    "DNS": r"(?P<dns>[\w\-.^_]*\w)",
    "CIDR": r"(?P<cidr>[0-9]{1,3})",
    "SUBNET": rf"{_ADDRESS}(?:/(?P<cidr>[0-9]{{1,3}}))?",
    "F-ID/": r"(?P<fid>\S+)",
    "F-PORT/": r"(?P<fport>\w+)",
}
_RENAMED: Final = {"id": "fid", "port": "fport"}
_TAG: Final = re.compile(r"<(HOST|ADDR|IP4|IP6|DNS|CIDR|SUBNET|SKIPLINES|/?F-[A-Z0-9_]+/?)>")

ADDRESS_GROUPS: Final = ("ip4", "ip6", "host")
"""The groups that may hold the address; ``host`` is how filters wrote it before there were tags."""


class ExpressionError(ValueError):
    """A regular expression cannot be used; the message says why, in one sentence."""


def expand(text: str) -> str:
    """Write out the tags of an expression; ExpressionError on one that is not understood."""
    opened: list[str] = []

    def written_out(found: re.Match[str]) -> str:
        tag = found.group(1)
        if tag in _TAGS:
            return _TAGS[tag]
        if tag == "SKIPLINES":
            raise ExpressionError("<SKIPLINES> needs several lines; only single lines are matched")
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
    return expanded


def compile_expression(text: str) -> regex.Pattern[str]:
    """Compile an expression; ExpressionError if it is none.

    VERSION0 is the behaviour of Python's own ``re``, for which the filters on the net are written.
    """
    expanded = expand(text)
    try:
        return regex.compile(expanded, regex.VERSION0)
    except regex.error as error:
        place = f" at character {error.pos}" if error.pos is not None else ""
        raise ExpressionError(f"no regular expression: {error.msg}{place}: {expanded}") from error
    except (OverflowError, RecursionError, MemoryError) as error:
        raise ExpressionError(f"a regular expression too large to compile: {error}") from error


def check_expression(text: str, *, needs_address: bool) -> None:
    """Raise ExpressionError if an expression does not compile, or names no address and has to."""
    pattern = compile_expression(text)
    if needs_address and not any(group in pattern.groupindex for group in ADDRESS_GROUPS):
        raise ExpressionError("names no address; put <HOST> where the line has it")
