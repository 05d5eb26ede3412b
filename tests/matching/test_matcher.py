# SPDX-License-Identifier: MIT
"""Which lines are failures, and whose: the reference, hostile lines, a naive second matcher."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from logban.addresses import canonical_address
from logban.matching.captures import encoded_groups, read_encoded
from logban.matching.compiler import ADDRESS_GROUPS, ExpressionError, compile_expression
from logban.matching.dates import date_reader
from logban.matching.definition import FilterDefinition, Proof
from logban.matching.matcher import Matcher
from logban.model import Block, Failure

NOW = datetime(2026, 11, 20, 10, 30, tzinfo=UTC).timestamp()
AT_TEN = datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp()

MakeMatcher = Callable[..., Matcher]
MakeBlock = Callable[..., Block]


def test_a_failure_and_all_that_is_known_of_it(
    make_matcher: MakeMatcher, make_block: MakeBlock
) -> None:
    matcher = make_matcher("login of <F-USER>\\S+</F-USER> from <HOST> failed")
    data = "nothing\n[Nov 20 10:00:00] login of bob from ::FFFF:198.51.100.7 failed\r\nnothing\n"
    assert matcher.match(make_block(data, offset=5000), NOW) == [
        Failure(
            canonical_address("198.51.100.7"),
            AT_TEN,
            "rule-0",
            {"user": "bob"},
            "[Nov 20 10:00:00] login of bob from ::FFFF:198.51.100.7 failed",
            "/var/log/test",
            5008,
        )
    ]
    assert (matcher.counters.lines, matcher.counters.failures) == (3, 1)


def test_the_first_rule_in_the_filters_order_wins(
    make_matcher: MakeMatcher, make_block: MakeBlock
) -> None:
    matcher = make_matcher("refused <HOST>", "from <HOST>", "refused .* <HOST>")
    lines = "refused 198.51.100.1 from 198.51.100.2\nrefused x from 198.51.100.3\n"
    failures = matcher.match(make_block(lines), NOW)
    assert [(f.rule, f.address) for f in failures] == [
        ("rule-0", "198.51.100.1"),
        ("rule-1", "198.51.100.3"),
    ]


def test_a_prefix_marks_what_the_rules_see(
    make_matcher: MakeMatcher, make_block: MakeBlock
) -> None:
    matcher = make_matcher(
        "^refused <HOST>$",
        prefix=r"^\[\] <F-LEVEL>\w+</F-LEVEL>: <F-CONTENT>.+</F-CONTENT>$",
        ignore=["LEVEL", "^refused 198.51.100.9$"],
    )
    lines = (
        "[Nov 20 10:00:00] NOTICE: refused 198.51.100.1\n"
        "refused 198.51.100.2\n"
        "[Nov 20 10:00:00] LEVEL: refused 198.51.100.3\n"
        "[Nov 20 10:00:00] NOTICE: refused 198.51.100.9\n"
    )
    failures = matcher.match(make_block(lines), NOW)
    assert [(f.address, f.fields) for f in failures] == [
        ("198.51.100.1", {"level": "NOTICE"}),
        ("198.51.100.3", {"level": "LEVEL"}),
    ]
    assert matcher.counters.ignored == 1


def test_a_prefix_may_name_the_address_and_be_all_that_is_asked_of_a_line(
    make_matcher: MakeMatcher, make_block: MakeBlock
) -> None:
    matcher = make_matcher("refused", prefix="^client <HOST>: <F-USER>.</F-USER>")
    (failure,) = matcher.match(make_block("client 198.51.100.7: b refused\n"), NOW)
    assert (failure.address, failure.fields) == ("198.51.100.7", {"user": "b"})
    both = make_matcher("refused <HOST> <F-USER>.</F-USER>", prefix="^<HOST> <F-USER>.</F-USER> ")
    (failure,) = both.match(make_block("198.51.100.7 a refused 198.51.100.8 b\n"), NOW)
    assert (failure.address, failure.fields) == ("198.51.100.8", {"user": "b"})


def test_a_prefix_without_content_and_one_whose_content_is_empty(
    make_matcher: MakeMatcher, make_block: MakeBlock
) -> None:
    block = make_block("x: refused 198.51.100.7\n")
    assert len(make_matcher("^x: refused <HOST>", prefix="^x:").match(block, NOW)) == 1
    optional = "^x: (?:<F-CONTENT>accepted</F-CONTENT>)?"
    # As in fail2ban, empty content is none.
    assert len(make_matcher("refused <HOST>", prefix=optional).match(block, NOW)) == 1


def test_lines_that_say_that_nobody_failed(
    make_matcher: MakeMatcher, make_block: MakeBlock
) -> None:
    matcher = make_matcher(
        "^<F-NOFAIL>connected</F-NOFAIL> from <HOST>",
        "^<F-MLFGAINED>accepted</F-MLFGAINED> from <HOST>",
        "^(?:<F-NOFAIL>closed</F-NOFAIL>|reset) by <HOST>",
    )
    lines = "".join(
        f"{word} 198.51.100.7\n"
        for word in ("connected from", "accepted from", "closed by", "reset by")
    )
    assert [f.line for f in matcher.match(make_block(lines), NOW)] == ["reset by 198.51.100.7"]


@pytest.mark.parametrize("address", ["999.51.100.7", "198.051.100.7", "1:2:3:4:5:6:7::8:9"])
def test_what_is_captured_and_is_no_address_is_counted(
    make_matcher: MakeMatcher, make_block: MakeBlock, address: str
) -> None:
    matcher = make_matcher("refused <HOST>", "refused (?P<host>\\S+)")
    assert matcher.match(make_block(f"refused {address}\n"), NOW) == []
    assert matcher.counters.unaddressed == 1


def test_an_optional_address_that_is_missing(
    make_matcher: MakeMatcher, make_block: MakeBlock
) -> None:
    matcher = make_matcher("refused(?: <HOST>)?")
    assert matcher.match(make_block("refused\n"), NOW) == []
    assert matcher.counters.unaddressed == 1


@pytest.mark.parametrize(
    "filter_parts",
    [
        {"rule": "^(?:a|b|ab)*[0-9]x! <HOST>"},
        {"rule": "<HOST>", "prefix": "^(?:a|b|ab)*[0-9]x"},
        {"rule": "<HOST>", "ignore": ["^(?:a|b|ab)*[0-9]x!"]},
        {"rule": "<HOST>", "dates": ["(?:a|b|ab)*[0-9]x!%Y"]},
    ],
)
def test_a_catastrophic_expression_costs_its_line_and_no_other(
    make_matcher: MakeMatcher, make_block: MakeBlock, filter_parts: dict[str, str | list[str]]
) -> None:
    rule = str(filter_parts["rule"])
    others = {key: value for key, value in filter_parts.items() if key != "rule"}
    matcher = make_matcher(rule, "fine <HOST>", timeout=0.05, **others)
    lines = f"first\n{'ab' * 60} 1x! 198.51.100.1\n1x fine 198.51.100.2\n"
    failures = matcher.match(make_block(lines, offset=100), NOW)
    assert [failure.address for failure in failures] == ["198.51.100.2"]
    assert matcher.counters.timeouts == 1
    assert matcher.counters.last_timeout == "/var/log/test, byte 106"


def test_hostile_bytes(make_matcher: MakeMatcher, make_block: MakeBlock) -> None:
    """Nothing but LF ends a line; what can't be decoded or shown is a character like others."""
    matcher = make_matcher("^user '<F-USER>.*</F-USER>' from <HOST>$", dated=False)
    users = [b"\xff\xfe", b"a\0b", b"a\rb", "a\u2028b".encode(), "a\x85b".encode(), b"\x0b\x0c"]
    data = b"".join(b"user '" + user + b"' from 198.51.100.7\n" for user in users)
    failures = matcher.match(make_block(data), NOW)
    assert [failure.fields["user"] for failure in failures] == [
        "\ufffd\ufffd", "a\0b", "a\rb", "a\u2028b", "a\x85b", "\x0b\x0c",
    ]  # fmt: skip
    assert matcher.counters.lines == len(users)


