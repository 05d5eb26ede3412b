# SPDX-License-Identifier: MIT
"""The wire: what is written is read back, and nothing else is taken for a message."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.control.protocol import (
    REQUEST_LIMIT,
    MalformedAnswer,
    MalformedRequest,
    Refusal,
    Refused,
    Request,
    decode_answer,
    decode_request,
    encode_answer,
    encode_refusal,
    encode_request,
)
from logban.errors import ConfigurationError, UnknownName, UsageError

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)  # fmt: skip
objects = st.dictionaries(st.text(st.characters(codec=None)), json_values, max_size=5)


@given(command=st.text(), arguments=objects)
def test_a_request_comes_back_as_it_was(command, arguments):
    line = encode_request(Request(command, arguments))
    assert line.count(b"\n") == 1
    assert line.isascii()
    assert decode_request(line) == Request(command, arguments)


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_whatever_do_harm(data):
    with pytest.raises(MalformedRequest):
        decode_request(data)
    with pytest.raises(MalformedAnswer):
        decode_answer(data)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"", "not JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b"\xff", "not UTF-8: byte 0 is 0xff"),
        (b"[]", "not a JSON object"),
        (b"{}", '"schema" is None and must be'),
        (b'{"schema":"logban/2","command":"ping"}', "'logban/2' and must be 'logban/1'"),
        (b'{"schema":"logban/1"}', 'no "command"'),
        (b'{"schema":"logban/1","command":1}', 'no "command"'),
        (b'{"schema":"logban/1","command":"ping","arguments":[]}', "is no object"),
        (b'{"schema":"logban/1","command":"ban","arguments":{"seconds":NaN}}', "NaN is no number"),
        (b'{"schema":"logban/1","command":"x","n":' + b"9" * 5000 + b"}", "not JSON"),
    ],
)
def test_a_malformed_request_is_told_what_it_lacks(line, problem):
    with pytest.raises(MalformedRequest, match=problem) as caught:
        decode_request(line)
    assert caught.value.exit_code == 2


def test_arguments_may_be_left_out():
    assert decode_request(b'{"schema":"logban/1","command":"ping"}') == Request("ping")


def test_a_request_longer_than_the_daemon_takes_is_not_sent():
    room = REQUEST_LIMIT - len(encode_request(Request("ban", {"reason": ""})))
    assert len(encode_request(Request("ban", {"reason": "x" * room}))) == REQUEST_LIMIT
    with pytest.raises(UsageError, match="give fewer arguments"):
        encode_request(Request("ban", {"reason": "x" * (room + 1)}))


@given(payload=objects.filter(lambda value: not {"schema", "ok"} & set(value)))
def test_an_answer_comes_back_as_it_was(payload):
    line = b"".join(encode_answer(payload))
    assert line.count(b"\n") == 1
    assert decode_answer(line) == {"schema": "logban/1", "ok": True, **payload}


@pytest.mark.parametrize("length", [0, 1, 499, 500, 501, 1000, 1001, 2345])
def test_a_long_list_is_written_in_pieces(length):
    payload = {"before": 1, "bans": tuple(range(length)), "after": {}}
    pieces = list(encode_answer(payload))
    assert json.loads(b"".join(pieces))["bans"] == list(range(length))
    assert max(map(len, pieces)) <= 500 * len("2345, ")


def test_a_refusal_comes_back_as_it_was():
    refusal = Refusal.of(UnknownName("there is no jail 'asterix'\nbut 'asterisk'"))
    assert refusal == Refusal(refusal.message, 5, "unknown-name")
    line = encode_refusal(refusal)
    assert line.count(b"\n") == 1
    with pytest.raises(Refused, match="there is no jail") as caught:
        decode_answer(line)
    assert caught.value.refusal == refusal


def test_a_refusal_keeps_the_error_s_exit_code():
    assert Refusal.of(ConfigurationError("x")) == Refusal("x", 78, "configuration-error")


@pytest.mark.parametrize(
    "error",
    [
        '"no"',
        "null",
        '{"exit_code":1,"kind":"x"}',
        '{"message":"x","exit_code":1}',
        '{"message":"x","exit_code":0,"kind":"x"}',
        '{"message":"x","exit_code":256,"kind":"x"}',
        '{"message":"x","exit_code":true,"kind":"x"}',
        '{"message":"x","exit_code":"1","kind":"x"}',
    ],
)
def test_a_malformed_refusal_is_no_answer(error):
    with pytest.raises(MalformedAnswer):
        decode_answer(f'{{"schema":"logban/1","ok":false,"error":{error}}}'.encode())
