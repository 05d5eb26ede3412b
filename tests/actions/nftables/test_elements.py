# SPDX-License-Identifier: MIT
"""Elements written by netlink, to the kernel itself."""

from __future__ import annotations

import ctypes
import socket
import threading
from collections.abc import Iterator

import pytest

from logban.actions.networks import Prefix
from logban.actions.nftables import reading as nft_reading
from logban.actions.nftables.elements import AT_ONCE, Elements
from logban.actions.nftables.nfnetlink import Requests, messages
from logban.actions.protocols import Missing
from logban.errors import ActionError
from logban.testing.namespaces import Namespace

FOUR, SIX = Prefix(4, 32), Prefix(6, 64)
SETS = """
add table inet logban
add set inet logban s { type ipv4_addr; size 65535; flags timeout; }
add set inet logban six { type ipv6_addr; size 65535; flags timeout; }
add set inet logban small { type ipv4_addr; size 2; flags timeout; }
"""


@pytest.fixture
def elements(namespace: Namespace) -> Iterator[Elements]:
    """Write in a namespace in which there are empty sets."""
    namespace.run(["nft", "-f", "-"], given=SETS)
    with namespace.enter():
        made = Elements()
    yield made
    made.close()
    namespace.run(["nft", "flush", "ruleset"])


def held(namespace: Namespace, word: str) -> dict[bytes, float | None]:
    """Give what the kernel has in a set."""
    with namespace.enter():
        kernel = Requests()
    try:
        return dict(nft_reading.elements(kernel, word))
    finally:
        kernel.close()


def test_elements_get_the_time_that_they_have_left(
    namespace: Namespace, elements: Elements
) -> None:
    elements.add("s", FOUR, {"192.0.2.1": 90.0, "192.0.2.2": None, "192.0.2.3": 5e9})
    elements.put("six", SIX, {"2001:db8:66::": 70.0})
    found = held(namespace, "s")
    assert found[socket.inet_aton("192.0.2.2")] is None
    assert found[socket.inet_aton("192.0.2.1")] == pytest.approx(90, abs=20)
    assert found[socket.inet_aton("192.0.2.3")] == pytest.approx(5e9)
    key = socket.inet_pton(socket.AF_INET6, "2001:db8:66::")
    assert held(namespace, "six") == {key: pytest.approx(70, abs=20)}


def test_what_is_there_gets_another_end(namespace: Namespace, elements: Elements) -> None:
    key = socket.inet_aton("192.0.2.1")
    for left in (90.0, 900.0, 30.0, None, 60.0):
        elements.put("s", FOUR, {"192.0.2.1": left})
        expected = None if left is None else pytest.approx(left, abs=20)
        assert held(namespace, "s") == {key: expected}


def test_extending_works_where_the_kernel_keeps_the_timeout_of_what_is_there(
    elements: Elements, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before Linux 6.12 a second add changes nothing (cs-firewall-bouncer 509)."""
    sent: list[bytes] = []
    kernel = elements._socket

    class Recorder:
        """Passes on what is sent and received."""

        def send(self, data: bytes) -> int:
            """Note it, and send it."""
            sent.append(data)
            return kernel.send(data)

        def recv(self, size: int) -> bytes:
            """Receive."""
            return kernel.recv(size)

    monkeypatch.setattr(elements, "_socket", Recorder())
    elements.put("s", FOUR, {"192.0.2.1": 60.0})
    monkeypatch.undo()
    (batch,) = sent
    new, delete = 10 << 8 | 12, 10 << 8 | 14
    assert [kind for kind, *_ in messages(batch)] == [16, new, delete, new, 17]


def test_to_delete_what_is_not_there_is_no_error(namespace: Namespace, elements: Elements) -> None:
    elements.add("s", FOUR, {"192.0.2.1": None, "192.0.2.9": None})
    elements.take("s", FOUR, ["192.0.2.1", "192.0.2.2"])
    assert held(namespace, "s") == {socket.inet_aton("192.0.2.9"): None}


def test_more_than_one_transaction_holds(namespace: Namespace, elements: Elements) -> None:
    many = {f"10.1.{n >> 8}.{n & 255}": 600.0 for n in range(5 * AT_ONCE + 1)}
    elements.put("s", FOUR, many)
    assert len(held(namespace, "s")) == len(many)
    elements.take("s", FOUR, many)
    assert held(namespace, "s") == {}


def test_a_full_set_takes_nothing_of_what_is_too_much(
    namespace: Namespace, elements: Elements
) -> None:
    with pytest.raises(ActionError, match="the set is full"):
        elements.add("small", FOUR, {f"192.0.2.{n}": None for n in range(5)})
    assert held(namespace, "small") == {}
    elements.add("small", FOUR, {"192.0.2.1": None})
    assert len(held(namespace, "small")) == 1, "and its answers are not taken for others'"


def test_a_set_that_is_gone_is_missing(namespace: Namespace, elements: Elements) -> None:
    for write in (elements.add, elements.put):
        with pytest.raises(Missing):
            write("none", FOUR, {f"10.0.{n >> 8}.{n & 255}": 60.0 for n in range(3 * AT_ONCE)})
    namespace.run(["nft", "flush", "ruleset"])
    with pytest.raises(Missing):
        elements.take("s", FOUR, ["192.0.2.1"])


def test_the_kernel_refuses_whoever_may_not(namespace: Namespace, elements: Elements) -> None:
    """The rights of the one who sends count, not of the one who opened the socket alone."""
    said: list[str] = []

    def work() -> None:
        try:
            without_rights()
            elements.add("s", FOUR, {"192.0.2.1": None})
        except ActionError as error:
            said.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert said
    assert "CAP_NET_ADMIN" in said[0]
    assert held(namespace, "s") == {}


def without_rights() -> None:
    """Take all capabilities from the calling thread."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
    assert libc.capset(header, (ctypes.c_uint32 * 6)()) == 0
