# SPDX-License-Identifier: MIT
"""logban-client why."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from logban.control import payloads
from logban.model import Evidence, Subject, SubjectKind

NOW = 1_795_168_800.0
SCANNER = Subject(SubjectKind.IP, "198.51.100.7")
HOSTILE = "NOTICE '\x1b]0;owned\x07\u202e\r' failed for '198.51.100.7'"
EVIDENCE = Evidence(NOW - 13, "wrong-password", HOSTILE, "/var/log/asterisk/messages")
BAN = payloads.BanView(
    "asterisk",
    SCANNER,
    NOW - 12,
    NOW + 11520,
    11520.0,
    5,
    "wrong-password",
    in_force=True,
    actions=("nftables", "kamailio-htable"),
)

BANNED = r"""198.51.100.7 is banned in jail asterisk until 2026-11-20 13:12:00 (in 3h 12m)
  why       wrong-password
  since     2026-11-20 09:59:48 (12s ago)
  failures  5
  in force  nftables, kamailio-htable
  2026-11-20 09:59:47  wrong-password  /var/log/asterisk/messages
    NOTICE '\x1b]0;owned\x07\u202e\r' failed for '198.51.100.7'

to lift it:   logban-client unban 198.51.100.7
to exempt it: logban-client allow add 198.51.100.7
"""

NOT_BANNED = r"""198.51.100.7 is not banned

it was lifted 15 minutes ago

exempt: 198.51.100.0/24 (jails.d/asterisk.conf:7); it can't be banned

jail kamailio counts 1 of 10 failures within 10m:
  2026-11-20 09:59:47  wrong-password  /var/log/asterisk/messages
    NOTICE '\x1b]0;owned\x07\u202e\r' failed for '198.51.100.7'

log lines before 2026-11-20 09:45:00 don't count any more (lifted by hand)

banned before, 1 time:
  JAIL      FROM                 TO                   ENDED BY  FAILURES  WHY
  asterisk  2026-11-20 09:43:20  2026-11-20 09:45:00  hand      5         wrong-password
