# SPDX-License-Identifier: MIT
"""Reading a file once, from its beginning to its end, for what is done with old logs."""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from io import BufferedReader
from pathlib import Path
from typing import IO, Final, cast

from logban.errors import UsageError
from logban.model import Block, Position

BLOCK_SIZE: Final = 256 * 1024
"""Bytes read at a time: what fits a processor's second-level cache."""

PEEKED: Final = 4096
"""Bytes at a block's end in which the end of a line is looked for."""

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


def read_blocks(stream: IO[bytes], name: str, size: int = BLOCK_SIZE) -> Iterator[Block]:
    """Give all lines of a stream in blocks; the last one gets its LF if it lacks it.

    ``size`` is how many bytes are read at a time.
    """
    rest = b""
    offset = 0
    dropped = 0  # bytes of the unfinished line behind those that are kept
    while read := _read(stream, name, size):
        first = read.find(b"\n")
        if first < 0:
            kept = read[: MAX_LINE - len(rest)]
            rest += kept
            dropped += len(read) - len(kept)
            continue
        if dropped or len(rest) + first > MAX_LINE:
            line = (rest + read[:first])[:MAX_LINE] + b"\n"
            yield Block(name, line, offset, live=False, position=_nowhere(name))
            offset += len(rest) + dropped + first + 1
            rest, dropped, read = b"", 0, read[first + 1 :]
        end = read.rfind(b"\n") + 1
        if end:
            is_whole = end == len(read) and not rest
            data = read if is_whole else b"".join((rest, memoryview(read)[:end]))
            yield Block(name, data, offset, live=False, position=_nowhere(name))
            offset += len(data)
            rest = b""
        rest += read[end:]
    if rest:
        yield Block(name, rest + b"\n", offset, live=False, position=_nowhere(name))


def _read(stream: IO[bytes], name: str, size: int) -> bytes:
    try:
        return stream.read(_up_to_a_line(stream, size))
    except (OSError, EOFError, zlib.error) as error:  # a directory, a broken gzip file
        reason = error.strerror if isinstance(error, OSError) else None
        raise UsageError(f"{name}: {reason or error}") from error


def _up_to_a_line(stream: IO[bytes], size: int) -> int:
    """Give how many bytes to read so that they end where a line does, if that can be told.

    Those need not be copied, which takes as long as to read them.
    """
    if size <= PEEKED or not isinstance(stream, BufferedReader) or not stream.seekable():
        return size
    end = os.pread(stream.fileno(), PEEKED, stream.tell() + size - PEEKED)
    return size - PEEKED + end.rfind(b"\n") + 1 if b"\n" in end else size


def _nowhere(name: str) -> Position:
    """Give a position that nobody resumes from."""
    return Position(name, 0, 0, 0, b"", 0)
