# SPDX-License-Identifier: MIT
"""The script in docs/kamailio.md: Kamailio takes it, and the filter reads what it logs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logban.model import Success

VICTIM = b"192.0.2.99"
# What a peer may send to make a line say something else: line breaks, quotes, NUL, ESC, no UTF-8.
LIE = b"NOTICE: <script>: logban: [" + VICTIM + b"] malformed port=1"
HOSTILE_AGENT = b"x\r\n " + LIE + b"\r\n \x1b[2J\xff\"'\\"
HOSTILE_CALL_ID = b"x} <script>: logban: [" + VICTIM + b"] malformed port=1 {"
ROOTS = ("settings", "modules", "parse-errors")


def test_the_whole_script_is_taken(write: Callable[..., Path], check: Callable[..., Any]) -> None:
    done = check(write("logban"))
    assert done.accepted, done.errors


def test_every_piece_has_its_place(documented: dict[str, str], write: Callable[..., Path]) -> None:
    script = write("logban").read_text()
    assert len(documented) == 12
    assert [name for name, text in documented.items() if text not in script] == []


def test_every_piece_is_taken_by_itself(
    documented: dict[str, str], tmp_path: Path, check: Callable[..., Any]
) -> None:
    for name, text in documented.items():
        route = "" if name in ROOTS else text
        root = text if name == "parse-errors" else ""
        script = tmp_path / f"{name}.cfg"
        settings = documented["settings"] + "listen=udp:127.0.0.1:5999\n" + documented["modules"]
        script.write_text(f"#!KAMAILIO\n{settings}\nrequest_route {{\n{route}\n\texit;\n}}\n{root}")
        done = check(script)
        assert done.accepted, f"{name}: {done.errors}"


def test_a_broken_piece_would_be_noticed(
    write: Callable[..., Path], check: Callable[..., Any]
) -> None:
    script = write("logban")
    script.write_text(script.read_text().replace("pike_check_req()", "pike_check_rec()", 1))
    assert not check(script).accepted


def _events(request: Callable[..., Any]) -> list[Any]:
    """Give what a peer does: the rule that has to see it, who it is, and how it is done."""
    agent, call_id = HOSTILE_AGENT, HOSTILE_CALL_ID
    register = {"method": b"REGISTER", "uri": b"sip:example.org", "agent": agent}
    alice = {"sender": b"<sip:alice@example.org>", "recipient": b"<sip:alice@example.org>"}
    plain = request(**register, **alice)
    lying = request(**register, **alice, call_id=call_id)
    return [
        ("auth", lambda proxy, who: proxy.authenticate(plain, who, b"alice", b"guess")),
        ("auth", lambda proxy, who: proxy.authenticate(lying, who, b"alice", b"guess", 5060)),
        (
            "auth-unknown",
            lambda proxy, who: proxy.authenticate(lying, who, b"eve' " + LIE, b"guess"),
        ),
        (
            "scanner",
            lambda proxy, who: proxy.send(
                request(method=b"X(IP:192.0.2.99:5060)", agent=b"sipcli " + agent, call_id=call_id),
                who,
                wait=False,
            ),
        ),
        (
            "scanner",
            lambda proxy, who: proxy.send(
                request(agent=b"sipcli" + b"[1.2.3.4]" * 1000), who, wait=False
            ),
        ),
        (
            "malformed",
            lambda proxy, who: proxy.send(
                request(uri=b"sip:", agent=agent, call_id=call_id), who, wait=False
            ),
        ),
        ("malformed", lambda proxy, who: proxy.exchange(b"GET / HTTP/1.1\r\n" + LIE * 9, who)),
        (
            "sqli",
            lambda proxy, who: proxy.send(
                request(sender=b"<sip:a'--@example.org>", agent=agent, call_id=call_id),
                who,
                wait=False,
            ),
        ),
        (
            "no-route",
            lambda proxy, who: proxy.send(
                request(method=b"MESSAGE", uri=b"sip:<script>:" + VICTIM + b"@192.0.2.99"), who
            ),
        ),
        ("auth-ok", lambda proxy, who: proxy.authenticate(lying, who, b"alice", b"secret")),
        (
            "forbidden",
            lambda proxy, who: proxy.authenticate(
                request(method=b"INVITE", uri=b"sip:00881999@example.org", agent=agent, **alice),
                who,
                b"alice",
                b"secret",
            ),
        ),
    ]


@pytest.mark.parametrize(
    ("options", "source"),
    [((), "127.1.0.{}"), (("--log-engine=json:M",), "127.2.0.{}"), (("--log-engine=json",), "::1")],
    ids=["syslog", "json", "json-ipv6"],
)
def test_what_peers_do_is_read_with_the_right_address(
    start: Callable[..., Any],
    request_of: Callable[..., Any],
    as_syslog: Callable[[bytes], bytes],
    failures_of: Callable[..., Any],
    options: tuple[str, ...],
    source: str,
) -> None:
    proxy = start("logban", *options)
    for number, (rule, act) in enumerate(_events(request_of), 1):
        who = source.format(number)
        logged = proxy.logged_during(lambda: act(proxy, who))  # noqa: B023 - called at once
        found = failures_of("kamailio-logban", as_syslog(logged))
        # Who calls a forbidden number has got in before.
        rules = ["auth-ok", rule] if rule == "forbidden" else [rule]
        assert [(each.rule, each.address) for each in found] == [(name, who) for name in rules]
        assert isinstance(found[0], Success) is (rules[0] == "auth-ok")
        if rule in ("auth", "auth-ok"):
            assert found[0].fields["user"] == "alice"
            assert found[0].fields["agent"].startswith("x\\r\\n NOTICE: <script>: logban: [")
            assert bytes.fromhex(found[0].fields["user_hex"]) == b"alice"
            assert bytes.fromhex(found[0].fields["agent_hex"]) == HOSTILE_AGENT[:64]


def test_a_flood_and_those_who_get_in(
    start: Callable[..., Any],
    request_of: Callable[..., Any],
    as_syslog: Callable[[bytes], bytes],
    failures_of: Callable[..., Any],
) -> None:
    proxy = start("logban")

    request = request_of(agent=HOSTILE_AGENT)
    logged = proxy.logged_during(lambda: proxy.flood(request, "127.1.1.1", 1))
    found = failures_of("kamailio-logban", as_syslog(logged))
    assert {(each.rule, each.address) for each in found} == {("flood", "127.1.1.1")}
    alice = request_of(
        method=b"REGISTER",
        uri=b"sip:example.org",
        sender=b"<sip:alice@example.org>",
        recipient=b"<sip:alice@example.org>",
    )
    logged = proxy.logged_during(
        lambda: proxy.authenticate(alice, "127.1.1.2", b"alice", b"secret")
    )
    assert b"logban: [127.1.1.2] auth-ok user=616c696365 " in logged
    (success,) = failures_of("kamailio-logban", as_syslog(logged))
    assert isinstance(success, Success)
    assert (success.address, success.fields["user"]) == ("127.1.1.2", "alice")


def test_connections_are_told_from_packets(
    start: Callable[..., Any],
    request_of: Callable[..., Any],
    as_syslog: Callable[[bytes], bytes],
    failures_of: Callable[..., Any],
) -> None:
    proxy = start("logban")
    scan = request_of(agent=b"sipvicious").encoded()

    def connect() -> None:
        proxy.exchange(scan, "127.1.2.1", stream=True)
        proxy.wait_for(b"127.1.2.1")  # connections have a process of their own

    logged = proxy.logged_during(connect)
    (by_stream,) = failures_of("kamailio-logban", as_syslog(logged))
    logged = proxy.logged_during(lambda: proxy.exchange(scan, "127.1.2.2"))
    (by_packet,) = failures_of("kamailio-logban", as_syslog(logged))
    assert (by_stream.address, by_stream.fields["transport"]) == ("127.1.2.1", "tcp")
    assert (by_packet.address, by_packet.fields["transport"]) == ("127.1.2.2", "udp")


def test_a_challenge_of_one_address_is_no_proof_for_another(
    start: Callable[..., Any],
    request_of: Callable[..., Any],
    as_syslog: Callable[[bytes], bytes],
    failures_of: Callable[..., Any],
) -> None:
    proxy = start("logban")
    request = request_of(method=b"REGISTER", uri=b"sip:example.org")

    def frame() -> None:
        challenge = proxy.send(request, "127.1.3.1")
        proxy.send(request.answering(challenge, b"alice", b"guess"), "127.1.3.2")

    logged = proxy.logged_during(frame)
    assert failures_of("kamailio-logban", as_syslog(logged)) == []
