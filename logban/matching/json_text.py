# SPDX-License-Identifier: MIT
"""Lines that are JSON objects, turned into the text that a filter's expressions are written for."""

from __future__ import annotations

import json
import re
from typing import Final

from logban.matching.compiler import SINGLE_LINES, Compile, ExpressionError, Searched
from logban.matching.definition import JsonText

_NAME: Final = re.compile(r"\{([\w.]+)\}")
_DECODER: Final = json.JSONDecoder()


class JsonReader:
    """Turns the lines that are JSON objects into text, and leaves the others."""

    def __init__(self, definition: JsonText, timeout: float, compiled: Compile) -> None:
        """ExpressionError if the expression before the object is none."""
        check_json_text(definition.text)
        self._parts = _NAME.split(definition.text)  # text, name, text, name, ..., text
        self._begin: Searched | None = None
        if definition.begin is not None:
            self._begin = compiled(definition.begin.text, SINGLE_LINES)
        self._timeout = timeout

    def read(self, line: str) -> str | None:
        """Give the text; None if the line is no JSON object with all the values that it takes.

        Line breaks are written as syslog daemons write them, ``#012``: they end no line here.
        """
        start = 0
        if self._begin is not None and not line.startswith("{") and '{"' in line:
            found = self._begin.match(line, timeout=self._timeout)
            start = found.end() if found is not None else 0
        if not line.startswith("{", start):
            return None
        try:
            record, _ = _DECODER.raw_decode(line, start)
        except (ValueError, RecursionError):
            return None
        text = list(self._parts)
        for number in range(1, len(text), 2):
            value = record
            for key in text[number].split("."):
                if not isinstance(value, dict) or key not in value:
                    return None
                value = value[key]
            if not isinstance(value, str | int):
                return None
            text[number] = str(value)
        return "".join(text).rstrip("\n").replace("\n", "#012")


def check_json_text(text: str) -> None:
    """Raise ExpressionError if a text names no value of the object."""
    if not _NAME.search(text):
        raise ExpressionError("names no value of the object; write one as {key} or {key.key}")
