# SPDX-License-Identifier: MIT
"""Protocols and ports, as people write them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.actions.traffic import WITH_PORTS, Traffic, one_of, parse_ports, parse_protocols


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("udp", (17,)),
        ("tcp", (6,)),
        ("tcp,udp", (6, 17)),
        ("udp, TCP udp", (6, 17)),
        ('"udp"', (17,)),
        ("sctp", (132,)),
        ("icmp", (1,)),
        ("ipv6-icmp", (58,)),
        ("all", ()),
        ("udp,all", ()),
        ("ip", ()),
        ("89", (89,)),
        ("ospf", (89,)),
    ],
)
def test_protocols(text: str, numbers: tuple[int, ...]) -> None:
    assert parse_protocols(text) == numbers


@pytest.mark.parametrize("text", ["", " , ", "udpp", "256", "tcp/udp", "-1", "²"])
def test_what_is_no_protocol(text: str) -> None:
    with pytest.raises(ValueError, match="protocol"):
        parse_protocols(text)


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("5060", ((5060, 5060),)),
        ("5060:5061", ((5060, 5061),)),
        ("5060-5061", ((5060, 5061),)),
        ("5060,5061", ((5060, 5061),)),
        ("sip,sip-tls", ((5060, 5061),)),
        ("sip:sip-tls", ((5060, 5061),)),
        ("http,https", ((80, 80), (443, 443))),
        ("10:20,15:30,31", ((10, 31),)),
        ("10:30,15:20", ((10, 30),)),
        ("1024:", ((1024, 65535),)),
        (":1023", ((0, 1023),)),
        ("0", ((0, 0),)),
        ('"5060 5070"', ((5060, 5060), (5070, 5070))),
        ("", ()),
        ("all", ()),
        ("any", ()),
        ("anyport", ()),
        ("0:65535", ()),
        ("0-65535,5060", ()),
    ],
)
def test_ports(text: str, ports: tuple[tuple[int, int], ...]) -> None:
    assert parse_ports(text) == ports


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("sipp", "range like 5060:5061"),
        ("65536", "last is 65535"),
        ("5061:5060", "backwards"),
        (":", "no port"),
        ("-", "no port"),
        ("-5-6", "no port"),
        ("sip:sipp", "'sipp' is no port"),
        ("²", "no port"),
    ],
)
def test_what_is_no_port(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        parse_ports(text)


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 65535)), min_size=1, max_size=30))
def test_joined_ranges_hold_the_same_ports_and_never_touch(pairs) -> None:
    ranges = [(min(pair), max(pair)) for pair in pairs]
    joined = parse_ports(",".join(f"{low}:{high}" for low, high in ranges))
    if joined == ():
        assert (0, 65535) in ranges or (1, 65535) in ranges
        return
    edges = {port for low, high in ranges for port in (low - 1, low, high, high + 1)}
    for port in edges:
        inside = any(low <= port <= high for low, high in ranges)
        assert inside == any(low <= port <= high for low, high in joined)
    for (_, last), (first, _) in itertools.pairwise(joined):
        assert last + 1 < first


def test_ports_are_asked_only_of_protocols_that_have_some() -> None:
    ports = ((5060, 5060),)
    assert Traffic((), ()).parts(4) == (Traffic((), ()),)
    assert Traffic((), ports).parts(4) == (Traffic(WITH_PORTS, ports),)
    assert Traffic((1,), ports).parts(4) == (Traffic((1,), ()),)
    assert Traffic((1, 17), ports).parts(6) == (Traffic((17,), ports), Traffic((58,), ()))
    assert Traffic.asked((17,), ports, "allports") == Traffic((17,), ())
    assert Traffic.asked((17,), ports, "oneport") == Traffic((17,), ports)


def test_one_of() -> None:
    parse = one_of("auto", "yes")
    assert parse(" Auto ") == "auto"
    with pytest.raises(ValueError, match="none of auto, yes"):
        parse("no")