def test_a_line_of_a_megabyte_and_the_one_behind_it(
    make_matcher: MakeMatcher, make_block: MakeBlock
) -> None:
    matcher = make_matcher("user '.*' from <HOST>$", timeout=5.0)
    long = f"[Nov 20 10:00:00] user '{'x' * 1_000_000}' from 198.51.100.1\n"
    failures = matcher.match(make_block(long + "user '' from 198.51.100.2\n"), NOW)
    assert [(f.address, f.offset) for f in failures] == [
        ("198.51.100.1", 0),
        ("198.51.100.2", len(long)),
    ]


def test_encodings(make_matcher: MakeMatcher, make_block: MakeBlock) -> None:
    line = "user 'Jürgen' from 198.51.100.7\n"
    rule = "user '<F-USER>J.rgen</F-USER>' from <HOST>"
    for encoding in ("utf-8", "latin-1", "cp1252"):
        matcher = make_matcher(rule, encoding=encoding)
        (failure,) = matcher.match(make_block(line.encode(encoding)), NOW)
        assert failure.fields["user"] == "Jürgen"


def test_a_rule_without_literals_is_tried_on_every_line(
    make_matcher: MakeMatcher, make_block: MakeBlock
) -> None:
    matcher = make_matcher("^<HOST>$", "failed: <HOST>", dated=False)
    assert matcher.ungated_rules == ["rule-0"]
    failures = matcher.match(make_block("\n198.51.100.7\nfailed: 198.51.100.8\n\n"), NOW)
    assert [(f.rule, f.offset) for f in failures] == [("rule-0", 1), ("rule-1", 14)]


