# SPDX-License-Identifier: MIT
"""Reading a file once, from its beginning to its end, for what is done with old logs."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Final, cast

from logban.errors import UsageError
from logban.model import Block, Position

BLOCK_SIZE: Final = 256 * 1024
"""Bytes read at a time: what fits a processor's second-level cache."""

MAX_LINE: Final = 1024 * 1024
"""Bytes of a line that are kept; what is beyond them is dropped, up to its end."""


def open_log(path: str) -> AbstractContextManager[IO[bytes]]:
    """Open a log, gzipped or not, or standard input (``-``); UsageError if it can't be."""
    if path == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        if path.endswith(".gz"):
            return cast("IO[bytes]", gzip.open(path))
        return Path(path).open("rb")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error


def read_blocks(stream: IO[bytes], name: str) -> Iterator[Block]:
    """Give all lines of a stream in blocks; the last one gets its LF if it lacks it."""
    rest = b""
    offset = 0
    while True:
        try:
            read = stream.read(BLOCK_SIZE)
        except OSError as error:  # a directory, a broken gzip file
            raise UsageError(f"{name}: {error.strerror or error}") from error
        data = rest + read
        if not read and data:
            data += b"\n"
        end = data.rfind(b"\n") + 1
        if end:
            yield Block(name, data[:end], offset, live=False, position=_nowhere(name))
            offset += end
        if not read:
            return
        rest = data[end:]
        if len(rest) > MAX_LINE:
            dropped = len(rest) - MAX_LINE
            rest = rest[:MAX_LINE]
            offset += dropped


def _nowhere(name: str) -> Position:
    """Give a position that nobody resumes from."""
    return Position(name, 0, 0, 0, b"", 0)
