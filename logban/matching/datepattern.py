# SPDX-License-Identifier: MIT
"""fail2ban's ``datepattern``: strptime(3)'s letters inside a regular expression.

What the tokens mean was taken from fail2ban's manual (jail.conf(5)), from strptime(3), and from
what fail2ban does with its own samples.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Final

import regex

from logban.matching.compiler import ExpressionError

_MONTH: Final = r"(?P<b>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_OFFSET: Final = r"[+-][0-2][0-9](?::?[0-5][0-9])?"
_ABBREVIATION: Final = r"[A-Z](?:[A-Z]{2,4})?"
_TOKENS: Final = {
    "Y": r"(?P<Y>[0-9]{4})",
    "y": r"(?P<y>[0-9]{2})",
    "G": r"[0-9]{4}",
    "m": r"(?P<m>1[0-2]|0?[1-9])",
    "d": r"(?P<d>3[01]|[12][0-9]|[0 ]?[1-9])",
    "e": r"(?P<d>3[01]|[12][0-9]|[0 ]?[1-9])",
    "j": r"(?P<j>[0-3]?[0-9]?[0-9])",
    "U": r"[0-5]?[0-9]",
    "V": r"[0-5]?[0-9]",
    "W": r"[0-5]?[0-9]",
    "u": r"[1-7]",
    "w": r"[0-6]",
    "b": _MONTH,
    "h": _MONTH,
    "B": r"(?P<b>January|February|March|April|May|June|July|August|September|October|November"
    r"|December|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec)",
    "a": r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
    "A": r"(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)",
    "H": r"(?P<H>[ 0-2]?[0-9])",
    "k": r"(?P<H>[ 0-2]?[0-9])",
    "I": r"(?P<I>[ 01]?[0-9])",
    "l": r"(?P<I>[ 01]?[0-9])",
    "p": r"(?P<p>[AaPp][Mm])",
    "M": r"(?P<M>[0-5]?[0-9])",
    "S": r"(?P<S>[0-6]?[0-9])",
    "f": r"(?P<f>[0-9]{1,9})",
    "z": rf"(?P<z>[Zz]|UTC|GMT|{_OFFSET})",
    "Z": r"(?P<Z>Z|[A-Z]{3,5})",
    "T": r"(?P<H>[ 0-2]?[0-9]):(?P<M>[0-5][0-9]):(?P<S>[0-6][0-9])",
    "F": r"(?P<Y>[0-9]{4})-(?P<m>[01][0-9])-(?P<d>[0-3][0-9])",
    "%": r"%",
}
_TOKENS_OF_SEVERAL: Final = {"c": "%a %b %d %H:%M:%S %Y", "x": "%m/%d/%y", "X": "%H:%M:%S"}
# fail2ban's exact forms (%ExH, %Exm, ...) insist on two digits where the plain ones do not.
_EXACT: Final = {
    "Y": r"(?P<Y>(?:19|20|21)[0-9]{2})",
    "y": r"(?P<y>[0-9]{2})",
    "m": r"(?P<m>0[1-9]|1[0-2])",
    "d": r"(?P<d>0[1-9]|[12][0-9]|3[01])",
    "H": r"(?P<H>[01][0-9]|2[0-4])",
    "k": r"(?P<H>[ 0-2]?[0-9])",
    "l": r"(?P<I>[ 01]?[0-9])",
    "M": r"(?P<M>[0-5][0-9])",
    "S": r"(?P<S>[0-6][0-9])",
    "z": rf"(?P<z>(?:{_ABBREVIATION})?{_OFFSET}|{_ABBREVIATION})",
    "Z": rf"(?P<Z>{_ABBREVIATION})",
}
_TOKEN: Final = re.compile(r"%(Ex([A-Za-z])|ES|[A-Za-z%])")
# With a name in it a pattern does not tell small letters from capitals.
_NAMES: Final = re.compile(r"(?<!%)%[aAbBhpc]")
_PARTS: Final = frozenset("YymdjbBHIMSp") | {"epoch", "tai"}
# Escapes and character classes, in which a parenthesis is one; or one that opens a plain group.
_GROUP: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|(\((?!\?))")
_EPOCH: Final = r"(?P<epoch>[0-9]{10}\b(?:\.[0-9]{1,9})?)"
_LONG_EPOCH: Final = r"(?P<epoch>[0-9]{16}|[0-9]{13}(?:\.[0-9]{1,6})?|[0-9]{10}(?:\.[0-9]{1,6})?)"
# DJB's label: 2^62 and the seconds since 1970, and nanoseconds, in 24 hexadecimal digits.
_TAI64N: Final = r"@4(?P<tai>[0-9a-f]{23})"
_WORD: Final = re.compile(
    r"(?P<brace>\{)?\b(?:(?P<long>LEPOCH)|(?P<epoch>EPOCH)|TAI64N)\b(?(brace)\})", re.IGNORECASE
)
_DATE: Final = re.compile(r"(?<!\\)\{(?:DATE|DEFAULT)\}", re.IGNORECASE)
_LINE_BEGIN_MARK: Final = "{^LN-BEG}"
# {^LN-BEG}: at the line's beginning, behind at most two characters that belong to no word; or
# behind a byte order mark or a syslog priority (RFC 5424's with its version), and a bracket.
_BEGINNING: Final = r"^(?:\ufeff?<[0-9]{1,3}>(?:1 )?[\[(]?|\ufeff?\W{0,2})"
_WORD_BEGINS: Final = r"(?:^|\b|(?=\W))"
_WORD_ENDS: Final = r"(?:\b|(?=\W)|$)"
_NEEDS_NO_BEGIN: Final = re.compile(r"\(*(?:\(\?\w+\))?(?:\^|\(*\*\*|\((?:\?:)?\^)")
_NEEDS_NO_END: Final = re.compile(r"(?<!\\)(?:\$\)?|\\b|\\s|\*\*\)*)$")
_ANCHOR: Final = re.compile(r"(?:\(\?\w+\))?(?:\^|\((?:\?:)?\^(?!\|))")
_STARS: Final = re.compile(r"^\(*(?:\(\?\w+\))?\(*\*\*|(?<!\\)\*\*\)*$")


class Defaults(Enum):
    """Date patterns that stand for the default formats: where in the line these are looked for."""

    BEGINNING = "beginning"
    ANYWHERE = "anywhere"


class NoDate(Enum):
    """The date pattern ``{NONE}``: lines bring no date."""

    NONE = "none"


@dataclass(frozen=True, slots=True)
class DateForm:
    """One compiled form of a date; its group 1 is what is taken out of the line.

    ``anchored`` says that it can stand in one place only.
    """

    compiled: regex.Pattern[str]
    anchored: bool


@dataclass(frozen=True, slots=True)
class DatePattern:
    """One line of ``datepattern``; several forms where the default ones are a part of it."""

    forms: tuple[DateForm, ...]


# In the order in which they are tried, for which the ones farther up are the more telling.
# ISO 8601 and RFC 3339 (Asterisk's `dateformat = %F %T.%3q`, rsyslog's file format); RFC 3164 and
# ctime(3), the year behind the time or before it; day, month and year in figures; the common log
# format; month, day and year in figures, two forms; seconds since the epoch, also as the kernel's
# auditing writes them; the time alone; in angle brackets; MySQL's; java.util.logging's; ASSP's;
# ISO 8601's basic form; with the zone before them; daemontools'.
_CLOCK: Final = "%H:%M:%S(?:[.,]%f)?"
_CTIME: Final = r"(?:%a,? )?%b [ ]?%d"
DEFAULT_FORMS: Final = (
    rf"%ExY(?P<_sep>[-/.])%m(?P=_sep)%d[T ] ?{_CLOCK}(?:\s*%z(?![0-9]))?",
    rf"{_CTIME} %k:%M:%S(?:[.,]%f)?(?: %ExY(?=[\s\])]|$))?",
    rf"{_CTIME} %ExY %k:%M:%S(?:[.,]%f)?",
    r"%d(?P<_sep>[-/])%m(?P=_sep)(?:%ExY|%Exy) %k:%M:%S",
    r"%d(?P<_sep>[-/ ])%b(?P=_sep)%ExY[ :]?%H:%M:%S(?:\.%f)?(?: %z(?![0-9]))?",
    r"%m/%d/%ExY:%H:%M:%S",
    r"%m-%d-%ExY %k:%M:%S(?:\.%f)?",
    r"{EPOCH}",
    r"{^LN-BEG}%H:%M:%S",
    r"^<%m/%d/%Exy@%H:%M:%S>",
    r"%Exy%Exm%Exd  ?%H:%M:%S",
    r"%b %d, %ExY %I:%M:%S %p",
    r"^%b-%d-%Exy %k:%M:%S",
    r"%ExY%Exm%Exd[T ]? ?%ExH%ExM%ExS(?:[.,]%f)?(?:\s*%z(?![0-9]))?",
    # A zone's letters are capitals: any word may stand before a date.
    rf"(?:(?P<Z>(?-i:[A-Z]{{3,5}}))|%z) {_CTIME} %k:%M:%S(?:\.%f)?(?: %ExY)?",
    r"{TAI64N}",
)
"""The forms that logs have unless somebody chose another one."""


def compile_date_pattern(text: str) -> DatePattern | Defaults | NoDate:
    """Compile one line of ``datepattern``; ExpressionError if it can't be understood."""
    text = text.strip()
    if text.upper() == "{NONE}":
        return NoDate.NONE
    rest = text.removeprefix(_LINE_BEGIN_MARK).strip()
    if not rest or _DATE.fullmatch(rest):
        return Defaults.BEGINNING if rest != text else Defaults.ANYWHERE
    if _DATE.search(rest):
        forms = tuple(
            date_form(_DATE.sub(lambda _, default=default: _unbound(default), text))  # type: ignore[misc]  # a default argument
            for default in DEFAULT_FORMS
        )
        return DatePattern(forms)
    return DatePattern((date_form(text),))


