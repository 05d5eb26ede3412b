# SPDX-License-Identifier: MIT
"""logban-client status."""

from __future__ import annotations

import json
from dataclasses import replace

from logban.control import payloads
from logban.model import Subject, SubjectKind

NOW = 1_795_168_800.0
EVIL_USER = Subject(SubjectKind.USER_IP, "203.0.113.9", "207")

ALL = """\
Status
|- Number of jail:\t2
`- Jail list:\tasterisk, kamailio

logban 0.1.0, process 812, running since 2026-11-20 09:00:00 (1h ago)
2 bans in force, 340 in the history of /var/lib/logban/logban.sqlite3 (changes wait to go to disk)

JAIL      STATE    BANNED  COUNTING  FAILURES  LINES  ACTIONS
asterisk  running  1       3         42        1200   email retrying
kamailio  waiting  0       0         0         0
sshd      failed   0       0         0         0
  asterisk: its log is 1 h ahead: write logtimezone = Europe/Berlin
  asterisk: action email is retrying: connection refused by mail.example.net:25
  kamailio: /var/log/kamailio.log does not exist yet
  kamailio: the times in its log are 2h behind this host's
  sshd: /etc/logban/jails.d/sshd.conf:12: there is no filter 'sssd'

SOURCE                      STATE             LINES  BEHIND     ROTATIONS  WATCHED BY
/var/log/asterisk/messages  catching up, 42%  1200   580 bytes  1          inotify
/var/log/kamailio.log       no such file      0

warning: tracker of jail asterisk is full
"""

ASTERISK = """\
Status for the jail: asterisk
|- Filter
|  |- Currently failed:\t2
|  |- Total failed:\t42
|  `- File list:\t/var/log/asterisk/messages
`- Actions
   |- Currently banned:\t1
   |- Total banned:\t7
   `- Banned IP list:\t198.51.100.7

jail asterisk is running
  its log is 1 h ahead: write logtimezone = Europe/Berlin
  action email is retrying: connection refused by mail.example.net:25

  filter      asterisk
  files       /var/log/asterisk/messages
  bans        after 5 failures within 10m, for 1h
  lines read  1200
  failures    42 since the start, 3 count now
  tracked     2 subjects
  banned      1 now, 7 since the start
  exempted    4
  timeouts    1
  unparsed    2

  ACTION    KIND      STATE     SINCE                IN FORCE  PENDING  RETRIES
  nftables  enforcer  ok        2026-11-20 09:59:00  1
  email     notifier  retrying  2026-11-20 09:59:30            2        3

  SUBJECT       JAIL      SINCE                UNTIL                            FAILURES  WHY\
             IN FORCE
  198.51.100.7  asterisk  2026-11-20 09:59:48  2026-11-20 13:12:00 (in 3h 12m)  5        \
 wrong-password  nftables

  1 ban
"""


def test_what_is_in_the_way_of_a_log_is_told(run, daemon):
    denied = payloads.SourceStatus("/log", "waiting", "it cannot be read: Permission denied")
    daemon.status_now = replace(daemon.status_now, sources=(denied,))
    lines = run("status").stdout.splitlines()
    assert lines[lines.index("SOURCE  STATE    LINES") + 1 :][:2] == [
        "/log    waiting  0",
        "  /log: it cannot be read: Permission denied",
    ]


def test_everything_is_shown(run):
    result = run("status")
    assert (result.exit_code, result.stdout) == (0, ALL)


