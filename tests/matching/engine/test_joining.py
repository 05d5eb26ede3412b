# SPDX-License-Identifier: MIT
"""Where something is held back every line matters, also those that no rule asks for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

import pytest

from logban.config import load_filter
from logban.matching.engine.joining import Engine
from logban.matching.engine.ladder import Rung
from logban.matching.matcher import Matcher
from logban.model import Block

from .conftest import ROOT

MakeBlock = Callable[..., Block]
NOW = 1795180000.0

NOISE = "[2026-11-20 10:12:00] VERBOSE[1] pbx.c: Executing [s@macro-dial-one:20] Playback\n"
KNOWN = (
    "[2026-11-20 10:12:01] NOTICE[19794] chan_sip.c: Registration from '<sip:1@192.0.2.1>' failed "
    "for '198.51.100.21:39099' - Wrong password\n"
)
EVENT = (
    '[2026-11-20 10:12:14] SECURITY[{}] res_security_log.c: SecurityEvent="{}",'
    'EventTV="2026-11-20T10:12:14.617+0000",Severity="{}",Service="{}",EventVersion="2",'
    'AccountID="2001",SessionID="0x7f8d",LocalAddress="IPV4/UDP/192.0.2.1/5060",'
    'RemoteAddress="IPV4/UDP/198.51.100.33/15723",Challenge="1"{}\n'
)
RECEIVED = ',ReceivedChallenge="1",ReceivedHash="121b"'
HELD = EVENT.format(17400, "InvalidPassword", "Error", "SIP", RECEIVED)
END = EVENT.format(14839, "ChallengeSent", "Informational", "PJSIP", "")


@pytest.mark.parametrize("rung", [Rung.PCRE2, Rung.FULL])
@pytest.mark.parametrize("behind", ["", KNOWN])
def test_the_end_of_a_message_is_seen_in_a_line_that_nobody_asks_for(
    rung: Rung, behind: str, make_block: MakeBlock
) -> None:
    definition = load_filter("asterisk", ROOT).definition
    assert definition is not None
    # So many that none is asked for which only have this in common with an attack.
    text = END * 300 + KNOWN + NOISE * 300 + HELD + END + NOISE * 300 + behind
    reference, matching, counting = (
        Matcher(definition, zone=UTC, rung=each) for each in (Rung.REFERENCE, rung, rung)
    )
    assert isinstance(matching.engine, Engine)
    assert isinstance(counting.engine, Engine)
    expected = reference.match(make_block(text), NOW) + reference.flush()
    assert [each.address for each in expected] == ["198.51.100.21"] * (2 if behind else 1)
    assert reference.counters.doubtful == 1
    assert matching.match(make_block(text), NOW) + matching.flush() == expected
    counting.count(make_block(text), NOW)
    assert not counting.flush()
    for matcher in (matching, counting):
        assert matcher.counters.failures == len(expected)
        assert matcher.counters.doubtful == 1
