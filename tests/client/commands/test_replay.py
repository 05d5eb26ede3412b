# SPDX-License-Identifier: MIT
"""logban-client replay, as a person reads it; what it judges is held by tests/offline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from logban.client.main import cli

ROOT = Path(__file__).parent.parent.parent.parent
FAILED = (
    "[2026-11-20 10:00:{:02}] NOTICE[19377] chan_sip.c: Registration from '<sip:2001@192.0.2.1>'"
    " failed for '{}:5060' - Wrong password\n"
)
GOT_IN = (
    '[2026-11-20 10:00:00] SECURITY[18422] res_security_log.c: SecurityEvent="SuccessfulAuth",'
    'EventTV="2026-11-20T10:00:00.000+0000",Severity="Informational",Service="PJSIP",'
    'EventVersion="1",AccountID="6001",SessionID="a{0}",'
    'LocalAddress="IPV4/UDP/192.0.2.1/5060",RemoteAddress="IPV4/UDP/203.0.113.{0}/5060",'
    'UsingPassword="1"\n'
)


@pytest.fixture
def replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Give a way to have the shipped jail judge some lines."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def run(lines: str, *words: str) -> Result:
        log = tmp_path / "full"
        log.write_text(lines)
        command = ["replay", str(log), "--jail", "asterisk", "--config", str(ROOT), *words]
        return CliRunner().invoke(cli, command)

    return run


def attack(number: int, address: str = "198.51.100.7") -> str:
    return "".join(FAILED.format(second, address) for second in range(number))


def test_bans_are_told_with_their_rule_and_those_who_went_on_in_one_number(replay) -> None:
    result = replay(attack(15))
    assert result.exit_code == 0
    first, _, last = result.stdout.splitlines()
    assert first.endswith("5 failures, sip-register")
    assert last == (
        "1 ban; 2 extensions, as banned ones went on (in --json); 15 failures counted in 15 lines"
    )
    events = [
        json.loads(line)["event"] for line in replay(attack(15), "--json").stdout.splitlines()
    ]
    assert events == ["ban", "extend", "extend"]


def test_that_no_customer_is_hit_is_said_where_customers_are_known(replay) -> None:
    some = replay(GOT_IN.format(1) + attack(5))
    assert some.stdout.endswith("\nno ban would have hit anybody who got in as well\n")
    assert "no ban would" not in replay(attack(5)).stdout
    none = replay(GOT_IN.format(1))
    assert (none.exit_code, none.stdout) == (1, "0 bans; 0 failures counted in 1 line\n")
