# SPDX-License-Identifier: MIT
"""Requests that Kamailio can't misunderstand, and replies that only look like one."""

from __future__ import annotations

import errno
import json
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logban.actions.kamailio.rpc import (
    LONGEST_TEXT,
    REQUEST_LIMIT,
    Call,
    Method,
    Refused,
    Reply,
    Struct,
    Unexpected,
    decode,
    encode,
    structs,
    unreachable,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize("method", [1, None, "core.uptime", ["core.uptime"], True])
def test_only_a_known_method_is_ever_sent(method: object) -> None:
    # A method that is no string ends the whole proxy.
    with pytest.raises(TypeError):
        Call(cast("Method", method))


@pytest.mark.parametrize("parameter", [None, True, 1.5, ["x"], b"x"])
def test_a_parameter_is_a_text_or_a_whole_number(parameter: object) -> None:
    with pytest.raises(TypeError):
        Call(Method.HTABLE_GET, (cast("str", parameter),))


@pytest.mark.parametrize(
    "parameter",
    ["", "a\nb", "a\0b", "\x7f", "\udc80", "x" * (LONGEST_TEXT + 1), 2**31, -(2**31) - 1],
)
def test_what_kamailio_would_misread_is_not_sent(parameter: str | int) -> None:
    with pytest.raises(ValueError):
        Call(Method.HTABLE_GET, (parameter,))


@given(
    st.lists(
        st.integers(-(2**31), 2**31 - 1)
        | st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=50)
    )
)
def test_a_request_says_what_was_asked(parameters: list[str | int]) -> None:
    written = json.loads(encode(Call(Method.HTABLE_SETXI, tuple(parameters)), 77))
    assert written == {
        "jsonrpc": "2.0",
        "method": "htable.setxi",
        "params": parameters,
        "id": 77,
    }


def test_a_request_that_would_be_dropped_is_not_sent() -> None:
    long = Call(Method.HTABLE_GET, ("x" * LONGEST_TEXT,) * 20)
    with pytest.raises(ValueError, match=str(REQUEST_LIMIT)):
        encode(long, 1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"Ok"',
        b'{"jsonrpc":"2.0","result":{}}',  # what Kamailio says to much that is wrong
        b'{"result":"Ok","id":"7"}',
        b'{"result":"Ok","id":true}',
        b'{"result":"Ok","id":7.0}',
        b'{"id":7}',
        b'{"error":"x","id":7}',
        b'{"error":{"code":"500","message":"x"},"id":7}',
        b'{"error":{"code":500},"id":7}',
        b'{"error":{"code":true,"message":"x"},"id":7}',
        b'{"result":"Ok","id":7',
        b"[" * 100_000,
        b'{"result":' + b"9" * 5000 + b',"id":7}',
    ],
)
def test_what_is_no_reply(data: bytes) -> None:
    assert decode(data) is None


def test_replies() -> None:
    assert decode(b'{"jsonrpc":"2.0","result":"Ok","id":7}') == Reply(7, "Ok")
    assert decode(b'{"result":null,"id":7}') == Reply(7, None)
    assert decode(b'{"error":{"code":404,"message":"no"},"id":7}') == Reply(7, None, 404, "no")
    # secfilter.print repeats a key from 5.7 on.
    repeated = decode(b'{"result":{"Value":"a","Value":"b"},"id":7}')
    assert repeated == Reply(7, Struct((("Value", "a"), ("Value", "b"))))


@settings(deadline=None)
@given(JSON)
def test_whatever_json_comes_is_read_or_passed_over(value: object) -> None:
    data = json.dumps({"result": value, "id": 3}).encode()
    reply = decode(data)
    assert reply is None or reply.number == 3
    decode(json.dumps(value).encode())


@settings(deadline=None)
@given(st.binary())
def test_garbage_is_passed_over(data: bytes) -> None:
    assert decode(data) is None


def test_refusals_are_sentences() -> None:
    unknown = Refused(Call(Method.HTABLE_TABLES), 500, "Method Not Found")
    assert str(unknown) == (
        "Kamailio does not know htable.listTables: load its module htable "
        '(loadmodule "htable.so" in kamailio.cfg) and restart it'
    )
    hostile = Refused(Call(Method.UPTIME), 500, "a\x1b[2Jb")
    assert str(hostile) == "Kamailio refused core.uptime: a\\x1b[2Jb (500)"
    assert Method.UPTIME.module == "kex"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOENT, "Kamailio is not running, or listens elsewhere"),
        (errno.ECONNREFUSED, "Kamailio has ended and left it behind"),
        (errno.ENXIO, "Kamailio has ended and left it behind"),
        (errno.EACCES, "usermod -aG kamailio logban"),
        (errno.EPROTOTYPE, "not of the kind"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_errors_of_the_system_are_sentences(number: int, said: str) -> None:
    assert said in str(unreachable("/run/x", OSError(number, "Input/output error")))


@pytest.mark.parametrize("value", [None, "x", ["x"], Struct(())])
def test_a_list_of_structures_is_nothing_else(value: str | list[str] | Struct | None) -> None:
    with pytest.raises(Unexpected, match="which is not what it answers"):
        structs(Call(Method.UPTIME), cast("str", value))
