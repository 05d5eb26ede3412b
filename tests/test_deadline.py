# SPDX-License-Identifier: MIT
"""Conversations come to an end, whoever is at the other side and wherever that is."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

from logban.deadline import Deadline, connected
from logban.testing.namespaces import Namespace
from logban.testing.ports import free_port


def test_who_sends_a_byte_now_and_then_is_cut_off() -> None:
    ours, theirs = socket.socketpair()
    over = threading.Event()

    def drip() -> None:
        with suppress(OSError):  # cut off
            while not over.wait(0.01):
                theirs.send(b".")

    with ours, theirs:
        dripping = threading.Thread(target=drip)
        deadline = Deadline(ours, 0.1)
        dripping.start()
        while ours.recv(1000):  # which is for ever, but for the deadline
            pass
        assert deadline.passed
        over.set()
        dripping.join()
        deadline.close()


def test_who_has_done_is_let_be() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        deadline = Deadline(ours, 100)
        deadline.close()
        theirs.send(b"x")
        assert ours.recv(10) == b"x"
        assert not deadline.passed


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give a way to say what a name resolves to."""

    def known(*found: tuple[str, int]) -> None:
        answer = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", each) for each in found]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)

    return known


def test_addresses_that_say_nothing_share_the_time(addresses: Callable[..., None]) -> None:
    """A name server may give thousands, each of which would have had all of it."""
    space = Namespace()
    hole = "table inet t { chain c { type filter hook input priority 0; tcp dport 9 drop; }; }"
    try:
        space.run(["nft", "-f", "-"], hole)
        with space.enter():
            addresses(*[("127.0.0.1", 9)] * 3000)
            with pytest.raises(TimeoutError):
                connected("many.example", 25, 0.5)
            with space.tcp("127.0.0.1") as listener:
                listener.listen()
                addresses(("127.0.0.1", 9), listener.getsockname())
                with connected("few.example", 25, 5) as connection:
                    assert connection.getpeername() == listener.getsockname()
    finally:
        space.remove()


def test_why_it_failed_is_told(addresses: Callable[..., None]) -> None:
    dead = ("127.0.0.1", free_port())
    addresses(dead, dead)
    with pytest.raises(ConnectionRefusedError):
        connected("dead.example", 25, 20)
    addresses()
    with pytest.raises(OSError, match="no address"):
        connected("none.example", 25, 20)
