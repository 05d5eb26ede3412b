# SPDX-License-Identifier: MIT
"""Tests of asking Asterisk's manager interface for the extensions that there are."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logban.running import extensions_ami
from logban.running.extensions_ami import ManagerError, extensions_of
from logban.testing.asterisk_manager import AsteriskManager
from logban.testing.waiting import LIMIT

Made = Callable[..., AsteriskManager]


@pytest.fixture
def made() -> Iterator[Made]:
    running = []

    def make(*args: list[str] | None) -> AsteriskManager:
        manager = AsteriskManager(*args)
        manager.start()
        running.append(manager)
        return manager

    yield make
    for manager in running:
        manager.stop()


def ask(manager: AsteriskManager, within: float = 60.0) -> frozenset[str]:
    return extensions_of("127.0.0.1", manager.port, manager.user, manager.secret, within=within)


def test_endpoints_and_peers_together_are_the_extensions(made: Made) -> None:
    manager = made(["7001", "7002", "trunk-out"], ["201", "7001"])
    assert ask(manager) == {"7001", "7002", "trunk-out", "201"}
    assert manager.conversations == 1


def test_what_an_endpoint_registers_as_is_an_extension_too(made: Made) -> None:
    manager = made()
    event = b"Event: EndpointList\r\nOWNObjectName: phone-7001\r\nAor: 7001,7002\r\n\r\n"
    manager.raw = (
        b"Response: Success\r\nOWN\r\n" + event + b"Event: EndpointListComplete\r\nOWN\r\n"
        b"Event: PeerlistComplete\r\nOWN\r\n"
    )
    assert ask(manager) == {"phone-7001", "7001", "7002"}


@pytest.mark.parametrize(
    ("endpoints", "peers", "found"),
    [
        (["7001"], None, {"7001"}),  # chan_sip is gone from Asterisk 21 on
        (None, ["201"], {"201"}),  # an old one without PJSIP
        ([], None, set()),  # "No endpoints found" is an error in its words only
        (None, [], set()),
    ],
)
def test_a_module_that_is_not_loaded_has_none(
    made: Made, endpoints: list[str] | None, peers: list[str] | None, found: set[str]
) -> None:
    assert ask(made(endpoints, peers)) == found


def test_where_neither_is_loaded_nothing_is_known(made: Made) -> None:
    with pytest.raises(ManagerError, match="neither PJSIP nor chan_sip is loaded there"):
        ask(made(None, None))


def test_a_wrong_secret_is_told_and_never_sent(made: Made) -> None:
    manager = made(["7001"])
    with pytest.raises(ManagerError, match="refuses the user 'logban': Authentication failed"):
        extensions_of("127.0.0.1", manager.port, "logban", "wrong")


def test_missing_rights_are_told_with_what_to_write(made: Made) -> None:
    manager = made(["7001"], ["201"])
    manager.write = {"reporting"}
    with pytest.raises(ManagerError, match="PJSIPShowEndpoints: Permission denied; write = sys"):
        ask(manager)
    manager.endpoints = None  # and where PJSIP is not loaded, the lesser right is enough
    assert ask(manager) == {"201"}


def test_many_extensions_take_little_time(made: Made) -> None:
    names = [str(number) for number in range(100_000, 120_000)]
    assert ask(made(names)) == set(names)


def test_a_name_is_taken_as_it_is_and_what_is_none_is_left_out(made: Made) -> None:
    manager = made()
    event = b"Event: EndpointList\r\nOWNObjectName: %s\r\n\r\n"
    names = [b"XXXX", b"a" * 129, b"", b"\x1b[2J", b"\xff\xfe", b"ok"]
    manager.raw = (
        b"Event: EndpointList\r\nObjectName: of another\r\n\r\n"
        b"Response: Success\r\nOWN\r\n"
        + b"".join(event % name for name in names)
        + b"Event: EndpointListComplete\r\nOWN\r\nEvent: PeerlistComplete\r\nOWN\r\n"
    )
    found = ask(manager)
    assert found == {"XXXX", "\ufffd\ufffd", "ok"}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "did not answer within 0.3 s"),
        (b"Response: Success\r\nOWN", "did not answer within 0.3 s"),
        (b"x" * 3000, "a message of more than 2000 bytes"),
        (b"Event: Noise\r\n\r\n" * 500, "more than 5000 bytes"),
        (b"Event: EndpointList\r\nOWNObjectName: 1%d\r\n\r\n", "more than 3 extensions"),
        (b"Response: Error\r\nOWNMessage: a\x1b[2Jb\r\n\r\n", r"a\\x1b\[2Jb"),
    ],
)
def test_what_a_hostile_server_sends_is_bounded(
    made: Made, monkeypatch: pytest.MonkeyPatch, raw: bytes, said: str
) -> None:
    monkeypatch.setattr(extensions_ami, "MAX_MESSAGE", 2000)
    monkeypatch.setattr(extensions_ami, "MAX_BYTES", 5000)
    monkeypatch.setattr(extensions_ami, "MAX_EXTENSIONS", 3)
    manager = made()
    manager.raw = b"".join(raw % number for number in range(9)) if b"%d" in raw else raw
    with pytest.raises(ManagerError, match=said):
        ask(manager, within=0.3 if "within" in said else 60.0)


def test_a_server_that_gives_a_byte_now_and_then_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                while not over.wait(0.02):
                    try:
                        connection.send(b"A")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        with pytest.raises(ManagerError, match=r"did not answer within 0\.2 s"):
            extensions_of("127.0.0.1", server.getsockname()[1], "u", "s", within=0.2)
        over.set()
        thread.join()


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\r\n\r\n"])
def test_what_is_no_manager_interface_is_told(greeting: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(greeting)
                connection.recv(1000)

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(ManagerError, match="no manager interface of Asterisk"):
            extensions_of("127.0.0.1", port, "u", "s", within=60)
        thread.join()


def test_nobody_there_is_told_with_the_place() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ManagerError, match=f"127.0.0.1:{port}: Connection refused"):
        extensions_of("127.0.0.1", port, "u", "s", within=60)


NUMBER = "0123456789abcdef"
OWN = f"ActionID: {NUMBER}\r\n"
COMPLETE = f"Event: EndpointListComplete\r\n{OWN}\r\nEvent: PeerlistComplete\r\n{OWN}\r\n"
BEGUN = f"Response: Success\r\n{OWN}Challenge: 1\r\n\r\n" * 2
EVENT = f"Event: EndpointList\r\n{OWN}ObjectName: 7001\r\n\r\n".encode()
pieces = st.lists(
    st.sampled_from(
        [
            "Event: EndpointList\r\n", "Event: PeerEntry\r\n", "Event: X\r\n", OWN, "\r\n", "\n",
            "ObjectName: 7001\r\n", "ObjectName: \r\n", "ActionID: another\r\n",
            "Response: Success\r\n", "Response: Error\r\n", "Message: No endpoints found\n\r\n",
        ]
    ).map(str.encode)
    | st.binary(max_size=20)
    | st.just(EVENT),
    max_size=30,
)  # fmt: skip


@given(pieces, st.booleans())
@example([EVENT], True)
@settings(deadline=None)
def test_whatever_a_server_says_is_names_or_an_error(said: list[bytes], ends: bool) -> None:
    """A name is believed only of an event that bears the number of the question."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(extensions_ami.secrets, "token_hex", lambda _: NUMBER)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(b"Asterisk Call Manager/9.0.0\r\n" + BEGUN.encode() + b"".join(said))
            if ends:
                theirs.sendall(b"\r\n\r\n" + COMPLETE.encode())
            theirs.shutdown(socket.SHUT_WR)
            try:
                found = extensions_ami.Conversation(ours, time.monotonic() + LIMIT).extensions(
                    "u", "s"
                )
            except ManagerError:
                return
    messages = b"".join(said).split(b"\r\n\r\n")
    assert not found or any(OWN.encode() in each and b"ObjectName" in each for each in messages)
    assert found or EVENT not in said or not ends or len(said) > 1
