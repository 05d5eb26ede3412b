# SPDX-License-Identifier: MIT
"""Old logs are read to their end in blocks of whole lines, whatever they come from."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
from io import BytesIO
from pathlib import Path
from typing import IO

import pytest

from logban.sources.offline import MAX_LINE, PEEKED, open_log, read_blocks

SIZES = (100, PEEKED, PEEKED + 1, 2 * PEEKED, 64 * 1024)


def a_log(seed: int) -> bytes:
    """Give lines of all lengths, the last one with or without its end."""
    chooser = random.Random(seed)  # noqa: S311  # the same for the same seed
    lengths = (0, 1, 50, 200, PEEKED - 1, PEEKED, PEEKED + 1, 3 * PEEKED)
    lines = [b"x" * chooser.choice(lengths) for _ in range(chooser.randint(0, 60))]
    return b"\n".join(lines) + chooser.choice((b"", b"\n"))


def check(stream: IO[bytes], log: bytes, size: int) -> None:
    """See that the blocks are the log, each of whole lines and where it says that it is."""
    at = 0
    for block in read_blocks(stream, "log", size):
        assert block.offset == at
        assert block.data.endswith(b"\n")
        assert log[at : at + len(block.data)] == block.data[: len(log) - at]
        at += len(block.data)
    assert at == len(log) + bool(log and not log.endswith(b"\n"))


@pytest.mark.parametrize("size", SIZES)
def test_all_lines_come_once(tmp_path: Path, size: int) -> None:
    plain, packed = tmp_path / "log", tmp_path / "log.gz"
    for seed in range(30):
        log = a_log(seed)
        plain.write_bytes(log)
        packed.write_bytes(gzip.compress(log))
        for path in (plain, packed):
            with open_log(str(path)) as stream:
                check(stream, log, size)
        check(BytesIO(log), log, size)


def test_from_a_pipe(tmp_path: Path) -> None:
    log = a_log(7) * 20
    path = tmp_path / "log"
    path.write_bytes(log)
    with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as cat:
        assert cat.stdout is not None
        check(cat.stdout, log, 2 * PEEKED)


def test_from_the_middle_of_a_file(tmp_path: Path) -> None:
    log = a_log(3) + b"\n" + a_log(4)
    path = tmp_path / "log"
    path.write_bytes(log)
    with path.open("rb") as stream:
        begin = log.index(b"\n", len(log) // 3) + 1
        os.lseek(stream.fileno(), 0, os.SEEK_SET)
        stream.seek(begin)
        check(stream, log[begin:], 2 * PEEKED)


def test_of_a_line_that_is_too_long_the_rest_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"first\n" + b"y" * (3 * MAX_LINE) + b"\nlast\n")
    with path.open("rb") as stream:
        blocks = list(read_blocks(stream, "log"))
    assert b"".join(block.data for block in blocks) == b"first\n" + b"y" * MAX_LINE + b"\nlast\n"
    assert blocks[-1].offset == 6 + 3 * MAX_LINE + 1
