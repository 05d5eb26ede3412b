# SPDX-License-Identifier: MIT
"""Lines for filters, and these lines spoilt in every way that could tell two engines apart."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from logban.model import Block, Position

ROOT = Path(__file__).parents[3]
CORPUS = ROOT / "tests" / "corpus"
DEBIAN_FILTERS = Path("/etc/fail2ban/filter.d")
DEBIAN_LOGS = Path("/usr/lib/python3/dist-packages/fail2ban/tests/files/logs")

# What may mean something to one engine and nothing, or something else, to another.
SPICES = [
    b"'", b'"', b"\\", b"\\'", b"\r", b"\r\r", b"\0", b"\1", b"\1!\1", b"\x85", b"\xc2\x85",
    b"\xff", b"\xc3\xa9", b"\xe2\x84\xaa", b"\xc5\xbf", b"\x0b", b"\x0c", b"\x1b[0;31m",
    b"\x1c", b"\x1f", b"\t", b"  ",
    b"[", b"]", b"<", b">", b"(", b")", b":", b"::", b": ", b", ", b"=", b"{", b'{"', b"}", b"/",
    b" from ", b" 192.0.2.99", b"192.0.2.99:5060", b"2001:db8::1", b"[2001:db8::7]:5060",
    b"::ffff:192.0.2.99", b"999.1.1.1", b"1.2.3.4.5", b"#012", b"%0A", b"x" * 300, b"a" * 1100,
]  # fmt: skip
DATES = [
    b"2026-11-20 10:00:00", b"2026-02-29 10:00:00", b"2026-11-20T10:00:00.123456+01:00",
    b"Nov 20 10:00:00", b"Feb 29 10:00:00", b"Nov  3 10:00:60", b"20/Nov/2026:10:00:00 +0100",
    b"2026-11-20 10:00:00 zulu", b"2026-11-20 10:00:00 Z", b"Nov 20 10:00:00 2026",
]  # fmt: skip


def corpus_lines(prefix: str) -> list[bytes]:
    """Give the lines of all logs of a program in the corpus."""
    lines: list[bytes] = []
    for path in sorted(CORPUS.glob(f"{prefix}*.log*")):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        lines += data.split(b"\n")[:-1]
    return lines


def debian_lines(name: str) -> list[bytes]:
    """Give the samples that Debian's fail2ban has for one of its filters."""
    path = DEBIAN_LOGS / name
    if not path.is_file():
        return []
    return [line for line in path.read_bytes().split(b"\n") if line and not line.startswith(b"# ")]


class Spoiler:
    """The random source: gives lines as they are, and spoilt."""

    def __init__(self, lines: Sequence[bytes], seed: int, whole: float) -> None:
        self.random = random.Random(seed)  # noqa: S311  # the same for the same seed
        self._lines = lines
        self._whole = whole

    def line(self) -> bytes:
        """Give a line."""
        pick = self.random.random()
        line = self.random.choice(self._lines)
        if pick < self._whole:
            return line
        for _ in range(self.random.choice((1, 1, 1, 2, 4))):
            line = self._spoilt(line)
        return line.replace(b"\n", b" ")

    def _spoilt(self, line: bytes) -> bytes:  # noqa: PLR0911  # one for each way
        pick, at = self.random.randrange(9), self.random.randint(0, len(line))
        other = self.random.choice(self._lines)
        match pick:
            case 0 | 1:
                return line[:at] + self.random.choice(SPICES) + line[at:]
            case 2:
                return line[:at] + other[self.random.randint(0, len(other)) :]
            case 3:
                return line[:at] + other + line[at:]
            case 4:
                return line[:at] + line[min(len(line), at + self.random.randint(1, 12)) :]
            case 5:
                return line + self.random.choice(SPICES)
            case 6:
                return line[:at]
            case 7:
                begin = line.find(b"]") if line.startswith(b"[") else 15
                bracket = b"[" if line.startswith(b"[") else b""
                return bracket + self.random.choice(DATES) + line[begin:]
            case _:
                digit = self.random.choice(b"0123456789 ")
                digits = [n for n, each in enumerate(line) if 0x30 <= each <= 0x39]
                if not digits:
                    return line
                where = self.random.choice(digits)
                return line[:where] + bytes([digit]) + line[where + 1 :]


def blocks(lines: Sequence[bytes], spoiler: Spoiler) -> Iterator[Block]:
    """Give lines in blocks of any size."""
    offset = at = 0
    while at < len(lines):
        several = spoiler.random.choice((1, 2, 7, 60, 400, 2000))
        data = b"".join(line + b"\n" for line in lines[at : at + several])
        yield Block("log", data, offset, live=False, position=Position("log", 0, 0, 0, b"", 0))
        offset += len(data)
        at += several
