# SPDX-License-Identifier: MIT
"""What is found to be wrong, and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from logban.health.examining import Examiner, Recent
from logban.health.kinds import DRIFT_WINDOW, HANGS_AFTER, UNMATCHED_MANY, WINDOW
from logban.sources.report import NO_INOTIFY, SourceState

from .conftest import JAIL, LOG, SOURCE, figures

GONE = {"state": SourceState.WAITING, "reason": "there is no such file"}


def kinds(examiner: Examiner, now: float = 1000.0, **changes: object) -> list[str]:
    return [finding.kind.name for finding in examiner.look(figures(now, **changes))]


def test_nothing_is_wrong() -> None:
    examiner = Examiner()
    for now in range(1000, 1100, 5):
        assert kinds(examiner, now) == []


def test_what_is_wrong_with_the_configuration_and_the_database() -> None:
    findings = Examiner().look(
        figures(
            failed={"pbx": "jails.d/pbx.conf:3: \x1b[2J"},
            mistakes=("logban.conf:1: unknown section",),
            database="the disk is full",
            lost="the ledger was damaged",
        )
    )
    assert [(each.kind.name, each.message) for each in findings] == [
        ("jail-failed", "jail pbx: jails.d/pbx.conf:3: \\x1b[2J"),
        ("configuration", "logban.conf:1: unknown section"),
        ("database", "the disk is full"),
        ("ledger-lost", "the ledger was damaged"),
    ]


@pytest.mark.parametrize("state", ["retrying", "starting"])
def test_an_action_that_does_not_work(state: str) -> None:
    (finding,) = Examiner().look(figures(state=state, error="no such table"))
    assert finding.kind.name == "action-fails"
    assert finding.about == "asterisk nftables"
    assert finding.message == "action nftables of asterisk: no such table"


def test_an_action_that_neither_fails_nor_gets_on() -> None:
    examiner = Examiner()
    assert kinds(examiner, busy=HANGS_AFTER) == []
    (finding,) = examiner.look(figures(busy=HANGS_AFTER + 65, pending=7))
    assert finding.kind.name == "action-hangs"
    assert finding.message == (
        "action nftables of asterisk has been at one job for 3m 5s; 7 changes wait"
    )
    assert kinds(examiner) == []


def test_a_log_that_the_kernel_does_not_tell_of() -> None:
    refused = f"{NO_INOTIFY}: inotify watch limit reached"
    (finding,) = Examiner().look(figures(watching="polling", watching_reason=refused))
    assert finding.kind.name == "source-polled"
    assert finding.message == f"{LOG}: {refused}"
    shared = "others may write to a file system of type nfs unnoticed"
    assert kinds(Examiner(), watching="polling", watching_reason=shared) == []


def test_drift_that_returns() -> None:
    examiner = Examiner()
    assert kinds(examiner, 1000, drift=7) == []
    assert kinds(examiner, 1005, drift=8) == []
    assert kinds(examiner, 1010, drift=8) == []
    assert kinds(examiner, 1015, drift=12) == ["drift-returns"]
    for now in range(1015, int(1005 + DRIFT_WINDOW), 50):
        assert kinds(examiner, now, drift=12) == ["drift-returns"]
    assert kinds(examiner, 1005 + DRIFT_WINDOW, drift=12) == []


@pytest.mark.parametrize(
    ("name", "enough", "kind"),
    [
        ("dropped", 1, "drops"),
        ("forgotten", 1, "drops"),
        ("timeouts", 1, "rule-slow"),
        ("unmatched", UNMATCHED_MANY, "unmatched-attacks"),
    ],
)
def test_what_happens_too_often_for_a_while(name: str, enough: int, kind: str) -> None:
    examiner = Examiner()
    assert kinds(examiner, 1000, **{name: 1000}) == []
    assert kinds(examiner, 1005, **{name: 999 + enough}) == []
    assert kinds(examiner, 1010, **{name: 1000 + enough}) == [kind]
    for now in range(1010, int(1010 + WINDOW), 50):
        assert kinds(examiner, now, **{name: 1000 + enough}) == [kind]
    assert kinds(examiner, 1010 + WINDOW, **{name: 1000 + enough}) == []


def test_a_count_that_begins_anew_has_not_grown_by_less_than_nothing() -> None:
    recent = Recent(600.0, 50)
    recent.note(10.0, 3)
    recent.note(20.0, 5)
    assert (recent.amount, recent.times) == (5, 2)


def test_a_brake_that_holds_and_lists_that_cannot_be_had() -> None:
    examiner = Examiner()
    jail = replace(JAIL, held=7, brake="max_bans")
    look = replace(figures(), jails=(jail,), problems=("exemptions: redis: refused\x1b[2J",))
    assert [(each.kind.name, each.message) for each in examiner.look(look)] == [
        ("out-of-reach", "exemptions: redis: refused\\x1b[2J"),
        ("brake-holds", "jail asterisk: the brake max_bans holds 7 bans back"),
    ]


def test_counts_of_what_is_gone_are_forgotten() -> None:
    examiner = Examiner()
    kinds(examiner)
    examiner.look(replace(figures(), jails=()))
    assert examiner._counts == {}


def test_a_log_that_is_gone() -> None:
    examiner = Examiner()
    assert kinds(examiner) == []
    (finding,) = examiner.look(figures(**GONE))
    assert finding.message == f"{LOG}: there is no such file"
    assert kinds(examiner, state=SourceState.DRAINING, reason="there is no such file") == [
        "source-gone"
    ]
    assert kinds(examiner) == []


def test_a_log_that_never_was_is_waited_for() -> None:
    assert kinds(Examiner(), **GONE) == []


def test_a_log_that_was_read_before_the_start_and_is_gone() -> None:
    assert kinds(Examiner(), **GONE, was_read=True) == ["source-gone"]
    alias = "it is being read as /var/log/full"
    assert kinds(Examiner(), state=SourceState.WAITING, reason=alias, was_read=True) == []


@pytest.mark.parametrize(
    "reason", ["it cannot be opened: Permission denied", "it is a directory, not a file"]
)
def test_a_log_that_is_there_and_cannot_be_read(reason: str) -> None:
    assert kinds(Examiner(), state=SourceState.WAITING, reason=reason) == ["source-gone"]


def test_a_log_that_nobody_asks_for_any_more() -> None:
    examiner = Examiner()
    kinds(examiner)
    other = replace(JAIL, patterns=("/other",))
    assert examiner.look(replace(figures(), jails=(other,), sources=())) == []
    assert examiner.look(replace(figures(**GONE), jails=(JAIL,))) == []


def test_of_a_pattern_one_file_may_go_but_not_all() -> None:
    examiner = Examiner()
    jail = replace(JAIL, patterns=("/log/*",))
    files = [
        replace(SOURCE, path=path, patterns=("/log/*",)) for path in ("/log/monday", "/log/tuesday")
    ]
    assert examiner.look(replace(figures(), jails=(jail,), sources=tuple(files))) == []
    assert examiner.look(replace(figures(), jails=(jail,), sources=tuple(files[1:]))) == []
    (finding,) = examiner.look(replace(figures(), jails=(jail,), sources=()))
    assert finding.message == "/log/tuesday: there is no such file"


def test_a_log_that_falls_silent() -> None:
    examiner = Examiner()
    for number in range(400):
        assert kinds(examiner, 1000 + 5 * number, lines=number) == []
    last = 1000 + 5 * 399
    for now in range(last, last + 1801, 5):
        assert kinds(examiner, now, lines=399) == []
    (finding,) = examiner.look(figures(last + 1805, lines=399))
    assert finding.kind.name == "source-silent"
    assert finding.message == (
        f"{LOG}: nothing was written for 30m 5s; usually it is quiet for 5s at the most"
    )
    assert kinds(examiner, last + 1810, lines=400) == []


def test_a_clock_that_leaps_makes_no_silence() -> None:
    examiner = Examiner()
    for number in range(400):
        kinds(examiner, 1000 + 5 * number, lines=number)
    assert kinds(examiner, 100_000, lines=399) == []
    assert kinds(examiner, 50, lines=399) == []
    assert kinds(examiner, 55, lines=400) == []
