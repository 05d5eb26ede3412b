# SPDX-License-Identifier: MIT
"""What a line most likely was meant to be that is in the wrong place or form.

An INI reader takes a line at the margin for a new key.  The second action of a jail, printed at
the margin on many a web page, would be lost in silence: here it is an error with its remedy.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from logban.config.files.ini import Stray
from logban.config.files.text import Value
from logban.config.problem import Problem, closest, error
from logban.model import Origin

_SHOWN: Final = 60
_ADDRESS: Final = re.compile(r"[0-9a-fA-F]*[.:][0-9a-fA-F.:]*(?:/\d+)?(?:[\s,]|$)")
_EXPRESSION: Final = re.compile(r"<(?:HOST|ADDR|IP4|IP6|F-[A-Z0-9_]+/?|SUBNET)>|^\^")
_LEADING: Final = re.compile(r"([\w.\-]+)(.*)", re.DOTALL)
_SECTION: Final = re.compile(r"\[[\w.\-]+\]")
_LISTS: Final = ("action", "failregex", "ignoreregex", "logpath", "ignoreip", "datepattern")


def looks_like_expression(text: str) -> bool:
    """Say whether this is likely a failregex."""
    return bool(_EXPRESSION.search(text))


def judge_stray(stray: Stray, actions: Collection[str], keys: Collection[str]) -> Problem:
    """Say what is wrong with a line that could not be read.

    ``actions`` are the names of actions where the section is a jail, ``keys`` its settings.
    """
    text = stray.line.text
    origin = stray.line.origin
    message = f"{_shortened(text)} is neither [section], comment nor 'key = value'"
    above = stray.after
    leading = _LEADING.match(text)
    if not stray.section and not text.startswith("["):
        return error(origin, message, "the first line is a section's name in brackets")
    if leading and leading[1] in actions and leading[2][:1] in ("", "[", " "):
        return _second(origin, text, "action", "a second action", above)
    if above is not None and above.key in _LISTS and text[:1] != "[":
        what = _entry(text, above.key)
        if what:
            return _second(origin, text, above.key, what, above)
    near = closest(leading[1], keys) if leading else ""
    if near:
        return error(origin, message, f"did you mean '{near} = ...'?")
    if text.startswith("["):
        return error(origin, message, "a section's name stands alone in brackets: [name]")
    continued = f"indent it if it continues {above.key!r}, or " if above else ""
    return error(origin, message, f"{continued}begin it with '#' if it is a comment")


def swallowed(value: Value, keys: Collection[str]) -> Iterator[Problem]:
    """Tell of lines that continue a value and look as if they were not meant to."""
    for line in value.lines[1:]:
        key = re.match(r"([\w.]+)\s*=", line.text)
        if _SECTION.fullmatch(line.text) or (key and key[1].lower() in keys):
            message = (
                f"{_shortened(line.text)} is indented and thereby a part of {value.key!r}"
                f" (line {value.origin.line})"
            )
            yield error(line.origin, message, "take the blanks before it away")


def _entry(text: str, key: str) -> str:
    """Say what of the list ``key`` the text is likely to be; "" if it does not look like that."""
    match key:
        case "logpath" if text.startswith("/"):
            return "another path"
        case "ignoreip" if _ADDRESS.match(text):
            return "another address"
        case "failregex" | "ignoreregex" if looks_like_expression(text) or " " in text:
            return "another regular expression"
        case "datepattern" if "%" in text or "{" in text:
            return "another date pattern"
    return ""


def _second(origin: Origin, text: str, key: str, what: str, above: Value | None) -> Problem:
    message = f"{_shortened(text)} looks like {what} of {key!r} and is not indented"
    if above is not None and above.key == key:
        return error(origin, message, f"indent the line, so that it continues line {_end(above)}")
    return error(origin, message, f"indent the line and put it under '{key} ='")


def _end(above: Value) -> int:
    return above.lines[-1].origin.line if above.lines else above.origin.line


def _shortened(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