def test_everything_is_given_in_json(run):
    result = run("status", "--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["schema"]) == (0, "logban/1")
    assert [jail["state"] for jail in answer["jails"]] == ["running", "waiting", "failed"]
    assert answer["jails"][0]["actions"][1]["state"] == "retrying"
    assert answer["jails"][2]["settings"] is None
    assert answer["sources"][0]["progress"] == 0.42
    assert answer["ledger"]["dirty"] is True


def test_a_daemon_with_nothing_to_do_says_where_jails_are_written(run, daemon):
    status = daemon.status_now
    daemon.status_now = replace(
        status, jails=(), sources=(), warnings=(), ledger=replace(status.ledger, dirty=False)
    )
    lines = run("status").stdout.splitlines()[4:]
    assert lines[1] == "2 bans in force, 340 in the history of /var/lib/logban/logban.sqlite3"
    assert lines[3].startswith("no jail is enabled; jails.d")
    assert len(lines) == 4


def test_actions_that_work_are_named(run, daemon):
    jail = daemon.status_now.jails[0]
    daemon.status_now = replace(daemon.status_now, jails=(replace(jail, actions=jail.actions[:1]),))
    assert (
        "asterisk  running  1       3         42        1200   nftables\n" in run("status").stdout
    )


def test_a_brake_that_holds_is_told(run, daemon):
    jail = replace(daemon.status_now.jails[0], held=12, brake="max_bans_per_minute is 2, and ...")
    daemon.status_now = replace(daemon.status_now, jails=(jail,))
    shown = run("status").stdout
    assert "asterisk: a brake holds 12 bans back: max_bans_per_minute is 2, and ..." in shown


def test_a_log_that_is_ahead_without_a_hint_is_told(run, daemon):
    jail = daemon.status_now.jails[0]
    daemon.status_now = replace(
        daemon.status_now, jails=(replace(jail, clock=replace(jail.clock, hint="")),)
    )
    assert "  asterisk: the times in its log are 1h ahead of this host's\n" in run("status").stdout


def test_one_jail_is_shown_with_whom_it_has_banned(run):
    result = run("status", "asterisk")
    assert (result.exit_code, result.stdout) == (0, ASTERISK)


def test_a_jail_that_has_failed_is_shown(run):
    lines = run("status", "sshd").stdout.splitlines()[10:]
    assert lines[0] == "jail sshd has failed"
    assert lines[1] == "  /etc/logban/jails.d/sshd.conf:12: there is no filter 'sssd'"
    assert lines[-1] == "  nobody is banned in this jail"
    assert not any(line.startswith("  bans ") for line in lines)


def test_a_jail_that_bans_for_ever_says_so(run):
    assert "bans        after 1 failure within 1m, for ever\n" in run("status", "kamailio").stdout


def test_one_jail_is_given_in_json(run):
    answer = json.loads(run("--json", "status", "kamailio").stdout)
    assert answer["jail"]["name"] == "kamailio"
    assert answer["bans"][0]["subject"] == {"kind": "net", "net": "2001:db8:66::/64"}
    assert answer["bans"][0]["until"] is None


def test_customers_and_notices_are_told(run, daemon):
    jail = replace(daemon.status_now.jails[0], protected=2, capped=3, extensions=214)
    phones = tuple(
        payloads.StalePhone(f"2{number}\x1b[2J", "203.0.113.50", number, NOW, NOW - 60)
        for number in range(12)
    )
    daemon.status_now = replace(
        daemon.status_now,
        jails=(jail,),
        customers=payloads.Customers(40, 1, 30, (replace(phones[0], last=None), *phones[1:])),
        notices=tuple(
            payloads.NoticeView("asterisk", EVIL_USER, NOW - number, f"told {number} \x1b[2J")
            for number in range(12)
        ),
    )
    shown = run("status").stdout
    assert "1 place trusted, 2 accounts protected, 30 telephones with a wrong password:\n" in shown
    assert "  extension 20\\x1b[2J at 203.0.113.50: got in last: never; 0 failures since\n" in shown
    assert "  extension 21\\x1b[2J at 203.0.113.50: got in last: 2026-11-20 09:59:00; 1 f" in shown
    assert "extension 29" in shown
    assert "extension 210" not in shown
    assert "  and 20 more; --json gives more of them\n" in shown
    assert "told of lately:\n  2026-11-20 10:00:00  [asterisk] told 0 \\x1b[2J\n" in shown
    assert "told 9" in shown
    assert "told 10" not in shown
    assert "  and 2 more; --json gives them\n" in shown
    assert "asterisk: 3 bans of networks, or of users at strange places, were one too many" in shown
    answer = json.loads(run("status", "--json").stdout)
    assert answer["jails"][0]["extensions"] == 214
    assert len(answer["customers"]["stale"]) == len(answer["notices"]) == 12


def test_what_a_jail_knows_of_customers_is_told(run, daemon):
    jail = replace(daemon.status_now.jails[0], protected=2, extensions=214)
    daemon.status_now = replace(daemon.status_now, jails=(jail,))
    shown = run("status", "asterisk").stdout
    assert "  protected   2 accounts\n  extensions  214 of Asterisk's\n" in shown
