# SPDX-License-Identifier: MIT
"""Reading what logban.conf says of where addresses come from: domains, countries, networks."""

from __future__ import annotations

import re
from typing import Final

from logban.config.parsers import exempt
from logban.config.settings import Reverse

_CODE: Final = re.compile(r"[A-Z]{2}|AS[1-9]\d{0,9}", re.ASCII)


def domains(written: str) -> tuple[str, ...]:
    """Read names of domains, in lower case; a dot before one means nothing more."""
    found = []
    for word in _words(written):
        name = exempt(word.lstrip("*.") or word)
        if not re.search(r"[a-z]", name.rpartition(".")[2]) or "/" in name or ":" in name:
            raise ValueError(f"{word!r} is no name of a domain")
        found.append(name)
    return tuple(dict.fromkeys(found))


def reverse(written: str) -> Reverse:
    """Read which way the list of domains is meant."""
    try:
        return Reverse(written.lower())
    except ValueError:
        raise ValueError("it is neither inside nor outside") from None


def paths(written: str) -> tuple[str, ...]:
    """Read whole paths of files."""
    found = _words(written)
    if not all(path.startswith("/") for path in found):
        raise ValueError("a file's path begins with '/'")
    return tuple(found)


def codes(written: str) -> tuple[str, ...]:
    """Read countries' letters and numbers of autonomous systems."""
    return tuple(dict.fromkeys(_code(word) for word in _words(written)))


def weights(written: str) -> tuple[tuple[str, float], ...]:
    """Read ``CN=2, AS64500=0.5``."""
    found = {}
    for word in _words(written):
        code, equals, text = word.partition("=")
        if not equals or not re.fullmatch(r"\d{1,4}(\.\d{1,4})?", text, re.ASCII):
            raise ValueError(f"{word!r} is no code with a weight, like CN=2")
        found[_code(code)] = float(text)
    return tuple(found.items())


def _code(word: str) -> str:
    code = word.upper()
    if not _CODE.fullmatch(code):
        raise ValueError(f"{word!r} is neither a country, like DE, nor a network, like AS64500")
    return code


def _words(written: str) -> list[str]:
    return [word for word in re.split(r"[\s,]+", written) if word]