def date_form(text: str) -> DateForm:
    """Compile a date pattern in which no other is named; ExpressionError if it is none."""
    at_beginning = text.startswith(_LINE_BEGIN_MARK)
    unbound = text.startswith("{UNB}")
    pattern = text.removeprefix(_LINE_BEGIN_MARK).removeprefix("{UNB}").strip()
    if pattern.upper().strip("{}") in ("EPOCH", "^EPOCH", "LEPOCH", "^LEPOCH"):
        return _epoch_alone(pattern.upper().strip("{}"), at_beginning=at_beginning)
    flags = regex.VERSION0 | (regex.IGNORECASE if _NAMES.search(pattern) else 0)
    begins_itself = unbound or _NEEDS_NO_BEGIN.match(pattern) is not None
    ends_itself = unbound or _NEEDS_NO_END.search(pattern) is not None
    body = _STARS.sub(lambda found: found[0].replace("**", ""), _written_out(pattern))
    grouped = any(found[1] for found in _GROUP.finditer(body))
    try:
        named = regex.compile(body, flags).groupindex
        # fail2ban's way to say that lines of some form have no date is an empty group.
        if named.keys().isdisjoint(_PARTS) and "()" not in body:
            raise ExpressionError(
                f"datepattern {text!r} has no date in it: "
                "use %Y, %m, %d, %H, %M, %S, EPOCH or {NONE}"
            )
        if not grouped:
            body = _grouped(body)
        if not begins_itself:
            body = f"{_BEGINNING if at_beginning else _WORD_BEGINS}{body}"
        if not ends_itself:
            body += _WORD_ENDS
        return DateForm(regex.compile(body, flags), _ANCHOR.match(body) is not None)
    except regex.error as error:
        raise ExpressionError(f"datepattern {text!r}: {error.msg}") from error


