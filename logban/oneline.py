# SPDX-License-Identifier: MIT
"""The form of the daemon's log: no text in it, whoever wrote it, makes a line of its own."""

from __future__ import annotations

import logging

from logban.text import visible


class OneLine(logging.Formatter):
    """Writes a message on one line, fit to be shown; a traceback's lines are set in behind it.

    Log text, names of files and answers of servers get into messages by many ways.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # its name there
        """Give the line."""
        return visible(super().formatMessage(record))

    def formatException(self, ei: object) -> str:  # noqa: N802  # its name there
        """Give a traceback, set in."""
        lines = super().formatException(ei).split("\n")  # type: ignore[arg-type]  # as it came
        return "\n".join(f"  {visible(line)}" for line in lines)
