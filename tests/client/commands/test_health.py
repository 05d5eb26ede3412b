# SPDX-License-Identifier: MIT
"""logban-client health: for people, for scripts, for Nagios."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from logban.control.payloads import AlarmSeverity, AlarmView

NOW = 1_795_168_800.0  # 2026-11-20 10:00:00 UTC
GONE = AlarmView(
    "source-gone",
    "/log",
    AlarmSeverity.CRITICAL,
    "/log\x1b[2J: there is no such file | x=1",
    NOW - 60,
    "is it running?",
)
SILENT = AlarmView("source-silent", "/log", AlarmSeverity.WARNING, "/log is silent", NOW - 3600)


def test_all_is_well(run) -> None:
    result = run("health")
    assert result.exit_code == 0
    assert result.stdout == "all is well: 3 jails at work, 2 bans in force\n"


def test_a_jail_without_a_log_is_not_at_work(run, daemon) -> None:
    daemon.health_now = replace(daemon.health_now, waiting=("asterisk", "kamailio"))
    assert run("health").stdout == (
        "all is well: 1 jail at work, 2 bans in force\n"
        "without a log file yet: asterisk, kamailio; see logban-client status\n"
    )
    assert run("health", "--nagios").stdout == (
        "LOGBAN OK: 3 jails, without a log file yet: asterisk, kamailio | bans=2 jails=3 alarms=0\n"
    )


def test_what_is_wrong_and_what_to_do(run, daemon) -> None:
    daemon.health_now = replace(daemon.health_now, alarms=(GONE, SILENT), more=3)
    result = run("health")
    assert result.exit_code == 6
    assert result.stdout.splitlines() == [
        "critical source-gone: /log\\x1b[2J: there is no such file | x=1",
        "  since 2026-11-20 09:59:00 (1m ago)",
        "  what to do: is it running?",
        "warning source-silent: /log is silent",
        "  since 2026-11-20 09:00:00 (1h ago)",
        "and 3 more",
    ]


def test_in_json(run, daemon) -> None:
    daemon.health_now = replace(daemon.health_now, alarms=(SILENT,))
    result = run("health", "--json")
    assert result.exit_code == 6
    answer = json.loads(result.stdout)
    assert answer["schema"] == "logban/1"
    assert answer["alarms"][0]["kind"] == "source-silent"


@pytest.mark.parametrize(
    ("alarms", "code", "line"),
    [
        ((), 0, "LOGBAN OK: 3 jails | bans=2 jails=3 alarms=0"),
        ((SILENT,), 1, "LOGBAN WARNING: /log is silent | bans=2 jails=3 alarms=1"),
        (
            (GONE, SILENT),
            2,
            (
                "LOGBAN CRITICAL: /log\\x1b[2J: there is no such file / x=1 and 1 more "
                "| bans=2 jails=3 alarms=2"
            ),
        ),
    ],
)
def test_for_nagios(run, daemon, alarms, code: int, line: str) -> None:
    daemon.health_now = replace(daemon.health_now, alarms=alarms)
    result = run("health", "--nagios")
    assert (result.exit_code, result.stdout) == (code, line + "\n")


def test_a_daemon_that_does_not_run(run, folder) -> None:
    result = run("health", "--socket", str(folder / "none"))
    assert result.exit_code == 3
    result = run("health", "--nagios", "--socket", str(folder / "none"))
    assert result.exit_code == 2
    assert result.stdout.startswith("LOGBAN CRITICAL: logban is not running")


def test_status_names_the_alarms(run, daemon) -> None:
    daemon.status_now = replace(daemon.status_now, alarms=(GONE,))
    lines = run("status").stdout.splitlines()
    assert "alarm source-gone: /log\\x1b[2J: there is no such file | x=1" in lines
    assert "what to do: logban-client health" in lines
