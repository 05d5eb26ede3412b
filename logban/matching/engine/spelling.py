# SPDX-License-Identifier: MIT
"""How PCRE2 spells sets of characters and numbers of repetitions, whatever they were written as."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby


def times(least: int, most: int | None) -> str:
    """Write how often something is repeated; ``most`` is None where there is no end."""
    if (least, most) == (0, None):
        return "*"
    if (least, most) == (1, None):
        return "+"
    if (least, most) == (0, 1):
        return "?"
    if least == most:
        return f"{{{least}}}"
    return f"{{{least},{'' if most is None else most}}}"


@lru_cache(maxsize=1024)
def written(chars: frozenset[int]) -> str:
    """Write a set of characters; among ASCII's the shorter of a class and its contrary."""
    if not chars:
        return "(?!)"
    if len(chars) == 1:
        return _escaped(*chars)
    contrary = frozenset(range(128)) - chars
    yes, no = _ranges(chars), _ranges(contrary)
    return f"[^{no}]" if len(no) < len(yes) else f"[{yes}]"


def _ranges(chars: frozenset[int]) -> str:
    return "".join(
        _escaped(first) if first == last else f"{_escaped(first)}-{_escaped(last)}"
        for first, last in _runs(chars)
    )


def _runs(chars: frozenset[int]) -> Iterator[tuple[int, int]]:
    for _, run in groupby(enumerate(sorted(chars)), key=lambda pair: pair[1] - pair[0]):
        codes = [code for _, code in run]
        yield codes[0], codes[-1]


def _escaped(code: int) -> str:
    character = chr(code)
    return (
        character if character.isalnum() or character in " _\"'<>=,;:@/!~`&%" else f"\\x{code:02x}"
    )
