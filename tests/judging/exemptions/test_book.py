# SPDX-License-Identifier: MIT
"""Every reason not to ban, from every side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.judging.exemptions.book import ExemptionBook, is_name
from logban.judging.exemptions.exemption import Exemption
from logban.model import Subject, SubjectKind


def subject(text: str) -> Subject:
    return Subject.parse(text)


@pytest.fixture
def book() -> ExemptionBook:
    made = ExemptionBook()
    made.set_jail("a", ["198.51.100.0/24", "office.example.org"], "ignoreip of [a]", own=True)
    made.set_jail("b", [], "ignoreip of [b]", own=False)
    return made


def reason(book: ExemptionBook, jail: str, text: str) -> tuple[str, str] | None:
    found = book.exempt(jail, subject(text))
    return None if found is None else (found.entry, found.origin)


def test_a_jails_own(book: ExemptionBook) -> None:
    assert reason(book, "a", "198.51.100.7") == ("198.51.100.0/24", "ignoreip of [a]")
    assert reason(book, "b", "198.51.100.7") is None
    book.forget_jail("a")
    assert reason(book, "a", "198.51.100.7") is None
    book.forget_jail("never-there")


def test_by_hand_everywhere(book: ExemptionBook) -> None:
    book.set_everywhere([Exemption("203.0.113.7", "allow add")])
    for jail in ("a", "b", "of no such name"):
        assert reason(book, jail, "203.0.113.7") == ("203.0.113.7", "allow add")
    book.set_everywhere([])
    assert reason(book, "a", "203.0.113.7") is None


def test_the_host_itself_unless_the_jail_says_otherwise(book: ExemptionBook) -> None:
    assert reason(book, "a", "127.0.0.53") is not None
    assert reason(book, "a", "::1") is not None
    book.set_own(["192.0.2.1", "2001:db8:1::1"])
    assert reason(book, "a", "192.0.2.1") == ("192.0.2.1", "this host's own address")
    assert reason(book, "a", "127.0.0.1") is not None
    assert reason(book, "b", "192.0.2.1") is None
    assert reason(book, "b", "127.0.0.1") is None
    book.set_own([])
    assert reason(book, "a", "192.0.2.1") is None
    book.set_jail("b", [], "ignoreip of [b]", own=True)
    assert reason(book, "b", "127.0.0.1") is not None


def test_a_network_that_holds_an_exempt_address(book: ExemptionBook) -> None:
    book.set_own(["2001:db8:1::1"])
    assert book.exempt("a", subject("2001:db8:1::/64")) is not None
    assert book.exempt("a", subject("2001:db8:1::/48")) is not None
    assert book.exempt("a", Subject.parse("2001:db8:1::2", ipv6_prefix=128)) is None
    assert book.exempt("a", subject("2001:db8:2::/64")) is None


def test_names_are_what_they_resolved_to_last(book: ExemptionBook) -> None:
    assert book.names() == {"office.example.org"}
    assert reason(book, "a", "203.0.113.7") is None
    assert book.addresses("office.example.org") == frozenset()
    assert book.set_addresses({"office.example.org": ["203.0.113.7", "2001:db8::7"]})
    assert reason(book, "a", "203.0.113.7") == ("office.example.org", "ignoreip of [a]")
    assert reason(book, "a", "2001:db8::7") is not None
    assert reason(book, "b", "203.0.113.7") is None
    assert not book.set_addresses({"office.example.org": {"2001:db8::7", "203.0.113.7"}})
    assert not book.set_addresses({})
    assert book.set_addresses({"office.example.org": ["203.0.113.8"]})
    assert reason(book, "a", "203.0.113.7") is None
    assert book.addresses("office.example.org") == {"203.0.113.8"}
    book.set_everywhere([Exemption("home.example.org", "allow add")])
    assert book.names() == {"office.example.org", "home.example.org"}


@pytest.mark.parametrize(
    ("entry", "named"),
    [("198.51.100.7", False), ("198.51.100.0/24", False), ("::1", False), ("a.example", True)],
)
def test_what_is_a_name(entry: str, named: bool) -> None:
    assert is_name(entry) is named


NETWORKS = st.sampled_from(
    ["192.0.2.0/24", "192.0.2.7", "192.0.0.0/16", "0.0.0.0/0", "2001:db8::/32", "2001:db8::7"]
)
SUBJECTS = st.one_of(
    st.ip_addresses(v=4).map(lambda address: subject(str(address))),
    st.sampled_from(["192.0.2.7", "192.0.2.8", "192.0.3.1", "127.0.0.9"]).map(subject),
    st.sampled_from(["2001:db8::7", "2001:db9::7", "192.0.2.0/28", "2001:db8::/16"]).map(subject),
    st.just(Subject(SubjectKind.USER, "", "6003")),
    st.just(Subject(SubjectKind.USER_IP, "192.0.2.7", "6003")),
)


@given(
    by_hand=st.lists(NETWORKS),
    of_jail=st.lists(NETWORKS),
    own=st.booleans(),
    subjects=st.lists(SUBJECTS),
)
def test_of_many_the_same_are_exempt_as_one_by_one(
    by_hand: list[str], of_jail: list[str], subjects: list[Subject], *, own: bool
) -> None:
    book = ExemptionBook()
    book.set_everywhere([Exemption(each, "allow add") for each in by_hand])
    book.set_jail("a", of_jail, "ignoreip of [a]", own=own)
    one_by_one = [each for each in subjects if book.exempt("a", each) is not None]
    assert list(book.exempt_among("a", subjects)) == one_by_one


def test_of_many_those_are_exempt_too_whom_a_check_exempts(book: ExemptionBook) -> None:
    banned = [subject("203.0.113.7"), subject("203.0.113.8")]
    book.set_checks({"geo": lambda each: Exemption("XX", "geo") if each == banned[1] else None})
    assert list(book.exempt_among("a", banned)) == banned[1:]
