# SPDX-License-Identifier: MIT
"""No expression of a shipped filter can be made slow by 64 KiB of hostile text."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from logban.matching.compiler import compile_expression

from .conftest import ALLOWED_WALKS, HOSTILE_SIZE

STARTS = [
    "", "chan_sip.c: Registration from '", "chan_sip.c: Call from '' (1.2.3.4:5) to extension '",
    "chan_sip.c: Invalid to address: '", "chan_sip.c: Domain '",
    "res_pjsip/pjsip_distributor.c: Request 'X' from '", "res_pjsip_registrar.c: AOR '",
    "res_pjsip/pjsip_distributor.c: Request 'X' from '\"",
    "res_pjsip/pjsip_distributor.c: Request 'X' from '<sip:x@h>' failed for '1.2.3.4:5' (callid: ",
    "chan_iax2.c: No registration for peer '",
    "chan_iax2.c: Host 1.2.3.4 failed to authenticate as ",
    "Ext. ", "manager.c: 1.2.3.4 failed to authenticate as '", "pjproject: SSL ",
    ('res_security_log.c: SecurityEvent="InvalidPassword",EventTV="x",Severity="Error",'
    'Service="SIP",EventVersion="1",AccountID="'),
    ('res_security_log.c: SecurityEvent="ChallengeResponseFailed",EventTV="x",Severity="Error",'
    'Service="PJSIP",EventVersion="1",AccountID="x",SessionID="y",LocalAddress="z",'
    'RemoteAddress="IPV4/UDP/1.2.3.4/5",Challenge="'),
    "<script>: ", "<script>: auth failed ", "{1 1 INVITE ", "<core> [core/receive.c:1]: ",
    "[x] NOTICE[1] chan_sip.c: ", " host kamailio[1]: NOTICE: {1 1 INVITE ",
]  # fmt: skip
FILLINGS = [
    "a", " ", "'", '"', "\\", '\\"', "<sip:x@", "' failed for '", "' failed for '1.2.3.4:5",
    "' failed for '1.2.3.4:5' (callid: ", ',RemoteAddress="IPV4/UDP/1.2.3.4/5"', '",x="', ',x="y"',
    "1.2.3.4", "::", "1:", "f" * 4, " from 1.2.3.4", "' (from 1.2.3.4)", "src ip: ", "(IP:1::2:3)",
    "{1 ", "} ", "[", "\x1b[0m", "]", ") - ", "sip:", "@", ": ", '": "', "#012",
]  # fmt: skip


def hostile_texts() -> Iterator[str]:
    for start in STARTS:
        for filling in FILLINGS:
            yield (start + filling * (HOSTILE_SIZE // len(filling) + 1))[:HOSTILE_SIZE]


@pytest.mark.parametrize("name", ["asterisk", "kamailio", "kamailio-logban"])
def test_no_expression_is_slow(definition_of, walks_taken, capsys, name) -> None:
    definition = definition_of(name)
    expressions = [(rule.name, rule.expression.text) for rule in definition.rules]
    if definition.prefix is not None:
        expressions.append(("prefregex", definition.prefix.text))
    for quote in definition.quotes:
        expressions.append((f"{quote.name} begins", quote.begin.text))
        if quote.end is not None:
            expressions.append((f"{quote.name} ends", quote.end.text))
    texts = list(hostile_texts())
    table = []
    for rule, expression in expressions:
        pattern = compile_expression(expression)
        table += [(walks_taken(pattern, text), rule, text) for text in texts]
    table.sort(reverse=True)
    with capsys.disabled():
        sys.stdout.write(f"\n{name}: {len(texts)} texts of 64 KiB, by walks over one\n")
        for walks, rule, worst in table[:5]:
            sys.stdout.write(f"  {walks:6.2f}  {rule}: {worst[:60]!r}\n")
    assert [(walks, rule) for walks, rule, _ in table if walks > ALLOWED_WALKS] == []
