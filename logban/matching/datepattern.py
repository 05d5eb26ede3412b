# SPDX-License-Identifier: MIT
"""fail2ban's ``datepattern``: strptime(3)'s letters inside a regular expression.

What the tokens mean was taken from fail2ban's manual (jail.conf(5)) and from strptime(3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

import regex

from logban.matching.compiler import ExpressionError

_TOKENS: Final = {
    "Y": r"(?P<Y>[0-9]{4})",
    "y": r"(?P<y>[0-9]{2})",
    "m": r"(?P<m>[01]?[0-9])",
    "d": r"(?P<d>[ 0-3]?[0-9])",
    "e": r"(?P<d>[ 0-3]?[0-9])",
    "j": r"(?P<j>[0-3]?[0-9]?[0-9])",
    "b": r"(?P<b>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)",
    "B": r"(?P<b>January|February|March|April|May|June|July|August|September|October|November"
    r"|December|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec)",
    "a": r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
    "A": r"(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)",
    "H": r"(?P<H>[ 0-2]?[0-9])",
    "k": r"(?P<H>[ 0-2]?[0-9])",
    "I": r"(?P<I>[ 01]?[0-9])",
    "l": r"(?P<I>[ 01]?[0-9])",
    "p": r"(?P<p>[AaPp][Mm])",
    "M": r"(?P<M>[0-5][0-9])",
    "S": r"(?P<S>[0-6][0-9])",
    "f": r"(?P<f>[0-9]{1,9})",
    "z": r"(?P<z>Z|UTC|GMT|[+-][0-2][0-9](?::?[0-5][0-9])?)",
    "Z": r"(?P<Z>UTC|GMT|Z)",
    "T": r"(?P<H>[ 0-2]?[0-9]):(?P<M>[0-5][0-9]):(?P<S>[0-6][0-9])",
    "F": r"(?P<Y>[0-9]{4})-(?P<m>[01][0-9])-(?P<d>[0-3][0-9])",
    "%": r"%",
}
# fail2ban's exact forms (%ExH, %Exm, ...) insist on two digits where the plain ones do not.
_EXACT: Final = {
    "Y": r"(?P<Y>(?:19|20|21)[0-9]{2})",
    "y": r"(?P<y>[0-9]{2})",
    "m": r"(?P<m>0[1-9]|1[0-2])",
    "d": r"(?P<d>0[1-9]|[12][0-9]|3[01])",
    "H": r"(?P<H>[01][0-9]|2[0-4])",
    "M": r"(?P<M>[0-5][0-9])",
    "S": r"(?P<S>[0-6][0-9])",
    "z": r"(?P<z>Z|UTC|GMT|[+-][0-2][0-9](?::?[0-5][0-9])?)",
    "Z": r"(?P<Z>UTC|GMT|Z)",
}
_TOKEN: Final = re.compile(r"%(Ex([A-Za-z])|ES|[A-Za-z%])")
_PARTS: Final = frozenset("YymdjbBHIMSp") | {"epoch"}
# Escapes and character classes, in which a parenthesis is one; or one that opens a plain group.
_GROUP: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|(\((?!\?))")
_EPOCH: Final = r"(?P<epoch>[0-9]{10}(?:\.[0-9]{1,6})?)"
_LONG_EPOCH: Final = r"(?P<epoch>[0-9]{16}|[0-9]{13}|[0-9]{10}(?:\.[0-9]{1,6})?)"
# {^LN-BEG}: at the line's beginning, behind at most two characters that belong to no word.
_LINE_BEGIN: Final = r"^\W{0,2}"


class Defaults(Enum):
    """Date patterns that stand for the default formats: where in the line these are looked for."""

    BEGINNING = "beginning"
    ANYWHERE = "anywhere"


@dataclass(frozen=True, slots=True)
class DatePattern:
    """A compiled date pattern; its group ``cut`` is what is taken out of the line."""

    compiled: regex.Pattern[str]


def compile_date_pattern(text: str) -> DatePattern | Defaults:
    """Compile one line of ``datepattern``; ExpressionError if it can't be understood."""
    anchored = text.startswith("{^LN-BEG}")
    rest = text.removeprefix("{^LN-BEG}").strip()
    if rest in ("", "{DEFAULT}", "{DATE}"):
        return Defaults.BEGINNING if anchored else Defaults.ANYWHERE
    bounded = not (rest.startswith(("{UNB}", "**", "^")) or anchored)
    rest = rest.removeprefix("{UNB}").removeprefix("**")
    if "{DATE}" in rest or "{DEFAULT}" in rest:
        # The default formats are found at a line's beginning behind what syslog puts there.
        if regex.fullmatch(r"\^<\\d\+>\\d\+\\s\+\{DATE\}", rest):
            return Defaults.BEGINNING
        raise ExpressionError("datepattern: {DATE} inside an expression is not understood")
    body = _tokens_written_out(rest)
    start = ""
    if body.startswith("^"):
        start, body = "^", body[1:]
    if anchored:
        start = _LINE_BEGIN
    try:
        plain = regex.compile(body)
        if plain.groupindex.keys().isdisjoint(_PARTS):
            raise ExpressionError(
                f"datepattern {text!r} has no date in it: "
                "use %Y, %m, %d, %H, %M, %S, EPOCH or {NONE}"
            )
        own_group = plain.groups > len(plain.groupindex)
        cut = _first_group_named(body) if own_group else f"(?P<cut>{body})"
        whole = f"{start}(?:{cut})"
        if bounded:
            whole = rf"(?<!\w){whole}(?!\w)"
        return DatePattern(regex.compile(whole, regex.VERSION0 | regex.IGNORECASE))
    except regex.error as error:
        raise ExpressionError(f"datepattern {text!r}: {error.msg}") from error


def _tokens_written_out(text: str) -> str:
    def written_out(found: re.Match[str]) -> str:
        whole, exact = found.group(1), found.group(2)
        if exact is not None:
            if exact not in _EXACT:
                raise ExpressionError(f"datepattern: there is no %Ex{exact}")
            return _EXACT[exact]
        if whole == "ES":
            return _EXACT["S"]
        if whole not in _TOKENS:
            raise ExpressionError(f"datepattern: there is no %{whole}")
        return _TOKENS[whole]

    written = _TOKEN.sub(written_out, text)
    written = re.sub(r"\{LEPOCH\}|\bLEPOCH\b", lambda _: _LONG_EPOCH, written)
    return re.sub(r"\{EPOCH\}|\bEPOCH\b", lambda _: _EPOCH, written)


def _first_group_named(body: str) -> str:
    """Name the first plain group ``cut``: where a pattern has one, only that is taken out."""
    for found in _GROUP.finditer(body):
        if found[1]:
            return f"{body[: found.start()]}(?P<cut>{body[found.end() :]}"
    return body
