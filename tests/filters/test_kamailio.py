# SPDX-License-Identifier: MIT
"""Lines of Kamailio one by one: every form, every way of logging, every trap that was found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import pytest
import regex

from logban.config import load_filter
from logban.matching.compiler import compile_expression
from logban.matching.matcher import Matcher
from logban.model import Block, Failure, Position, Success

from .conftest import ALLOWED_WALKS, HOSTILE_SIZE

ROOT = Path(__file__).parents[2]
FILTERS = ("kamailio", "kamailio-logban")
SYSLOG = "Nov 20 10:16:32 vm kamailio[25550]: "
A = "198.51.100.7"
V6 = "2001:db8:66::7"
VICTIM = "192.0.2.99"
HEX = "616c696365"

Find = Callable[..., list[Failure]]


@pytest.fixture(scope="session")
def find(matcher_of: Callable[[str], Matcher], failures_in: Find) -> Find:
    """Give the failures that a filter finds in a line."""
    matchers = {name: matcher_of(name) for name in FILTERS}

    def found(line: str, filter_name: str = "kamailio") -> list[Failure]:
        return failures_in(matchers[filter_name], line.encode() + b"\n")

    return found


# Rule and kind, and the message as a script or a module writes it about A.
FORMS = {
    "flood flood": (
        f"pike [pike_funcs.c:135]: pike_check_ipaddr(): PIKE - BLOCKing ip {A}, node=0x7f5b7820",
        f"<script>: ALERT: pike blocking OPTIONS from sip:bob@h (IP:{A}:44039)",
        f"<script>: PIKE blocking {A}",
    ),
    "blocked blocked": (
        f"<script>: request from blocked IP - REGISTER from sip:7001@h (IP:{A}:5060)",
        f"<script>: Request INVITE from blocked IP - from sip:bob@h (IP:{A}:5060)",
    ),
    "auth wrong-password": (
        (
            f"<script>: auth failed (code -2) for 7001: REGISTER from <sip:7001@h> to <sip:7001@h> "
            f"ua='Linksys' src ip: {A}:39242"
        ),
        f"<script>: auth failed (code -2) for 7001 src ip: {A}",
    ),
    "auth-unknown unknown-user": (
        (
            f"<script>: auth failed (code -3) for 900: REGISTER from <sip:900@h> to <sip:900@h> "
            f"ua='' src ip: {A}:39242"
        ),
    ),
    "auth-uncoded wrong-password": (
        f"<script>: auth failed - [REGISTER] from <sip:7001@h> user 7001 src ip: {A}",
        f"<script>: auth failed - [REGISTER] from <<null>> user 7001 src ip: {A}",
        f"<script>: auth failed 3rd time - src ip: {A}",
        f"<script>: many failed auth in a row - [REGISTER] from <sip:7009@h> src ip: {A}",
    ),
    "auth-unknown-uncoded unknown-user": (
        f"<script>: auth failed: unknown user '900' in REGISTER from <sip:900@h> src ip: {A}:52308",
    ),
    "malformed malformed": (
        f"<script>: Malformed SIP request from {A}:59650",
        f"<script>: Malformed SIP message from {A}:59650",
        f"<script>: Malformed SIP from {A}",
        f"<core> [core/receive.c:376]: receive_msg(): core parsing of SIP message failed ({A}:5/1)",
    ),
    "malformed-stream malformed": (
        f"<core> [core/receive.c:376]: receive_msg(): core parsing of SIP message failed ({A}:5/3)",
    ),
    "tcp-overrun malformed": (
        (
            "<core> [core/tcp_read.c:335]: tcp_read(): buffer overrun, dropping "
            f"([{A}]:35173 -> [192.0.2.1]:5060)"
        ),
    ),
    "tls tls": (f"tls [tls_server.c:1334]: tls_h_read_f(): src addr: {A}:48463",),
    "relay call-rejected": (
        f"<script>: Not relaying INVITE from sip:a@b to sip:c@d src ip: {A}",
        f"<script>: ALERT: Not relaying INVITE from <null> to sips:+49@d;a=b src ip: {A}",
        f"<script>: Not relaying - INVITE from sip:a@b (IP:{A}:5060)",
        f"<script>: Not relaying call from {A}:51234",
    ),
    "acl acl": (
        f"<script>: ACL denied - INVITE from sip:a@b src ip: {A}",
        f"<script>: request from not allowed IP - INVITE from sip:a@b (IP:{A}:5060)",
        f"<script>: IP {A} not allowed",
    ),
    "secfilter-agent scan": (
        f"<script>: OPTIONS from {A} blocked because UserAgent 'sipcli' is blacklisted",
        (
            f"<script>: OPTIONS from sip:1@h blocked because UserAgent 'sipcli' is blacklisted "
            f"- src ip: {A}"
        ),
        f"<script>: [SECFILTER] UserAgent 'sipcli' blacklisted ip={A}",
    ),
    "secfilter-sqli sqli": (
        (
            f"<script>: REGISTER from {A} blocked because possible SQLi found in the user-agent "
            "header (x' or 1=1--)"
        ),
        f"<script>: [SECFILTER] SQL injection in user agent 'Cisco' OR 1=1--' from {A}:39475",
        f"<script>: [SECFILTER] SQL injection found in OPTIONS from 'sip:a'--@h' ip={A} port=5",
    ),
    "secfilter-destination blacklisted": (
        f"<script>: INVITE from {A} blocked because destination 00881 is blacklisted",
        (
            f"<script>: INVITE from sip:a@b blocked because destination '00881' is blacklisted "
            f"- src ip: {A}"
        ),
        f"<script>: [SECFILTER] Destination 00881 blacklisted ip={A}",
    ),
    "secfilter blacklisted": (
        f"<script>: INVITE from {A} blocked because IP address is blacklisted",
        f"<script>: INVITE from {A} blocked because Country 'XX' is blacklisted",
        f"<script>: INVITE from {A} blocked because Country 'XX' is not whitelisted",
        f"<script>: INVITE to {A} blocked because From user 'evil' is blacklisted",
        f"<script>: INVITE to {A} blocked because To domain 'evil' is blacklisted",
        f"<script>: INVITE to {A} blocked because Contact user 'evil' is blacklisted",
        f"<script>: INVITE from sip:a@b blocked because Country 'XX' is blacklisted - src ip: {A}",
        f"<script>: [SECFILTER] From header 'sip:evil@h' name <null> blacklisted or illegal ip={A}",
        f"<script>: [SECFILTER] To header 'sip:evil@h' blacklisted ip={A} port=5060",
    ),
    "scanner scan": (
        f"<script>: scanner detected: ua 'Vax/3.1' method OPTIONS from 'sip:100@h' src ip: {A}",
    ),
}
EACH = [(rule, message) for rule, messages in FORMS.items() for message in messages]


@pytest.mark.parametrize(("rule", "message"), EACH)
def test_every_form_is_known_however_it_is_logged(find: Find, rule: str, message: str) -> None:
    prefixed = f"ERROR: {{1 102 REGISTER 1f080dfeec8c5d2d@10.0.0.1}} {message}"
    ways = [
        f"{SYSLOG}ERROR: {message}",
        f"Nov  2 10:16:32 vm /usr/sbin/kamailio[7]: ALERT: {message}",
        f"2026-11-20T10:16:30.985588+00:00 vm kamailio[25550]: WARNING: {message}",
        f"2026-11-20T10:16:30.985588+00:00 vm kamailio: INFO: {message}",
        f"{SYSLOG}{prefixed}",
        prefixed,
        f"NOTICE: {message}",
    ]
    if not message.startswith("<script>: "):
        text = message.partition("(): ")[2]
        head = '{ "idx": 1, "pid": 5, "level": "ERROR", "module": "core", "file": "a.c", "line": 7,'
        ways.append(f'{head} "function": "f", "logprefix": "", "message": "{text}" }}')
    else:
        text = message.removeprefix("<script>: ").replace("\\", "\\\\").replace('"', '\\"')
        head = '{ "level": "ALERT", "module": "xlog", "file": "xlog.c", "line": 282,'
        ways.append(f'{SYSLOG}{head} "function": "", "logprefix": "", "message": "{text}" }}')
        ways.append(
            f'{head} "function": "", "callid": "x", "logprefix": "{{1 1 INVITE x}} ", '
            f'"message": "{text}\\n" }}'
        )
    for line in ways:
        (failure,) = find(line)
        assert (f"{failure.rule} {failure.kind}", failure.address) == (rule, A), line


@pytest.mark.parametrize(("rule", "message"), EACH)
def test_every_form_is_known_in_ipv6(find: Find, rule: str, message: str) -> None:
    (failure,) = find(f"{SYSLOG}ERROR: {message.replace(A, V6)}")
    assert (failure.rule, failure.address) == (rule.partition(" ")[0], V6)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        # $si:$sp: the group behind the last colon is the port.
        ("ALERT: pike blocking X from sip:a@b (IP:2001:db8:66::7:36220)", V6),
        ("ALERT: pike blocking X from sip:a@b (IP:2001:db8:66::7:3622)", V6),
        ("ALERT: pike blocking X from sip:a@b (IP:2001:db8:66:0:0:0:0:7:22)", V6),
        ("ALERT: pike blocking X from sip:a@b (IP:2001:DB8:66:0:0:0:0:7:22)", V6),
        ("ALERT: pike blocking X from sip:a@b (IP:2001:db8:66:0:0:0:0:7)", None),
        ("ALERT: pike blocking X from sip:a@b (IP:2001:db8:66::7)", None),
        ("ALERT: pike blocking X from sip:a@b (IP:[2001:db8:66::7]:5060)", V6),
        ("ALERT: pike blocking X from sip:a@b (IP:::ffff:198.51.100.7:5060)", A),
        ("Malformed SIP request from 2001:db8:66::7:5060", V6),
        # $si, which may or may not be followed by a port.
        ("auth failed 3rd time - src ip: 2001:db8:66::7", V6),
        ("auth failed 3rd time - src ip: 2001:db8:66::7:36220", V6),
        ("auth failed 3rd time - src ip: 2001:db8:66::7:3622", None),
        ("auth failed 3rd time - src ip: 2001:db8:66:1:2:3:4:3622", "2001:db8:66:1:2:3:4:3622"),
        ("auth failed 3rd time - src ip: 2001:db8:66:1:2:3:4:5:3622", "2001:db8:66:1:2:3:4:5"),
        ("auth failed 3rd time - src ip: 2001:db8:66::7:ab", "2001:db8:66::7:ab"),
        ("auth failed 3rd time - src ip: 2001:db8::5060", "2001:db8::5060"),
        ("auth failed 3rd time - src ip: ::ffff:198.51.100.7", A),
        ("Malformed SIP message from 2001:db8:66::7:5060", None),
        ("INVITE from 2001:db8:66::7 blocked because IP address is blacklisted", V6),
        (
            "[SECFILTER] SQL injection found in X from 'sip:a' ip=2001:db8:66::7:1 port=5060",
            V6 + ":1",
        ),
    ],
)
def test_ipv6_without_brackets(find: Find, text: str, address: str | None) -> None:
    assert [each.address for each in find(f"{SYSLOG}ERROR: <script>: {text}")] == (
        [address] if address else []
    )


@pytest.mark.parametrize(
    "line",
    [
        # How telephones begin, and what follows from it.
        "NOTICE: <script>: auth failed - [REGISTER] from <sip:7001@h> user <null> src ip: 1.2.3.4",
        (
            "NOTICE: <script>: auth failed (code -5) for <null>: REGISTER from <sip:a> to <sip:a> "
            "ua='x' src ip: 1.2.3.4:5060"
        ),
        (
            "NOTICE: <script>: auth failed (code -4) for 7001: REGISTER from <sip:a> to <sip:a> "
            "ua='x' src ip: 1.2.3.4:5060"
        ),
        "INFO: {1 2 INVITE 5a0e@h} <script>: new call [5a0e] from sip:7@h to sip:6@h - src 1.2.3.4",
        "NOTICE: <script>: ban on 1.2.3.4 expired",
        "ERROR: tls [tls_server.c:1337]: tls_h_read_f(): dst addr: 192.0.2.1:5061",
        # Two addresses that are one, and whose it is depends on the machine.
        (
            "ERROR: <core> [core/tcp_read.c:335]: tcp_read(): buffer overrun, dropping "
            "([198.51.100.25]:35173 -> [198.51.100.25]:5060)"
        ),
        # Standard error, on which a peer writes lines of his own.
        " 1(14048) ALERT: <script>: ALERT: pike blocking X from sip:a@b (IP:1.2.3.4:44039)",
        "<script>: auth failed 3rd time - src ip: 1.2.3.4",
        # Other programs.
        "asterisk[1]: NOTICE: <script>: auth failed 3rd time - src ip: 1.2.3.4",
        "auth failed 3rd time - src ip: 1.2.3.4",
    ],
)
def test_what_is_no_failure_or_nobodys(find: Find, line: str) -> None:
    for begin in (SYSLOG, "", "Nov 20 10:16:32 vm "):
        assert find(begin + line) == []
        assert find(begin + line, "kamailio-logban") == []


P = "{1 1 INVITE "
THIRD = f"auth failed 3rd time - src ip: {VICTIM}"
UNCODED = "auth failed - [REGISTER] from <sip:a@b> user bob"
# Found by the fuzzer, or thought of before it: what the line says, and whom it may name.
REGRESSIONS = {
    "the Call-ID holds a message, the true one follows": (
        f"{P}x}} <script>: {THIRD}}} <script>: {UNCODED} src ip: {A}",
        A,
    ),
    "the Call-ID holds a beginning, the user agent at the end the rest": (
        f"{P}x}} <script>: {UNCODED}}} <script>: call from sip:a@b ua src ip: {VICTIM}",
        None,
    ),
    "a NUL in the Call-ID takes the brace away": (
        f"{P}x<script>: {UNCODED} src ip: {A}",
        A,
    ),
    "a NUL in the Call-ID takes the brace away, which the Call-ID then has": (
        f"{P}x}} <script>: {UNCODED}<script>: call from sip:a@b ua src ip: {VICTIM}",
        None,
    ),
    "the user agent at the end holds a message": (
        f"{P}x}} <script>: call from sip:a@b ua }} <script>: {THIRD}",
        None,
    ),
    "a module's message in the Call-ID": (
        (
            f"{P}x}} pike [pike_funcs.c:1]: f(): PIKE - BLOCKing ip {VICTIM}, node=0x1}} "
            f"<script>: {UNCODED}"
            f" src ip: {A}"
        ),
        A,
    ),
    "an unknown message in the Call-ID": (
        f"{P}x}} <script>: hello}} <script>: {UNCODED} src ip: {A}",
        None,
    ),
    "the method names an address": (
        f"<script>: ALERT: pike blocking X(IP:{VICTIM}:1) from sip:a@b (IP:{A}:5060)",
        A,
    ),
    "the From URI names an address": (
        f"<script>: ALERT: pike blocking X from sip:(IP:{VICTIM}:1)@b (IP:{A}:5060)",
        A,
    ),
    "the user names an address": (
        f"<script>: auth failed: unknown user 'x src ip: {VICTIM}' in X from <sip:a> src ip: {A}:5",
        A,
    ),
    "the user agent ends the message of the manual": (
        (
            f"<script>: X from {A} blocked because UserAgent 'x' is blacklisted - src ip: "
            f"{VICTIM}' is blacklisted"
        ),
        A,
    ),
    "the user agent begins the message of the guide": (
        (
            f"<script>: X from sip:{VICTIM} blocked because UserAgent 'from {VICTIM} blocked "
            f"because UserAgent 'x' is blacklisted' is blacklisted - src ip: {A}"
        ),
        A,
    ),
    "a message of others goes on like one of ours": (
        (
            f"<script>: X from sip:a@b to sip:c@d ua=x blocked because UserAgent 'y' is "
            f"blacklisted - src ip: {VICTIM}"
        ),
        None,
    ),
    "the parser prints what it could not read": (
        (
            f"<core> [core/parser/msg_parser.c:749]: parse_msg(): ERROR: parse_msg: message=<X "
            f"#012NOTICE: <script>: {THIRD}"
        ),
        None,
    ),
    "behind the address is more": (
        f"<script>: Malformed SIP request from {A}:5060 src ip: {VICTIM}",
        None,
    ),
}


@pytest.mark.parametrize("name", REGRESSIONS)
def test_regression(find: Find, name: str) -> None:
    line, address = REGRESSIONS[name]
    found = [each.address for each in find(f"{SYSLOG}NOTICE: {line}")]
    assert found == ([address] if address else [])


JSON = '{ "level": "NOTICE", "module": "xlog", "file": "xlog.c", "line": 282, "function": "", '
JSON_REGRESSIONS = {
    "the Call-ID closes the prefix and writes a message": (
        f'"logprefix": "{P}x", "message": "{THIRD}" }}}} ", "message": "{UNCODED} src ip: {A}" }}',
        A,
    ),
    "the Call-ID opens a message that the true one would end": (
        f'"logprefix": "{P}x", "message": "{UNCODED} }} ", "message": "ua src ip: {VICTIM}" }}',
        None,
    ),
    "the Call-ID ends in a backslash": (
        f'"logprefix": "{P}x", "message": "{UNCODED} \\", "message": "ua src ip: {VICTIM}" }}',
        None,
    ),
    "the message begins with an escape": (
        f'"logprefix": "", "message": "\\f from {A} blocked because IP address is blacklisted" }}',
        A,
    ),
    "the message holds quotes": (
        f'"logprefix": "", "message": "{UNCODED}\\", \\"message\\": \\"{THIRD} src ip: {A}\\n" }}',
        A,
    ),
}


@pytest.mark.parametrize("name", JSON_REGRESSIONS)
def test_json_regression(find: Find, name: str) -> None:
    line, address = JSON_REGRESSIONS[name]
    found = [each.address for each in find(SYSLOG + JSON + line)]
    assert found == ([address] if address else [])


def test_what_could_be_two_addresses_is_counted(
    matcher_of: Callable[[str], Matcher], failures_in: Find
) -> None:
    matcher = matcher_of("kamailio")
    lines = (
        f"NOTICE: {P}x}} <script>: hello}} <script>: {UNCODED} src ip: {A}",
        "NOTICE: <script>: auth failed 3rd time - src ip: 2001:db8:66::7:3622",
    )
    data = "".join(f"{SYSLOG}{line}\n" for line in lines).encode()
    assert failures_in(matcher, data) == []
    assert matcher.counters.ambiguous == 2


def test_captured_fields_are_the_peers_own(find: Find) -> None:
    (failure,) = find(
        f"{SYSLOG}NOTICE: <script>: auth failed (code -2) for 7001: REGISTER from <sip:7001@h> "
        f"to <sip:7001@h> ua='Linksys/SPA942' src ip: {A}:39242"
    )
    assert failure.fields == {"user": "7001", "method": "REGISTER", "agent": "Linksys/SPA942"}
    (failure,) = find(f"{SYSLOG}NOTICE: <script>: {UNCODED} x> user eve src ip: {A}")
    assert "user" not in failure.fields


@pytest.mark.parametrize(
    ("rule", "event"),
    [
        ("auth", f"auth-fail rc=-2 user={HEX} ua= ci=3166 port=5060"),
        ("auth-unknown", f"auth-fail rc=-3 user={HEX} ua={HEX} ci=3166 port=5060"),
        ("flood", "pike-flood method=4f port=1"),
        ("flood", "flood method=4f port=1"),
        ("malformed", "malformed port=65535"),
        ("scanner", "scanner method=4f ua=73 port=1"),
        ("sqli", f"sqli method=4f user={HEX} ua=73 port=1"),
        ("forbidden", f"forbidden to=3030 user={HEX} port=1"),
        ("no-route", "no-route method=4f ruri=7369 port=1"),
    ],
)
@pytest.mark.parametrize("transport", ["", " proto=udp", " proto=tls"])
@pytest.mark.parametrize("address", [A, V6, "2001:db8:66::7:5060"])
def test_own_lines(find: Find, rule: str, event: str, transport: str, address: str) -> None:
    text = f"logban: [{address}] {event}{transport}"
    for line in (
        f"{SYSLOG}NOTICE: <script>: {text}",
        f"NOTICE: {{1 1 OPTIONS c1@h}} <script>: {text}",
        f'{SYSLOG}{JSON}"logprefix": "", "message": "{text}" }}',
        f'{JSON}"logprefix": "", "message": "{text}\\n" }}',
    ):
        (failure,) = find(line, "kamailio-logban")
        assert (failure.rule, failure.address) == (rule, address)
        assert failure.proven is (rule.startswith("auth") or transport == " proto=tls")
        assert find(line) == []
        changed = line.replace(f"[{address}]", "[<null>]")
        assert find(changed, "kamailio-logban") == []


@pytest.mark.parametrize("address", [A, V6])
def test_who_got_in(
    matcher_of: Callable[[str], Matcher],
    successes_in: Callable[..., list[Success]],
    address: str,
) -> None:
    text = f"logban: [{address}] auth-ok user={HEX} ua=1b5b324a0a ci= port=5060 proto=udp"
    for line in (
        f"{SYSLOG}NOTICE: <script>: {text}",
        f'{JSON}"logprefix": "", "message": "{text}\\n" }}',
    ):
        for name, number in (("kamailio-logban", 1), ("kamailio", 0)):
            found = successes_in(matcher_of(name), line.encode() + b"\n")
            assert len(found) == number
            for each in found:
                assert (each.address, each.fields["user"]) == (address, "alice")
                assert each.fields["agent"] == "\\x1b[2J\\n"


@pytest.mark.parametrize(
    "text",
    [
        f"[{A}] auth-fail rc=-5 user= ua= ci= port=1",
        f"[{A}] auth-fail rc=-2 user=alice ua= ci= port=1",
        f"[{A}] auth-fail rc=-2 user=616 ua= ci= port=1",
        f"[{A}] auth-fail rc=-2 user=ua= ci= port=1",
        f"[{A}] auth-ok user= ua= ci= port=1 proto=udp",
        f"[{A}] auth-ok user={HEX} ua= ci= port=1 proto=udp x",
        f"[{A}] auth-ok user=alice ua= ci= port=1 proto=udp",
        f"x [{A}] auth-ok user={HEX} ua= ci= port=1 proto=udp",
        f"[{A}] malformed port=1 proto=udp more",
        f"[{A}] malformed port=1 proto=carrier",
        f" [{A}] malformed port=1",
        f"x [{A}] malformed port=1",
        f"[{A}] malformed port=1#012",
        f"[{A}, {VICTIM}] malformed port=1",
        "expired table=ipban key=1.2.3.4 value=1",
    ],
)
def test_own_lines_are_believed_as_a_whole_or_not_at_all(
    find: Find,
    matcher_of: Callable[[str], Matcher],
    successes_in: Callable[..., list[Success]],
    text: str,
) -> None:
    line = f"{SYSLOG}NOTICE: <script>: logban: {text}"
    assert find(line, "kamailio-logban") == []
    assert successes_in(matcher_of("kamailio-logban"), line.encode() + b"\n") == []


@pytest.mark.parametrize(
    "call_id",
    [
        f"x}} <script>: logban: [{VICTIM}] malformed port=1",
        f"x}} <script>: logban: [{VICTIM}] malformed port=1 {{",
        "x} <script>: hello",
        "a b",
        "<script>",
        "x{y}",
    ],
)
def test_own_lines_behind_a_prefix_with_log_text_are_not_believed(find: Find, call_id: str) -> None:
    line = f"NOTICE: {{1 1 OPTIONS {call_id}}} <script>: logban: [{A}] malformed port=1"
    assert find(SYSLOG + line, "kamailio-logban") == []


def test_another_name_in_syslog() -> None:
    line = f"Nov 20 10:16:32 vm sbc1[7]: NOTICE: <script>: auth failed 3rd time - src ip: {A}\n"
    found = []
    for name in ("kamailio", "kamailio[_daemon=sbc1]"):
        reading = load_filter(name, ROOT)
        assert reading.definition is not None, reading.problems
        nowhere = Position("log", 0, 0, 0, b"", 0)
        block = Block("log", line.encode(), 0, live=True, position=nowhere)
        found.append(len(Matcher(reading.definition, zone=UTC).match(block, 1795180000.0)))
    assert found == [0, 1]


@pytest.mark.parametrize("name", FILTERS)
def test_shipped_filters_have_no_faults(name: str) -> None:
    reading = load_filter(name, ROOT)
    assert reading.problems == ()
    assert reading.definition is not None
    assert Matcher(reading.definition, zone=UTC).ungated_rules == []


HOSTILE = [
    "auth failed - [X] from <sip:a@b> user ",
    "auth failed (code -2) for x: X from <sip:a> to <sip:a> ua='",
    "{1 1 INVITE x} <script>: auth failed - [X] from <sip:a@b> user x",
    "} <script>: auth failed 3rd time - src ip: 192.0.2.99",
    "[SECFILTER] SQL injection in user agent '",
    "X from 192.0.2.99 blocked because UserAgent '",
    "X from sip:a blocked because destination ",
    " src ip: 192.0.2.99",
    " src ip: 2001:db8::1:2",
    " (IP:192.0.2.99:5060)",
    'x", "message": "',
    "\\n",
    "\\",
    '"',
    "}",
    "]: ",
    ">: ",
    "' ",
    "1.2.3.4.",
    "2001:db8:",
    "::",
    "a" * 64,
    " ",
]


@pytest.mark.parametrize("name", FILTERS)
def test_no_expression_is_slow_on_hostile_text(
    name: str, walks_taken: Callable[[regex.Pattern[str], str], float]
) -> None:
    reading = load_filter(name, ROOT)
    assert reading.definition is not None
    prefix = compile_expression(reading.definition.prefix.text)  # type: ignore[union-attr]
    rules = [
        (rule.name, compile_expression(rule.expression.text)) for rule in reading.definition.rules
    ]
    begins = [
        "",
        " vm kamailio[1]: NOTICE: <script>: ",
        " vm kamailio[1]: NOTICE: {1 1 INVITE ",
        f' vm kamailio[1]: {JSON}"logprefix": "',
        f' vm kamailio[1]: {JSON}"logprefix": "", "message": "',
    ]
    taken = []
    for begin in begins:
        for piece in HOSTILE:
            text = (begin + piece + "x" + piece * (HOSTILE_SIZE // len(piece) + 1))[:HOSTILE_SIZE]
            taken.append((walks_taken(prefix, text), "prefregex", begin, piece))
            if "{ " in begin:
                continue
            content = text[begin.find("{") :] if "{" in begin else text
            taken += [
                (walks_taken(pattern, content), rule, begin, piece) for rule, pattern in rules
            ]
    assert [each for each in taken if each[0] > ALLOWED_WALKS] == []
