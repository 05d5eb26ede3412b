# SPDX-License-Identifier: MIT
"""What a first look gives several filters leads to the same as if each had looked itself."""

from __future__ import annotations

import random
from datetime import UTC
from itertools import chain
from pathlib import Path

import pytest

from logban.config import load_filter
from logban.matching import first_look
from logban.matching.engine.ladder import Rung
from logban.matching.engine.saved import ProgramStore
from logban.matching.first_look import FirstLook
from logban.matching.matcher import Matcher

from .conftest import DEBIAN_FILTERS, ROOT, Spoiler, blocks, corpus_lines, debian_lines

NOW = 1795180000.0
LINES = 4000
SHIPPED = ("asterisk", "kamailio", "sshd")
DEBIAN = ("sshd", "dovecot", "postfix", "pure-ftpd", "asterisk", "nginx-http-auth", "mysqld-auth")


class Asking:
    """Asks for what it is told to."""

    def __init__(self, *texts: bytes) -> None:
        self.texts = texts

    def rarest(self, _data: bytes) -> tuple[bytes, ...]:
        return self.texts


@pytest.mark.parametrize("rung", [Rung.FULL, Rung.REFERENCE])
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_it_leads_to_the_same(tmp_path: Path, rung: Rung, share: float) -> None:
    definitions = [load_filter(name, ROOT).definition for name in SHIPPED]
    definitions += [
        load_filter(str(DEBIAN_FILTERS / f"{name}.conf"), Path("/nonexistent")).definition
        for name in DEBIAN
    ]
    lines = [*chain(*map(corpus_lines, SHIPPED)), *chain(*map(debian_lines, DEBIAN))]
    random.Random(1).shuffle(lines)  # noqa: S311  # the same every time
    noise = [b"Nov 20 10:00:00 pbx kernel: eth0: link is up", b"Nov 20 10:00:01 pbx cron: done"]
    plenty = noise * round(len(lines) / 2 / share)
    spoiler = Spoiler(lines + plenty, 1, 0.5)
    several = list(blocks([spoiler.line() for _ in range(LINES)], spoiler))

    def made() -> list[Matcher]:
        programs = ProgramStore(tmp_path)
        matchers = [
            Matcher(each, zone=UTC, timeout=10.0, rung=rung, programs=programs)
            for each in definitions
            if each is not None
        ]
        assert all(matcher.engine for matcher in matchers)
        return matchers

    alone, together = made(), made()
    look = FirstLook(together, b"".join(block.data for block in several[:20]))
    skipped = found = 0
    for block in several:
        number = block.data.count(b"\n")
        for one, other, spans in zip(alone, together, look.lines(block.data, number), strict=True):
            expected = one.match(block, NOW)
            if spans is not None and not spans and other.skips(block, NOW):
                skipped += 1
                other.counters.lines += number
                assert expected == []
            else:
                assert other.match(block, NOW, spans) == expected
            found += len(expected)
            assert one.take_named() == other.take_named()
    for one, other in zip(alone, together, strict=True):
        assert one.flush() == other.flush()
        assert one.counters == other.counters
    assert skipped > 20
    assert found > 10


def test_texts_that_overlap_are_all_found() -> None:
    asking = [Asking(b"failed to auth"), Asking(b"auth"), Asking(b"authenticate now"), Asking()]
    look = FirstLook(asking, b"")
    quiet = b"nothing here\n" * 50
    first, second = b"failed to authenticate now\n", b"auth auth\n"
    data = quiet + first + quiet + second
    one = (len(quiet), len(quiet + first))
    two = (len(data) - len(second), len(data))
    assert look.lines(data, data.count(b"\n")) == [[one], [one, two], [one], None]


def test_whoever_has_work_nearly_everywhere_looks_for_himself() -> None:
    look = FirstLook([Asking(b"a"), Asking(b"b")], b"")
    assert look.lines(b"a\n" * 20 + b"b\n", 21) == [None, [(40, 42)]]


def test_texts_of_any_bytes() -> None:
    texts = [bytes([byte, 0x80 ^ byte]) for byte in range(256) if byte not in (0x0A, 0x8A)]
    look = FirstLook([Asking(text) for text in texts], b"")
    quiet = b"-\n" * 1000
    for number, text in enumerate(texts):
        lines = look.lines(quiet + text + b"\n", 1001)
        assert lines[number] == [(2000, 2003)]


def test_without_hyperscan_each_looks_for_himself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_look, "Database", None)
    assert FirstLook([Asking(b"a"), Asking(b"b")], b"").lines(b"x\n", 1) == [None, None]
