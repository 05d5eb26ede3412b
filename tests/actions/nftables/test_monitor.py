# SPDX-License-Identifier: MIT
"""Hearing of others' changes to nftables, and of nobody's own."""

from __future__ import annotations

import select
from collections.abc import Iterator

import pytest

from logban.actions import catalogue
from logban.actions.nftables import monitor as nft_monitor
from logban.actions.nftables.action import Nftables
from logban.actions.nftables.monitor import Monitor, own_ports
from logban.actions.protocols import Missing
from logban.model import Ban, Subject, SubjectKind
from logban.testing.clock import FakeClock
from logban.testing.namespaces import Namespace

NOW = FakeClock().now()
BAD = "198.51.100.7"


def bans(number: int) -> list[Ban]:
    subjects = (f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(number))
    return [Ban("sip", Subject(SubjectKind.IP, text), NOW, NOW + 600) for text in subjects]


def make(**written: str) -> Nftables:
    made = catalogue.build(catalogue.parse("sip", "nftables", written), FakeClock())
    assert isinstance(made, Nftables)
    made.prepare()
    return made


@pytest.fixture
def filter_of(namespace: Namespace) -> Iterator[Nftables]:
    """Give a packet filter that is prepared, in its namespace."""
    with namespace.enter():
        made = make()
        yield made
        made.close()


def is_readable(enforcer: Nftables) -> bool:
    descriptor = enforcer.news()
    assert descriptor is not None
    return bool(select.select([descriptor], [], [], 0)[0])


def test_nothing_is_heard_of_what_one_does_oneself(filter_of: Nftables) -> None:
    many = bans(20_000)
    filter_of.fill(many)
    filter_of.apply(many)
    filter_of.lift(many)
    filter_of.prepare()  # with sockets of new ports
    filter_of.apply(many[:1])
    assert not filter_of.hear()
    filter_of.lift(many[:1])
    assert not is_readable(filter_of), "the kernel keeps it back"


def test_nothing_is_heard_of_ones_neighbours_in_the_process(filter_of: Nftables) -> None:
    other = make(name="other")  # its sockets are newer than the filter in the kernel
    try:
        other.fill(bans(1000))
        assert not filter_of.hear()
        assert not is_readable(filter_of)
        other.lift(bans(1000))
        assert not is_readable(filter_of), "the kernel knows the new sockets by now"
    finally:
        other.close()


@pytest.mark.parametrize(
    "change",
    [
        "flush set inet logban sip-ipv4",
        f"delete element inet logban sip-ipv4 {{ {BAD} }}",
        "add element inet logban sip-ipv4 { 192.0.2.1 }",
    ],
)
def test_others_are_heard(change: str, filter_of: Nftables, namespace: Namespace) -> None:
    filter_of.apply([Ban("sip", Subject(SubjectKind.IP, BAD), NOW, NOW + 600)])
    namespace.run(["nft", change])
    assert is_readable(filter_of)
    assert filter_of.hear()
    assert not filter_of.hear()
    assert not is_readable(filter_of)


@pytest.mark.parametrize(
    "change",
    [
        "flush ruleset",
        "delete table inet logban",
        "flush chain inet logban sip-drop",
        "add table inet logban { flags dormant; }",
        "insert rule inet logban sip-drop accept",
    ],
)
def test_a_chain_that_is_not_as_it_was_is_missed_at_once(
    change: str, filter_of: Nftables, namespace: Namespace
) -> None:
    filter_of.apply([Ban("sip", Subject(SubjectKind.IP, BAD), NOW, NOW + 600)])
    namespace.run(["nft", change])
    assert is_readable(filter_of)
    with pytest.raises(Missing):
        filter_of.hear()
    assert not is_readable(filter_of)


def test_changes_in_other_places_are_nothing(filter_of: Nftables, namespace: Namespace) -> None:
    namespace.run(["nft", "-f", "-"], "table ip mine { set s { type ipv4_addr; }; }\n")
    namespace.run(["nft", "add element ip mine s { 192.0.2.1 }"])
    namespace.run(["nft", "-f", "-"], "table inet logban { set x-ipv4 { type ipv4_addr; }; }\n")
    assert is_readable(filter_of)
    assert not filter_of.hear()


def test_a_change_behind_another_in_one_transaction_is_heard(
    filter_of: Nftables, namespace: Namespace
) -> None:
    filter_of.apply([Ban("sip", Subject(SubjectKind.IP, BAD), NOW, NOW + 600)])
    text = "add table ip mine\nadd element inet logban sip-ipv4 { 192.0.2.1 }\n"
    namespace.run(["nft", "-f", "-"], f"{text}delete element inet logban sip-ipv4 {{ {BAD} }}\n")
    assert filter_of.hear()


def test_more_than_there_is_room_for_counts_as_a_change(
    namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nft_monitor, "_BUFFER", 65536)
    with namespace.enter():
        filter_of = make()
    elements = ", ".join(str(ban.subject) for ban in bans(60_000))
    text = f"table ip mine {{ set s {{ type ipv4_addr; elements = {{ {elements} }}; }}; }}\n"
    namespace.run(["nft", "-f", "-"], text)
    assert filter_of.hear()
    assert not filter_of.hear()
    filter_of.close()


def test_started_programs_are_not_taken_for_others(namespace: Namespace) -> None:
    with namespace.enter():
        made = make(library="no")
        try:
            made.hear()
            made.apply(bans(10))
            made.lift(bans(10))
            assert not made.hear()
            namespace.run(["nft", "flush ruleset"])
            with pytest.raises(Missing):
                made.hear()
        finally:
            made.close()


def test_the_ports_are_those_of_all_netfilter_sockets(namespace: Namespace) -> None:
    with namespace.enter():
        before = own_ports()
        one = Monitor(lambda _: True, elements=True)
        other = Monitor(lambda _: True, elements=True)
        assert len(own_ports() - before) == 2
        one.close()
        other.close()
        assert own_ports() == before
