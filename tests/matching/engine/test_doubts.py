# SPDX-License-Identifier: MIT
"""Which lines the engine leaves alone: those that may begin certain messages, and few others."""

from __future__ import annotations

import pytest

from logban.matching.engine import doubts
from logban.matching.engine.doubts import Doubts
from logban.matching.engine.pcre2 import Code, Pcre2Error, library
from logban.matching.engine.writing import write_doubts
from logban.matching.engine.written import Opening
from logban.matching.literals import required_literals

BEGIN = r"^\[[\d ]+\] \w+: registrar\.c:\s(?:\d+ )?AOR '"
LINES = [
    b"[1] NOTICE: registrar.c: AOR 'x' not found",
    b"[1] NOTICE: registrar.c: 7 AOR 'x' not found",
    b"[1] WARNING: registrar.c: too many contacts for AOR 'x'",
    b"a peer's: registrar.c: AOR '",
    b"caf\xc3\xa9 \xe9",
    b"ends so\r",
    b"ends \r not so",
    b'{"json": 1}',
    b"nothing",
]
DOUBTED = [0, 1, 3, 4, 5, 7]


def doubted(found: Doubts) -> list[int]:
    """Give the numbers of the lines that are doubted."""
    data = b"".join(line + b"\n" for line in LINES)
    return sorted({data.count(b"\n", 0, at) for at in found.places(data)})


def doubts_of(begin: str) -> Doubts:
    pcre2 = library()
    assert pcre2 is not None
    literals = required_literals(begin, whole=True)
    openings = [Opening("", (frozenset({b'{"'}),)), Opening(begin, literals)]
    return Doubts(pcre2, [b'{"', *sorted(literals[0])], write_doubts(openings))


def test_lines_that_begin_so() -> None:
    assert doubted(doubts_of(BEGIN)) == DOUBTED


def test_without_such_messages() -> None:
    pcre2 = library()
    assert pcre2 is not None
    assert doubted(Doubts(pcre2, [], "")) == [4, 5]


@pytest.mark.parametrize("rest", [r"(?<=CE: registrar\.c: )A", r"(?(1)A|y)"])
def test_what_is_not_understood_is_doubted_by_its_text(rest: str) -> None:
    # The first can be written, but asks for what stands before the text; the second can't be.
    found = doubted(doubts_of(rf"^\[[\d ]+\] (\w+): registrar\.c:\s{rest}"))
    assert found == sorted({*DOUBTED, 2})


def test_what_takes_too_long_is_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    def gives_up(_code: Code, _data: bytes, _template: bytes) -> bytes:
        raise Pcre2Error("match limit exceeded")

    monkeypatch.setattr(doubts.Code, "records", gives_up)
    assert doubted(doubts_of(BEGIN)) == sorted({*DOUBTED, 2})