def test_the_literals_of_the_prefix_stand_in_for_those_of_a_rule(
    make_matcher: MakeMatcher, make_block: MakeBlock
) -> None:
    matcher = make_matcher("^<HOST>$", prefix="^client: <F-CONTENT>.*</F-CONTENT>")
    assert matcher.ungated_rules == []
    assert len(matcher.match(make_block("198.51.100.7\nclient: 198.51.100.8\n"), NOW)) == 1


def test_an_empty_block(make_matcher: MakeMatcher, make_block: MakeBlock) -> None:
    assert make_matcher("failed <HOST>").match(make_block(b""), NOW) == []


def test_a_broken_filter_is_refused(make_filter: Callable[..., FilterDefinition]) -> None:
    with pytest.raises(ExpressionError):
        Matcher(make_filter("(<HOST>"))
    with pytest.raises(ExpressionError):
        Matcher(make_filter("<HOST>", dates=["%Q"]))


class NaiveMatcher:
    """The definition in the matcher's docstring, line by line and with nothing clever about it."""

    def __init__(self, definition: FilterDefinition) -> None:
        self.dates = date_reader([each.text for each in definition.date_patterns], UTC, 5.0)
        self.prefix = compile_expression(definition.prefix.text) if definition.prefix else None
        self.ignore = [compile_expression(each.text) for each in definition.ignore]
        self.rules = [(rule, compile_expression(rule.expression.text)) for rule in definition.rules]

    def match(self, log: bytes) -> list[Failure]:
        """Give all failures of a whole log."""
        failures = []
        offset = 0
        for raw in log.split(b"\n")[:-1]:
            failure = self.of_line(raw, offset)
            failures += [failure] if failure else []
            offset += len(raw) + 1
        return failures

    def of_line(self, raw: bytes, offset: int) -> Failure | None:
        line = raw.decode("utf-8", "replace")
        line = line.removesuffix("\r")
        dated = self.dates.read(line, NOW)
        text, fields = dated.text, {}
        if self.prefix:
            before = self.prefix.search(text)
            if before is None:
                return None
            fields = before.groupdict()
            text = fields.get("content", text)
        for rule, pattern in self.rules:
            found = pattern.search(text)
            if not found:
                continue
            if any(each.search(text) for each in self.ignore):
                return None
            if found.groupdict().get("ambiguous"):
                return None
            own = {key: value for key, value in found.groupdict().items() if value is not None}
            fields |= own
            captured = [found[group] for group in ADDRESS_GROUPS if group in pattern.groupindex]
            try:
                address = canonical_address(next(filter(None, captured)).strip("[]"))
            except ValueError:
                return None
            others = {*ADDRESS_GROUPS, "content", "thread", "ambiguous"}
            kept = {
                key: value
                for key, value in fields.items()
                if key not in others and value is not None
            }
            read_encoded(kept, encoded_groups(pattern.groupindex))
            proven = rule.proof in (Proof.RESPONSE, Proof.CONNECTION)
            if rule.proof is Proof.TRANSPORT:
                proven = kept.get("transport", "").lower() in {"tcp", "tls", "ws", "wss", "sctp"}
            return Failure(
                address, dated.time, rule.name, kept, line, "/var/log/test", offset, rule.kind,
                proven,
            )  # fmt: skip
        return None


