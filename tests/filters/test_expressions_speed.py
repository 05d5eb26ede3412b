# SPDX-License-Identifier: MIT
"""No expression of a shipped filter can be made slow by 64 KiB of hostile text."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from logban.matching.compiler import compile_expression

SIZE = 64 * 1024
ALLOWED_MS = 10.0
# The time of one search, against that of a plain walk over the same text: a slow machine, or one
# that is busy with something else, is slow with both.
ALLOWED_WALKS = 40.0

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
            yield (start + filling * (SIZE // len(filling) + 1))[:SIZE]


@pytest.fixture(scope="module")
def user_ms() -> Callable[[Callable[[], object]], float]:
    """Measure the processor time of something, the median of three."""

    def measure(work: Callable[[], object]) -> float:
        times = []
        for _ in range(3):
            started = time.process_time()
            work()
            times.append(time.process_time() - started)
        return statistics.median(times) * 1000

    return measure


@pytest.mark.parametrize("name", ["asterisk", "kamailio", "kamailio-logban"])
def test_no_expression_is_slow(definition_of, user_ms, capsys, name) -> None:
    definition = definition_of(name)
    walk = compile_expression("^.*zzzz$")
    expressions = [(rule.name, rule.expression.text) for rule in definition.rules]
    if definition.prefix is not None:
        expressions.append(("prefregex", definition.prefix.text))
    for quote in definition.quotes:
        expressions.append((f"{quote.name} begins", quote.begin.text))
        if quote.end is not None:
            expressions.append((f"{quote.name} ends", quote.end.text))
    texts = list(hostile_texts())
    plain = user_ms(lambda: walk.search(texts[0]))
    table = []
    for rule, text in expressions:
        pattern = compile_expression(text)

        def quick(content: str, pattern: object = pattern) -> float:
            started = time.process_time()
            pattern.search(content, timeout=20.0)  # type: ignore[attr-defined]  # a pattern
            return time.process_time() - started

        worst = max(texts, key=quick)
        table.append((user_ms(lambda p=pattern, t=worst: p.search(t, timeout=20.0)), rule, worst))
    table.sort(reverse=True)
    with capsys.disabled():
        sys.stdout.write(f"\n{name}: {len(texts)} texts of 64 KiB, a walk takes {plain:.2f} ms\n")
        for took, rule, worst in table[:5]:
            sys.stdout.write(f"  {took:6.2f} ms  {rule}: {worst[:60]!r}\n")
    slow = [
        (took, rule) for took, rule, _ in table if took > max(ALLOWED_MS, ALLOWED_WALKS * plain)
    ]
    assert slow == []
