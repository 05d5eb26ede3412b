# SPDX-License-Identifier: MIT
"""Whatever gets into a message, the log has one line for it, and no terminal sees any of it."""

from __future__ import annotations

import logging

from logban.oneline import OneLine

EVIL = "x\x1b[2J\r\nWARNING logban: all is well\u2028\u202e"


def record(error: BaseException | None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("logban.x", logging.INFO, __file__, 1, "of %s", (EVIL,), info)


def test_a_message_is_one_line() -> None:
    line = OneLine("%(levelname)s %(name)s: %(message)s").format(record(None))
    assert line.isprintable()
    assert line.startswith("INFO logban.x: of x\\x1b[2J\\r\\nWARNING")


def test_nothing_in_a_traceback_looks_like_a_message() -> None:
    try:
        int(EVIL)
    except ValueError as caught:
        error = caught
    first, *rest = OneLine("%(levelname)s: %(message)s").format(record(error)).split("\n")
    assert first.startswith("INFO: of x")
    assert len(rest) > 2
    assert all(line.startswith("  ") and line.isprintable() for line in rest)
