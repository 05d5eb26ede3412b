# SPDX-License-Identifier: MIT
"""Reading tables from the kernel: the same as nft shows, with and without those who change them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from logban.actions.nftables import reading
from logban.actions.nftables.nfnetlink import Requests
from logban.actions.protocols import Missing
from logban.testing.namespaces import Namespace

RULES = """
table inet logban {
    set sip-ipv4 { type ipv4_addr; flags timeout; size 200000; }
    set sip-ipv6 { type ipv6_addr; flags timeout; }
    set theirs { type ipv4_addr; flags interval; }
    set names { type ifname; }
    chain sip-drop {
        type filter hook prerouting priority -300; policy accept;
        meta l4proto { tcp, udp } ip saddr @sip-ipv4 counter drop
    }
}
table ip logban { set sip-ipv4 { type ipv4_addr; }; }
table inet another { set sip-ipv4 { type ipv4_addr; }; }
"""


@pytest.fixture
def host(namespace: Namespace) -> Namespace:
    namespace.run(["nft", "-f", "-"], RULES)
    return namespace


@pytest.fixture
def kernel(host: Namespace) -> Iterator[Requests]:
    with host.enter():
        made = Requests()
    yield made
    made.close()


def test_sets_with_what_they_hold(kernel: Requests) -> None:
    found = dict(reading.sets(kernel))
    assert found.pop("__set0") is None, "the protocols of the rule"
    assert found == {"sip-ipv4": 4, "sip-ipv6": 6, "theirs": None, "names": None}


def test_elements_with_their_ends(kernel: Requests, host: Namespace) -> None:
    assert list(reading.elements(kernel, "sip-ipv4")) == []
    host.run(["nft", "add element inet logban sip-ipv4 { 192.0.2.1 timeout 1h, 192.0.2.2 }"])
    found = dict(reading.elements(kernel, "sip-ipv4"))
    assert found[socket.inet_aton("192.0.2.2")] is None
    left = found[socket.inet_aton("192.0.2.1")]
    assert left is not None
    assert 3590 < left <= 3600
    with pytest.raises(Missing):
        list(reading.elements(kernel, "gone"))


@pytest.mark.parametrize(("word", "net"), [("sip-ipv4", "192.0.2."), ("sip-ipv6", "2001:db8::")])
@pytest.mark.parametrize("untimed", [(), (5,), (1, 2)])
def test_elements_alike_and_not(
    kernel: Requests, host: Namespace, word: str, net: str, untimed: tuple[int, ...]
) -> None:
    texts = [f"{net}{n}{'' if n in untimed else f' timeout {n}h'}" for n in range(1, 10)]
    host.run(["nft", f"add element inet logban {word} {{ {','.join(texts)} }}"])
    found = dict(reading.elements(kernel, word))
    family = socket.AF_INET6 if ":" in net else socket.AF_INET
    ends = [found[socket.inet_pton(family, f"{net}{n}")] for n in range(1, 10)]
    hours = [None if end is None else round(end / 3600) for end in ends]
    assert hours == [None if n in untimed else n for n in range(1, 10)]


def test_every_element_of_a_set_that_the_kernel_is_enlarging(
    kernel: Requests, host: Namespace
) -> None:
    for round_ in range(5):
        texts = [f"10.{round_}.{n >> 8}.{n & 255}" for n in range(20_000)]
        host.run(["nft", "-f", "-"], f"add element inet logban sip-ipv4 {{ {','.join(texts)} }}\n")
        found = dict(reading.elements(kernel, "sip-ipv4"))
        assert len(found) == (round_ + 1) * 20_000


def test_the_shape_is_what_a_chain_does(kernel: Requests, host: Namespace) -> None:
    before = reading.shape(kernel, "sip-drop")
    host.run(["nft", "add element inet logban sip-ipv4 { 127.0.0.1 }"])
    with host.udp("127.0.0.1") as sender:
        sender.sendto(b"", ("127.0.0.1", 9))
    assert "packets 1 " in host.run(["nft", "list", "chain", "inet", "logban", "sip-drop"])
    assert reading.shape(kernel, "sip-drop") == before, "neither counters nor elements matter"
    seen = [before]
    for change in (
        "add table inet logban { flags dormant; }",
        "insert rule inet logban sip-drop accept",
        "flush chain inet logban sip-drop",
        "chain inet logban sip-drop { policy drop; }",
    ):
        host.run(["nft", change])
        seen.append(reading.shape(kernel, "sip-drop"))
    assert len(set(seen)) == len(seen)
    for gone in ("chain inet logban sip-drop", "table inet logban"):
        host.run(["nft", f"delete {gone}"])
        with pytest.raises(Missing):
            reading.shape(kernel, "sip-drop")


def test_somebody_who_changes_the_tables_all_the_time_is_in_nobodys_way(
    kernel: Requests, host: Namespace
) -> None:
    texts = [f"10.0.{n >> 8}.{n & 255}" for n in range(20_000)]
    host.run(["nft", "-f", "-"], f"add element inet logban sip-ipv4 {{ {','.join(texts)} }}\n")
    over = threading.Event()

    def change() -> None:
        while not over.is_set():
            host.run(["nft", "add table ip busy; delete table ip busy"])

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(10):
            assert len(dict(reading.elements(kernel, "sip-ipv4"))) == 20_000
    finally:
        over.set()
        thread.join()


def test_what_it_takes_is_said(unprivileged) -> None:
    assert "CAP_NET_ADMIN" in unprivileged(lambda: list(reading.sets(Requests())))