@cache
def default_form(number: int, *, anywhere: bool) -> DateForm | None:
    """Give a default form compiled, as it stands at a line's beginning or anywhere in it.

    None if it stands at the beginning only.
    """
    text = DEFAULT_FORMS[number]
    begins_line = text.startswith(("^", _LINE_BEGIN_MARK))
    if anywhere:
        return None if begins_line else date_form(text)
    return date_form(text if begins_line else _LINE_BEGIN_MARK + text)


def _written_out(text: str) -> str:
    """Put expressions in the place of tokens."""

    def token(found: re.Match[str]) -> str:
        whole, exact = found.group(1), found.group(2)
        if exact is not None:
            if exact not in _EXACT:
                raise ExpressionError(f"datepattern: there is no %Ex{exact}")
            return _EXACT[exact]
        if whole == "ES":
            return _EXACT["S"]
        if whole in _TOKENS_OF_SEVERAL:
            return _written_out(_TOKENS_OF_SEVERAL[whole])
        if whole not in _TOKENS:
            raise ExpressionError(f"datepattern: there is no %{whole}")
        return _TOKENS[whole]

    def word(found: re.Match[str]) -> str:
        if found["long"]:
            return _LONG_EPOCH
        return _EPOCH if found["epoch"] else _TAI64N

    return _WORD.sub(word, _TOKEN.sub(token, text))


def _grouped(body: str) -> str:
    """Make the whole of an expression its first group, but for what holds it in its place."""
    begin = re.match(r"(?:\(\?\w+\))?\^?(?:\(\?\w+\))?", body)
    start = begin.end() if begin is not None else 0
    end = len(body) - 1 if body.endswith("$") and not body.endswith(r"\$") else len(body)
    return f"{body[:start]}({body[start:end]}){body[end:]}"


def _unbound(default: str) -> str:
    """Give a default form as it stands inside of another expression."""
    return default.removeprefix(_LINE_BEGIN_MARK).removeprefix("^")


def _epoch_alone(word: str, *, at_beginning: bool) -> DateForm:
    """Seconds since the epoch, where they may be nothing else.

    Digits anywhere in a line may be a telephone number, so they count at its beginning, in
    brackets or not, or behind the kernel's ``audit(``.
    """
    digits = _LONG_EPOCH if "LEPOCH" in word else _EPOCH
    at_beginning = at_beginning or word.startswith("^")
    begin = _BEGINNING if at_beginning else rf"(?:{_BEGINNING}|(?<=\baudit\())"
    return DateForm(regex.compile(rf"{begin}({digits})(?!\w)", regex.VERSION0), at_beginning)