SAMPLES = {
    "asterisk": """\
[2026-11-20 10:00:00] NOTICE[19675][C-0000000e] chan_sip.c: Registration from '"6003" <sip:6003@pbx>' failed for '198.51.100.7:5060' - Wrong password
[Nov 20 10:00:00] NOTICE[19675]: chan_sip.c:29062 in handle_request_register: Registration from 'x' failed for '[2001:db8::7]:5060' - No matching peer found
Nov 20 10:00:00 pbx asterisk[9]: NOTICE[1]: chan_sip.c:1 in f: Call from '' (198.51.100.8:5071) to extension '011' rejected because extension not found
[2026-11-20 10:00:00.250] NOTICE[7]: res_pjsip/pjsip_distributor.c:676 in log_failed_request: Request 'REGISTER' from '<sip:6@x>' failed for '198.51.100.9:5061' (callid: abc@x) - Failed to authenticate
[Nov 20 10:00:00] SECURITY[8]: res_security_log.c: SecurityEvent="InvalidPassword",EventTV="2026-11-20T10:00:00.000+0000",Severity="Error",Service="PJSIP",AccountID="6003",RemoteAddress="IPV4/UDP/198.51.100.10/5060",Challenge="x"
[Nov 20 10:00:00] NOTICE[9] manager.c: 198.51.100.11 failed to authenticate as 'admin'
[Nov 20 10:00:00] WARNING[9]: acl.c: SIP Peer ACL: Rejecting '198.51.100.12' due to a failure to pass ACL '(BASELINE)'
[Nov 20 10:00:00] VERBOSE[9] pbx.c: Executing [s@default:1] Answer("SIP/1", "") in new stack
""",  # noqa: E501  # real lines are long
    "kamailio": """\
Nov 20 10:00:00 sip /usr/sbin/kamailio[77]: ALERT: {1 1 INVITE abc@x} pike [pike_funcs.c:154]: pike_check_req(): PIKE - BLOCKing ip 198.51.100.7, node=0x7f
2026-11-20T10:00:00.123456+00:00 sip kamailio[77]: NOTICE: {1 1 REGISTER abc} <script>: auth failed for x - src ip: 2001:db8::7
Nov 20 10:00:00 sip kamailio[77]: ERROR: <core> [core/receive.c:228]: receive_msg(): core parsing of SIP message failed (198.51.100.8:5060/1)
Nov 20 10:00:00 sip kamailio[77]: ALERT: <script>: scanner detected: friendly - src ip: 198.51.100.9
Nov 20 10:00:00 sip kamailio[77]: INFO: <script>: all is well
""",  # noqa: E501
    "sshd": """\
Nov 20 10:00:00 pbx sshd[77]: Failed password for root from 198.51.100.7 port 41022 ssh2
2026-11-20T10:00:00.123456+00:00 pbx sshd[78]: Failed password for invalid user a b from 2001:db8::7 port 41023 ssh2
Nov 20 10:00:00 pbx sshd-session[79]: Invalid user x from 198.51.100.8 port 41024
Nov 20 10:00:00 pbx sshd[80]: Connection closed by authenticating user root 198.51.100.9 port 41025 [preauth]
Nov 20 10:00:00 pbx sshd[81]: Server listening on 0.0.0.0 port 22.
""",  # noqa: E501
    "kamailio-logban": """\
Nov 20 10:00:00 sip kamailio[7]: NOTICE: <script>: logban: [198.51.100.7] auth-fail rc=-2 user=616c ua= ci=3166 port=5060 proto=udp
Nov 20 10:00:00 sip kamailio[7]: NOTICE: <script>: logban: [2001:db8::7] scanner method=4f ua=66 port=5060 proto=tcp
2026-11-20T10:00:00.123456+00:00 sip kamailio[77]: NOTICE: <script>: logban: [198.51.100.9] malformed port=5060
Nov 20 10:00:00 sip kamailio[77]: INFO: <script>: all is well
""",  # noqa: E501
}


