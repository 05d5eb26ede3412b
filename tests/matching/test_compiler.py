# SPDX-License-Identifier: MIT
"""The dialect's tags, and what may and what may not be taken for an address."""

from __future__ import annotations

import ipaddress
import re
import warnings
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logban.matching.compiler import (
    ADDRESS_GROUPS,
    ExpressionError,
    Reading,
    check_groups,
    compile_expression,
    expand,
)


def captured(pattern: str, text: str) -> str | None:
    """Give the address that a pattern takes out of a text."""
    found = compile_expression(pattern).search(text)
    if found is None:
        return None
    groups = found.groupdict()
    return next(groups[name] for name in ADDRESS_GROUPS if groups.get(name))


@pytest.mark.parametrize("tag", ["<HOST>", "<ADDR>", "<SUBNET>"])
@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("[198.51.100.7]", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("::FFFF:198.51.100.7", "198.51.100.7"),
        ("[::ffff:198.51.100.7]", "198.51.100.7"),
        ("::ffff:c633:6407", "::ffff:c633:6407"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:DB8::1]", "2001:DB8::1"),
        ("::1", "::1"),
        ("2001:db8::", "2001:db8::"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
    ],
)
def test_an_address_in_each_of_its_forms(tag: str, text: str, address: str) -> None:
    assert captured(f"^from {tag} port$", f"from {text} port") == address
    assert captured(f"^from .*{tag}$", f"from anywhere {text}") == address


@pytest.mark.parametrize(
    ("pattern", "text", "address"),
    [
        (r"<HOST>:\d+$", "x 198.51.100.7:5060", "198.51.100.7"),
        (r"<HOST>:\d+$", "x [2001:db8::1]:5060", "2001:db8::1"),
        (r"<HOST>:\d+$", "x 1:2:3:4:5:6:7:8:5060", "1:2:3:4:5:6:7:8"),
        (r"<HOST>\.$", "from 198.51.100.7.", "198.51.100.7"),
        (r"/<HOST>/\d+$", "IPV6/UDP/2001:db8::1/5060", "2001:db8::1"),
        (r"\(IP:<HOST>:\d+\)", "(IP:2001:db8::1:5060)", "2001:db8::1"),
        (r"src:<HOST>$", "src:2001:db8::1", "2001:db8::1"),
        (r"<IP4>", "2001:db8::1 198.51.100.7", "198.51.100.7"),
        (r"<IP6>", "198.51.100.7 [2001:db8::1]", "2001:db8::1"),
        (r"<SUBNET>$", "198.51.100.0/24", "198.51.100.0"),
        (r"^<SUBNET>$", "[2001:db8::/32]", "2001:db8::"),
        (r"(?P<host>\S+)$", "from 198.51.100.7", "198.51.100.7"),
        (r"<F-IP4>[\d.]+</F-IP4>", "198.51.100.7", "198.51.100.7"),
    ],
)
def test_an_address_amid_other_text(pattern: str, text: str, address: str) -> None:
    assert captured(pattern, text) == address


@pytest.mark.parametrize(
    "text",
    [
        "8.198.51.100.7",
        "198.51.100.7.8",
        "198.51.100",
        "198.51.100.7000",
        "std::string",
        "a::gone",
        "::ffff:198.51.100.7.8",
        "12:30:59",
        "00:11:22:33:44:55",
    ],
)
def test_what_is_no_address(text: str) -> None:
    assert captured("<HOST>", text) is None


@given(st.ip_addresses(), st.text("0123456789abcdef.: ", max_size=8))
def test_a_greedy_expression_takes_the_whole_address(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, before: str
) -> None:
    """Behind ``.*`` an unguarded expression finds 8.51.100.7 in 198.51.100.7, ::1 in db8::1."""
    if address.version == 6 and address.ipv4_mapped:  # type: ignore[union-attr]  # of version 6
        return
    assert captured("^.* <HOST>$", f"{before} {address}") == str(address)
    assert captured("^.*<HOST>$", f"{before} {address}") == str(address)


