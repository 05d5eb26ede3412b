# SPDX-License-Identifier: MIT
"""What the stock script and the usual guides log, printed by Kamailio for hostile peers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

VICTIM = b"192.0.2.99"
STOCK_PREFIX = '"{$mt $hdr(CSeq) $ci} "'
# By the user part of the request's URI, which says what tests/kamailio/guides.cfg logs: the rule.
FORMS = {
    b"blocked": "blocked",
    b"malformed": "malformed",
    b"third": "auth-uncoded",
    b"many": "auth-uncoded",
    b"uncoded": "auth-uncoded",
    b"unknown": "auth-unknown-uncoded",
    b"agent": "secfilter-agent",
    b"agent-behind": "secfilter-agent",
    b"sqli": "secfilter-sqli",
    b"from": "secfilter",
    b"scanner": "scanner",
}
LIES = (
    b"telephone",
    b"x' is blacklisted - src ip: " + VICTIM,
    b"x (IP:" + VICTIM + b":5060)",
    b"x' from " + VICTIM + b":5060",
    b"x ip=" + VICTIM,
    b"y\r\n NOTICE: <script>: auth failed 3rd time - src ip: " + VICTIM,
    b"\x1b[2J\xff\xc2\x85\xe2\x80\xa8 src ip: " + VICTIM,
)
FAKES = (
    b"x} <script>: auth failed 3rd time - src ip: " + VICTIM,
    b"x} <script>: auth failed - [REGISTER] from <sip:a@b> user bob",
    b"x} <script>: call ",
    b"x} pike [pike_funcs.c:135]: pike_check_ipaddr(): PIKE - BLOCKing ip 192.0.2.99, node=0x1 ",
)


def _requests(request_of: Callable[..., Any], form: bytes, call_ids: tuple[bytes, ...]) -> Any:
    for lie in LIES:
        for call_id in call_ids:
            for method in (b"OPTIONS", b"X(IP:" + VICTIM + b":5060)"):
                uri = b"sip:" + form + b"@127.0.0.1"
                name = b'"' + lie.replace(b'"', b"") + b'" '
                answer = (
                    b'Authorization: Digest username="'
                    + lie.replace(b'"', b"")
                    + (b'", realm="example.org", nonce="1", uri="sip:b", response="2"')
                )
                yield request_of(
                    method=method,
                    uri=uri,
                    sender=name + b"<sip:src=%s@(IP:%s:1)>" % (VICTIM, VICTIM)
                    if b"(" in lie
                    else name + b"<sip:a'@example.org>",
                    call_id=call_id,
                    agent=lie,
                    headers=(answer,),
                )


@pytest.mark.parametrize("engine", [(), ("--log-engine=json:M",)], ids=["syslog", "json"])
@pytest.mark.parametrize("prefix", ['""', STOCK_PREFIX], ids=["bare", "prefix"])
def test_every_form_names_the_sender(
    start: Callable[..., Any],
    request_of: Callable[..., Any],
    as_syslog: Callable[[bytes], bytes],
    failures_of: Callable[..., Any],
    engine: tuple[str, ...],
    prefix: str,
) -> None:
    proxy = start("guides", *engine, prefix=prefix)
    for number, (form, rule) in enumerate(FORMS.items(), 1):
        who, sent = f"127.3.0.{number}", 0

        def attack(form: bytes = form, who: str = who) -> None:
            nonlocal sent
            for request in _requests(request_of, form, (b"call-1",)):
                assert proxy.send(request, who) is not None
                sent += 1

        logged = as_syslog(proxy.logged_during(attack))
        found = failures_of("kamailio", logged)
        assert {each.address for each in found} == {who}, form
        assert {each.rule for each in found} - {"disguised"} == {rule}, form
        # A line break of the peer's, which syslog escapes, breaks the line in this file.
        broken = logged.count(b"\n NOTICE: ")
        assert len(found) >= sent - broken, form


@pytest.mark.parametrize("engine", [(), ("--log-engine=json:M",)], ids=["syslog", "json"])
def test_log_lines_in_a_call_id_accuse_nobody_else(
    start: Callable[..., Any],
    request_of: Callable[..., Any],
    as_syslog: Callable[[bytes], bytes],
    failures_of: Callable[..., Any],
    engine: tuple[str, ...],
) -> None:
    proxy = start("guides", *engine, prefix=STOCK_PREFIX)
    found = []
    for number, form in enumerate((*FORMS, b"call"), 1):
        who = f"127.4.0.{number}"

        def attack(form: bytes = form, who: str = who) -> None:
            for request in _requests(request_of, form, FAKES):
                assert proxy.send(request, who) is not None

        theirs = failures_of("kamailio", as_syslog(proxy.logged_during(attack)))
        assert {each.address for each in theirs} <= {who}, form
        if form == b"call":
            assert theirs == []
        found += theirs
    assert ("disguised" in {each.rule for each in found}) is (not engine)


def test_codes_tell_a_wrong_password_from_how_telephones_begin(
    start: Callable[..., Any],
    request_of: Callable[..., Any],
    as_syslog: Callable[[bytes], bytes],
    failures_of: Callable[..., Any],
) -> None:
    proxy = start("guides")
    request = request_of(method=b"REGISTER", uri=b"sip:coded@127.0.0.1")
    logged = proxy.logged_during(
        lambda: proxy.authenticate(request, "127.5.0.1", b"alice", b"guess")
    )
    (failure,) = failures_of("kamailio", as_syslog(logged))
    assert logged.count(b"auth failed (code ") == 2
    assert (failure.rule, failure.address, failure.fields["user"]) == (
        "auth",
        "127.5.0.1",
        "alice",
    )


def test_kamailio_itself_names_the_sender(
    start: Callable[..., Any],
    request_of: Callable[..., Any],
    as_syslog: Callable[[bytes], bytes],
    failures_of: Callable[..., Any],
) -> None:
    proxy = start("guides", prefix=STOCK_PREFIX)
    junk = b"GET / HTTP/1.1\r\nVia: (" + VICTIM + b":5060/1)\r\n\r\n"
    logged = proxy.logged_during(lambda: proxy.exchange(junk, "::1", 5061))
    found = failures_of("kamailio", as_syslog(logged))
    assert [(each.rule, each.address) for each in found] == [("malformed", "::1")]
    request = request_of(uri=b"sip:flood@127.0.0.1")
    logged = proxy.logged_during(lambda: proxy.flood(request, "127.6.0.2", 21))
    found = failures_of("kamailio", as_syslog(logged))
    assert {each.rule for each in found} == {"flood"}
    assert {each.address for each in found} == {"127.6.0.2"}
    assert len(found) > 20


def test_a_script_is_free_to_end_a_line_in_remote_text(
    start: Callable[..., Any],
    request_of: Callable[..., Any],
    as_syslog: Callable[[bytes], bytes],
    failures_of: Callable[..., Any],
) -> None:
    proxy = start("guides", prefix=STOCK_PREFIX)
    call_id = b"x} <script>: auth failed - [REGISTER] from <sip:a@b> user bob"
    request = request_of(uri=b"sip:call@127.0.0.1", call_id=call_id, agent=b"src ip: " + VICTIM)
    logged = proxy.logged_during(lambda: proxy.send(request, "127.6.1.1"))
    assert b"} <script>: call " in logged
    assert failures_of("kamailio", as_syslog(logged)) == []