def mutated(line: bytes, rng: random.Random) -> bytes:
    """Give the line as a hostile peer, a broken disk or another release might have written it."""
    for _ in range(rng.choice((0, 0, 0, 1, 1, 3))):
        at = rng.randrange(len(line) + 1)
        pieces = (
            b"'", b'"', b"\0", b"\r", b"\xff", b" ", b"198.51.100.99", b"[2001:db8::99]", b"%s",
            b"' failed for '203.0.113.1:5060' - Wrong password", b"\xe2\x80\xa8", b"\xc2\x85",
            b"[2001-01-01 00:00:00] ", b'RemoteAddress="IPV4/UDP/203.0.113.1/1"', b"::", b".",
        )  # fmt: skip
        match rng.randrange(4):
            case 0:
                line = line[:at] + rng.choice(pieces) + line[at:]
            case 1:
                line = line[:at] + line[at + rng.randrange(1, 12) :]
            case 2:
                line = line[:at] + bytes([rng.randrange(11, 256)]) + line[at + 1 :]
            case _:
                line = line[:at] + line[rng.randrange(len(line) + 1) :]
    return line


def in_blocks(log: bytes, make_block: MakeBlock, rng: random.Random) -> list[Block]:
    """Cut a log at ends of lines, anywhere."""
    blocks = []
    start = 0
    while start < len(log):
        end = log.find(b"\n", min(len(log) - 1, start + rng.choice((0, 10, 1000, 50_000)))) + 1
        blocks.append(make_block(log[start:end], offset=start))
        start = end
    return blocks


def test_no_cut_and_no_mutation_tells_it_from_the_naive_matcher(
    shipped_filter: FilterDefinition, make_block: MakeBlock
) -> None:
    rng = random.Random(7)  # noqa: S311  # repeatable, and no secret
    # Messages of several lines and lines of JSON are other modules' business.
    definition = replace(shipped_filter, quotes=(), json=None)
    samples = SAMPLES[shipped_filter.name].encode().splitlines()
    log = b"".join(mutated(rng.choice(samples), rng) + b"\n" for _ in range(10_000))
    matcher = Matcher(definition, zone=UTC, timeout=5.0)
    found = []
    for block in in_blocks(log, make_block, rng):
        found += matcher.match(block, NOW)
    assert found == NaiveMatcher(definition).match(log)
    assert 1000 < len(found) < 10_000
    assert matcher.counters.lines == log.count(b"\n")
    assert matcher.counters.failures == len(found)
