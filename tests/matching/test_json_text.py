# SPDX-License-Identifier: MIT
"""Lines that are JSON objects."""

from __future__ import annotations

import pytest

from logban.matching.compiler import ExpressionError, compile_expression
from logban.matching.definition import Expression, JsonText
from logban.matching.json_text import JsonReader, check_json_text
from logban.model import Origin

READER = JsonReader(JsonText("{a.b}[{n}]: {message}"), 5.0, compile_expression)


def test_values_are_put_into_the_text() -> None:
    line = '{"a": {"b": "x"}, "n": 7, "message": "says \\"so\\"\\u0041\\n"}'
    assert READER.read(line) == 'x[7]: says "so"A'


def test_line_breaks_are_written_as_syslog_writes_them() -> None:
    assert READER.read('{"a":{"b":"x"},"n":1,"message":"1\\n2\\n\\n"}') == "x[1]: 1#0122"


@pytest.mark.parametrize(
    "line",
    ["", "x", "[1]", "{", '{"a":1}', '{"a":{"b":1},"n":1}', '{"a":{"b":[]},"n":1,"message":"x"}',
     "{" * 5000, '{"a":' * 100_000],
)  # fmt: skip
def test_what_is_not_such_an_object_stays_as_it_is(line) -> None:
    assert READER.read(line) is None


def test_what_may_stand_before_the_object() -> None:
    begin = Expression(r"^\w+: ", Origin("x", 1))
    reader = JsonReader(JsonText("{m}", begin), 5.0, compile_expression)
    assert reader.read('host: {"m":"x"}') == "x"
    assert reader.read('{"m":"x"}') == "x"
    assert reader.read('no host {"m":"x"}') is None


def test_a_text_takes_something_of_the_object() -> None:
    check_json_text("{a}")
    with pytest.raises(ExpressionError, match="names no value"):
        check_json_text("text")