def test_every_tag_has_its_group() -> None:
    found = compile_expression(
        "^<F-USER>.*</F-USER>@<DNS> <HOST>/<CIDR> <F-ID/> <F-PORT/> <F-CODE/>"
        " <F-ALT_USER>.</F-ALT_USER>$"
    ).fullmatch("bob@a.example.org 198.51.100.7/32 id-7 5060 4x x")
    assert found is not None
    assert found.groupdict() == {
        "user": "bob", "dns": "a.example.org", "ip4": "198.51.100.7", "ip6": None, "cidr": "32",
        "fid": "id-7", "fport": "5060", "code": "4x", "alt_user": "x",
    }  # fmt: skip
    assert compile_expression("<F-ID>x</F-ID> <F-PORT>y</F-PORT>").groupindex.keys() == {
        "fid",
        "fport",
    }


def test_tags_may_stand_in_one_another_and_twice() -> None:
    text = "<F-OUTER>a<F-INNER>b</F-INNER></F-OUTER>|<HOST>|x<HOST>"
    assert expand(text).count("(?P<ip4>") == 2
    found = compile_expression(text).search("ab")
    assert found is not None
    assert (found["outer"], found["inner"]) == ("ab", "b")


def test_what_is_no_tag_stays() -> None:
    assert expand(r"<script>: <host> <F-> (?P<a>x)") == r"<script>: <host> <F-> (?P<a>x)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<F-USER>.*", "<F-USER> is never closed; write </F-USER>"),
        (".*</F-USER>", "closes a tag that is not open"),
        ("<F-A><F-B></F-A></F-B>", "</F-A> closes a tag that is not open"),
        ("<HOST><SKIPLINES>x", "needs several lines; set maxlines"),
        ("<HOST> (", "no regular expression: missing"),
        (r"<HOST> \p{nonsense}", "unknown property"),
        ("(" * 3000 + ")" * 3000, "too large"),
        ("a{99999999999}", "too big"),
        (" ", "would match every line"),
    ],
)
def test_an_expression_that_cannot_be_used_says_why(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        compile_expression(text)


def test_a_failregex_names_an_address() -> None:
    check_groups(["ip4", "ip6"], needs_address=True)
    check_groups([], needs_address=False)
    with pytest.raises(ExpressionError, match="put <HOST> where"):
        check_groups(["user"], needs_address=True)


@given(
    st.text(r"ab[]{}:(),=1^-\se|?*", min_size=1, max_size=12).filter(str.strip),
    st.text("ab{}[]:,=1es \x1c", max_size=12),
)
@example("[[:a:]]", "a]")
@example("[[:a:]]", ":]")
@example("a{e}", "a{e}")
@example("(?:ab){e<=1}", "aa")
@example(r"\s", "\x1d")
@example(r"[\s]", "\x1d")
@example(r"\S", "\x1d")
def test_an_expression_means_what_it_means_to_re(pattern: str, text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of sets that may nest one day
        try:
            theirs = re.compile(pattern)
        except re.error:
            return
    with suppress(ExpressionError):  # such as flags that re takes at the beginning only
        ours = compile_expression(pattern)
        found, expected = ours.search(text), theirs.search(text)
        assert (found and found.span()) == (expected and expected.span())


def test_flags_of_a_group_hold_in_that_group() -> None:
    pattern = compile_expression("(?:(?i)expn|vrfy) <HOST>")
    assert pattern.search("EXPN 192.0.2.1")
    assert compile_expression("^((?i)a)b <HOST>").search("Ab 192.0.2.1")
    assert not compile_expression("^((?i)a)b <HOST>").search("AB 192.0.2.1")


def test_tags_that_close_themselves() -> None:
    assert captured("^<F-ADDR/> x", "2001:db8::1 x") == "2001:db8::1"
    assert captured("^<F-IP4/> x", "192.0.2.1 x") == "192.0.2.1"


def test_lines_that_are_passed_over_are_lines() -> None:
    pattern = compile_expression("^a <HOST><SKIPLINES>b<SKIPLINES>c$", Reading(lines=9))
    found = pattern.search("z\na 192.0.2.1\nx\ny\nb\nc\nz\n")
    assert found is not None
    assert (found["skiplines0"], found["skiplines1"]) == ("x\ny\n", "")


def test_a_host_may_be_a_name_where_names_are_taken() -> None:
    pattern = compile_expression("from <HOST>$", Reading(names=True))
    found = pattern.search("from a.example.org")
    assert found is not None
    assert (found["dns"], found["ip4"]) == ("a.example.org", None)
    assert pattern.groups == 3, "as many as in fail2ban, for (?(2)...) and \\2"


@given(st.text(r"a<>F-/HOSTUR(?P)[]{}\d+*.|^$e1", max_size=30))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    with suppress(ExpressionError):
        compile_expression(text)