"""


def past(number):
    time = NOW - 1000 * number
    return payloads.PastBan(
        "asterisk", SCANNER, time, time + 600, time + 100, 5, "wrong-password", ended_by="hand"
    )


def test_a_banned_address_is_explained(run, daemon):
    daemon.known = payloads.Why(NOW, SCANNER, (payloads.ExplainedBan(BAN, (EVIDENCE,)),))
    result = run("why", "198.51.100.7")
    assert (result.exit_code, result.stdout) == (0, BANNED)
    assert daemon.asked == [("why", SCANNER)]


def test_what_the_failures_weigh_is_told_where_it_is_another_number(run, daemon):
    evidence = (replace(EVIDENCE, weight=1.25), replace(EVIDENCE, weight=3.0))
    explained = payloads.ExplainedBan(replace(BAN, failures=2), evidence)
    daemon.known = payloads.Why(NOW, SCANNER, (explained,))
    assert "  failures  2, which weigh 4.25 together\n" in run("why", "198.51.100.7").stdout
    some = payloads.ExplainedBan(BAN, evidence)  # of five failures the first are not known
    daemon.known = payloads.Why(NOW, SCANNER, (some,))
    assert "  failures  5\n" in run("why", "198.51.100.7").stdout


def test_of_many_lines_the_last_ones_are_shown(run, daemon):
    evidence = tuple(replace(EVIDENCE, line=f"line {number}") for number in range(50))
    explained = payloads.ExplainedBan(replace(BAN, failures=199), evidence)
    counting = payloads.Counting("kamailio", 100, 600.0, evidence[:11])
    daemon.known = payloads.Why(NOW, SCANNER, (explained,), (counting,))
    shown = run("why", "198.51.100.7").stdout
    assert "  40 earlier lines, which --json gives, and the last ones:\n" in shown
    assert "  1 earlier line, which --json gives, and the last ones:\n" in shown
    lines = [line.strip() for line in shown.splitlines() if line.startswith("    line ")]
    assert lines == [f"line {number}" for number in (*range(40, 50), *range(1, 11))]


def test_why_a_ban_lasts_so_long_is_told(run, daemon):
    explained = payloads.ExplainedBan(replace(BAN, offence=3), (), "4h: 3rd ban, 1h x 4")
    daemon.known = payloads.Why(NOW, SCANNER, (explained,))
    lines = run("why", "198.51.100.7").stdout.splitlines()
    assert lines[1] == "  why       wrong-password, 3rd ban"
    assert lines[3] == "  how long  4h: 3rd ban, 1h x 4"


def test_an_address_that_is_not_banned_is_explained(run, daemon):
    daemon.known = payloads.Why(
        NOW,
        SCANNER,
        failures=(payloads.Counting("kamailio", 10, 600.0, (EVIDENCE,)),),
        exempt=payloads.Exemption("198.51.100.0/24", "jails.d/asterisk.conf:7"),
        history=(past(1),),
        floor=NOW - 900,
        explanation=("it was lifted 15 minutes ago",),
    )
    result = run("why", "198.51.100.7")
    assert (result.exit_code, result.stdout) == (1, NOT_BANNED)


def test_an_address_nobody_knows_is_told(run):
    result = run("why", "203.0.113.1")
    assert (result.exit_code, result.stdout) == (1, "203.0.113.1 is not banned\n")


def test_all_is_given_in_json(run, daemon):
    daemon.known = payloads.Why(NOW, SCANNER, (payloads.ExplainedBan(BAN, (EVIDENCE,)),))
    result = run("why", "198.51.100.7", "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 0
    assert answer["subject"] == {"kind": "ip", "ip": "198.51.100.7"}
    assert answer["banned"][0]["ban"]["rule"] == "wrong-password"
    assert answer["banned"][0]["evidence"][0]["line"] == HOSTILE
    assert answer["exempt"] is None
    assert run("why", "203.0.113.1", "--json").exit_code == 0


def test_the_newest_of_a_long_history_is_shown(run, daemon):
    history = (*map(past, range(1, 13)), replace(past(13), ended=None))
    daemon.known = payloads.Why(NOW, SCANNER, history=history)
    lines = run("why", "198.51.100.7").stdout.splitlines()
    assert lines[2] == "banned before, 13 times:"
    assert lines[4].startswith("  asterisk  2026-11-20 09:43:20")
    assert lines[-1] == "  and 3 more; --json gives them all"
    daemon.known = payloads.Why(NOW, SCANNER, history=history[-1:])
    assert run("why", "198.51.100.7").stdout.splitlines()[3:] == [
        "  JAIL      FROM                 ENDED BY  FAILURES  WHY",
        "  asterisk  2026-11-20 06:23:20  hand      5         wrong-password",
    ]


@pytest.mark.parametrize(
    ("subject", "word"),
    [
        (Subject(SubjectKind.USER, user="$(reboot)"), "'user:$(reboot)'"),
        (Subject(SubjectKind.USER_IP, "203.0.113.9", "a;\x1b[2J b"), r"'a;\x1b[2J b@203.0.113.9'"),
    ],
)
def test_a_hostile_name_means_nothing_to_the_shell_it_is_pasted_into(run, daemon, subject, word):
    forever = replace(BAN, subject=subject, until=None, remaining=None, in_force=None, actions=())
    daemon.known = payloads.Why(
        NOW, subject, (payloads.ExplainedBan(forever), payloads.ExplainedBan(BAN))
    )
    shown = run("why", "user:x").stdout
    assert "is banned in jail asterisk for ever\n" in shown
    assert shown.endswith(
        f"\nto lift it:   logban-client unban {word}\n"
        "to lift it:   logban-client unban 198.51.100.7\n"
    )


SOURCES = """\
exemptions, in the order in which they are asked:
  SOURCE          JAIL      ANSWER
  allow           every     no
  ignoreip        asterisk  yes: 198.51.100.0/24 (jails.d/asterisk.conf:7)
  redis           every     yes: 198.51.100.7 (a key), until 2026-11-20 10:01:00
  reverse, asked  every     no answer: no answer within 1 s
"""


def test_what_each_source_of_exemptions_says(run, daemon):
    office = payloads.Exemption("198.51.100.0/24", "jails.d/asterisk.conf:7")
    daemon.known = payloads.Why(
        NOW,
        SCANNER,
        consulted=(
            payloads.Consulted("allow"),
            payloads.Consulted("ignoreip", "asterisk", office),
            payloads.Consulted("redis", "", payloads.Exemption(str(SCANNER), "a key"), NOW + 60),
            payloads.Consulted("reverse, asked", "", error="no answer within 1 s"),
        ),
    )
    assert SOURCES in run("why", "198.51.100.7").stdout
    answer = json.loads(run("why", "198.51.100.7", "--json").stdout)
    assert answer["consulted"][1]["exempt"]["entry"] == "198.51.100.0/24"
