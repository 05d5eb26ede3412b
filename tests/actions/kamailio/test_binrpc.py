# SPDX-License-Identifier: MIT
"""The binary RPC, with a real Kamailio and with servers that speak it badly."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logban.actions.kamailio.binrpc import Control, read_records
from logban.actions.kamailio.rpc import Call, Method, Refused, Struct, Unavailable, call
from logban.testing.kamailio import Kamailio
from logban.testing.waiting import LIMIT


def test_a_real_kamailio(kamailio: Kamailio) -> None:
    client = Control(str(kamailio.control))
    assert "kamailio" in repr(call(client, Method.VERSION))
    tables = call(client, Method.HTABLE_TABLES)
    assert isinstance(tables, list)
    assert {each.get("name") for each in tables if isinstance(each, Struct)} >= {"logban"}
    asked = [
        Call(Method.HTABLE_SETXI, ("ipban", "ctl-" + "k" * 300, 1 << 30, 60)),
        Call(Method.HTABLE_GET, ("ipban", "ctl-" + "k" * 300)),
        Call(Method.HTABLE_DELETE, ("ipban", "nobody")),
        Call(Method.HTABLE_SETXI, ("ipban", "negative", -5, 60)),
        Call(Method.HTABLE_GET, ("ipban", "negative")),
    ]
    done, found, refused, _, negative = client.call_many(asked)
    assert done == ["Ok. Key set to new value."]
    assert "1073741824" in repr(found)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.text) == (404, "Key not found in htable.")
    assert "-5" in repr(negative)
    client.close()


@settings(deadline=None)
@given(st.binary())
def test_garbage_is_told_from_records(data: bytes) -> None:
    with suppress(ValueError):
        read_records(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x41ab", "breaks off"),
        (b"\xc1\x00", "breaks off"),
        (b"\x91\xff", "breaks off"),
        (b"\x03", "is not ended"),
        (b"\x83", "ends that has not begun"),
        (b"\x03\x84", "ends that has not begun"),
        (b"\x04" * 50, "nested too deeply"),
        (b"\x0f", "of type 15"),
    ],
)
def test_records_that_are_none(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_records(data)


def test_records() -> None:
    assert read_records(b"\x10\x07\x21a\0\x22\x03\xe8") == [7, "a", 1.0]
    assert read_records(b"\x04\x10\x01\x84") == [[1]]
    assert read_records(b"\x03\x25a\0\x10\x01\x10\x02\x83") == [Struct((("a", 1), ("", 2)))]


@contextmanager
def answering(
    path: Path, answer: Callable[[bytes], bytes], patience: float = LIMIT
) -> Iterator[Control]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.settimeout(LIMIT)
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                request = connection.recv(1 << 16)
                connection.sendall(answer(request[3:7]))  # its cookie
                connection.settimeout(LIMIT)
                connection.recv(1)

        serving = threading.Thread(target=serve)
        serving.start()
        try:
            yield Control(str(path), timeout=patience)
        finally:
            serving.join()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda _: b"", "has not answered"),
        (lambda _: b"HTTP/1.1 400", "it begins with 0x48"),
        (lambda _: b"\xa1\x13\x01abcd\x00", "none to what it was asked"),
        (lambda cookie: b"\xa1\x1f\xff\xff\xff\xff" + cookie, "its answer has 4294967295 bytes"),
        (lambda cookie: b"\xa1\x13\x05" + cookie + b"\x10\x01", "has not answered"),
        (lambda cookie: b"\xa1\x13\x01" + cookie + b"\x0f", "a record is of type 15"),
    ],
)
def test_a_hostile_server(tmp_path: Path, answer: Callable[[bytes], bytes], said: str) -> None:
    patience = 0.3 if said == "has not answered" else LIMIT
    with (
        answering(tmp_path / "c", answer, patience) as client,
        pytest.raises(Unavailable, match=said),
    ):
        call(client, Method.UPTIME)


def test_an_answer_that_breaks_off(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "c"))
        listener.listen()
        serving = threading.Thread(target=lambda: _hang_up(listener))
        serving.start()
        with pytest.raises(Unavailable, match=r"its answer breaks off|can't be asked"):
            call(Control(str(tmp_path / "c")), Method.UPTIME)
        serving.join()


def _hang_up(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    connection.recv(1 << 16)
    connection.close()


def test_a_fault_without_words(tmp_path: Path) -> None:
    with (
        answering(tmp_path / "c", lambda cookie: b"\xa1\x33\x00" + cookie) as client,
        pytest.raises(Refused, match=r"Kamailio refused core\.uptime:  \(0\)"),
    ):
        call(client, Method.UPTIME)


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="there is no RPC socket"):
        call(Control(str(tmp_path / "c")), Method.UPTIME)
