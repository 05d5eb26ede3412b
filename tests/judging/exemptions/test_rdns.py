# SPDX-License-Identifier: MIT
"""The name of an address counts where it leads back; both readings of the list of domains."""

from __future__ import annotations

import asyncio
import socket

import pytest

from logban.judging.exemptions.enquiries import Unanswered
from logban.judging.exemptions.names import SystemResolver
from logban.judging.exemptions.rdns import ReverseNames
from logban.model import Subject, SubjectKind, Verdict

WHO = "198.51.100.7"


class Dns:
    """A :class:`logban.judging.exemptions.names.ReverseResolver` out of two dictionaries."""

    def __init__(self, name: str | Exception | None, addresses: object = frozenset()) -> None:
        self.name = name
        self.addresses = addresses

    async def name_of(self, address: str) -> str | None:
        assert address == WHO
        if isinstance(self.name, Exception):
            raise self.name
        return self.name

    async def resolve(self, name: str) -> frozenset[str]:
        assert name == "dsl7.dialin.example.net"
        if isinstance(self.addresses, Exception):
            raise self.addresses
        assert isinstance(self.addresses, frozenset)
        return self.addresses


GOOD = Dns("DSL7.dialin.example.net.", frozenset({"2001:db8::7", WHO}))
FORGED = Dns("dsl7.dialin.example.net", frozenset({"192.0.2.1"}))
INVENTED = Dns("dsl7.dialin.example.net", socket.gaierror(socket.EAI_NONAME, "not known"))
ELSEWHERE = Dns("dsl7.badexample.net")
NAMELESS = Dns(None)


def verdict(subject: Subject) -> Verdict:
    return Verdict("pbx", subject, 1000.0, 1600.0, 5, "rule")


def asked(dns: Dns, *, outside: bool = False) -> bool:
    source = ReverseNames(["example.net", "example.org"], dns, outside=outside)
    return asyncio.run(source.ask(verdict(Subject.parse(WHO)))) is not None


@pytest.mark.parametrize(
    ("dns", "inside"),
    [(GOOD, True), (FORGED, False), (INVENTED, False), (ELSEWHERE, False), (NAMELESS, False)],
)
def test_who_is_inside(dns: Dns, inside: bool) -> None:
    assert asked(dns) is inside
    assert asked(dns, outside=True) is not inside


def test_what_is_told() -> None:
    def told(dns: Dns, *, outside: bool) -> tuple[str, str]:
        source = ReverseNames(["example.net"], dns, outside=outside)
        found = asyncio.run(source.ask(verdict(Subject.parse(WHO))))
        assert found is not None
        return found.entry, found.origin

    assert told(GOOD, outside=False) == ("dsl7.dialin.example.net", "rdns_domains")
    assert told(NAMELESS, outside=True) == (WHO, "has no name, and rdns_exempts = outside")
    assert told(ELSEWHERE, outside=True) == (
        WHO, "is named dsl7.badexample.net, and rdns_exempts = outside",
    )  # fmt: skip


@pytest.mark.parametrize(
    "dns",
    [
        Dns(socket.gaierror(socket.EAI_AGAIN, "try again")),
        Dns("dsl7.dialin.example.net", socket.gaierror(socket.EAI_AGAIN, "try again")),
    ],
)
def test_a_dns_that_does_not_say(dns: Dns) -> None:
    for outside in (False, True):
        with pytest.raises(OSError, match="try again"):
            asked(dns, outside=outside)


def test_silence_is_read_in_favour_of_what_the_list_is_for() -> None:
    assert ReverseNames([], GOOD, outside=False).unanswered is Unanswered.BAN
    assert ReverseNames([], GOOD, outside=True).unanswered is Unanswered.SPARE


def test_networks_and_users_have_no_name() -> None:
    source = ReverseNames(["example.net"], GOOD, outside=False)
    assert source.concerns(verdict(Subject.parse(WHO)))
    assert source.concerns(verdict(Subject(SubjectKind.USER_IP, WHO, "6003")))
    assert not source.concerns(verdict(Subject.parse("2001:db8::7")))
    assert not source.concerns(verdict(Subject(SubjectKind.USER, "", "6003")))


def test_the_hosts_own_resolver() -> None:
    name = asyncio.run(SystemResolver().name_of("127.0.0.1"))
    assert name is None or "localhost" in name
