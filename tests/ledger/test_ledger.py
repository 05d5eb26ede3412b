# SPDX-License-Identifier: MIT
"""Who is banned, until when, and what is told of it."""

from __future__ import annotations

import time

import pytest

from logban.errors import UsageError
from logban.judging.exemptions.exemption import Exemption
from logban.ledger.ledger import _SPARE_ENDS, Ledger
from logban.ledger.records import MAX_EVIDENCE, Allowed, Stored
from logban.model import (
    Ban,
    BanOrigin,
    Change,
    ChangeKind,
    Evidence,
    Subject,
    SubjectKind,
    Verdict,
)

NOW = 1_795_168_800.0
SOMEBODY = Subject.parse("198.51.100.7")
ANOTHER = Subject.parse("198.51.100.8")
EXEMPT = Subject.parse("203.0.113.7")


@pytest.fixture
def ledger() -> Ledger:
    def exempt(jail: str, subject: Subject) -> Exemption | None:
        return Exemption("203.0.113.7", f"ignoreip of [{jail}]") if subject == EXEMPT else None

    return Ledger(exempt)


def verdict(
    subject: Subject = SOMEBODY,
    time: float = NOW,
    seconds: float | None = 600.0,
    jail: str = "jail",
    lines: int = 1,
) -> Verdict:
    until = None if seconds is None else time + seconds
    evidence = tuple(Evidence(time, "rule", f"line {time + n}", "log") for n in range(lines))
    return Verdict(jail, subject, time, until, 5, "rule", evidence)


def decided(ledger: Ledger, what: Verdict, now: float = NOW) -> Change:
    change = ledger.decide(what, now)
    assert change is not None
    return change


def test_a_verdict_becomes_a_ban(ledger: Ledger) -> None:
    what = verdict(time=NOW - 5)
    change = decided(ledger, what)
    assert change == Change(
        ChangeKind.BAN,
        Ban("jail", SOMEBODY, NOW - 5, NOW + 595, 5, "rule", what.evidence, offence=1),
        NOW,
    )
    assert list(ledger.active()) == [change.ban]
    assert ledger.get("jail", SOMEBODY) == change.ban
    assert (len(ledger), ledger.next_end()) == (1, NOW + 595)


def test_nothing_comes_of_a_ban_that_would_be_over_or_of_one_on_the_exempt(ledger: Ledger) -> None:
    assert ledger.decide(verdict(time=NOW - 600), NOW) is None
    assert ledger.decide(verdict(EXEMPT), NOW) is None
    assert len(ledger) == 0
    assert not ledger.is_dirty


def test_a_second_verdict_extends(ledger: Ledger) -> None:
    decided(ledger, verdict())
    change = decided(ledger, verdict(time=NOW + 60), NOW + 60)
    assert change.kind is ChangeKind.EXTEND
    assert (change.ban.time, change.ban.until, change.ban.failures) == (NOW, NOW + 660, 10)
    assert len(change.ban.evidence) == 2
    # A later verdict with an earlier end takes nothing away.
    assert decided(ledger, verdict(time=NOW + 61, seconds=5)).ban.until == NOW + 660
    assert decided(ledger, verdict(time=NOW + 62, seconds=None)).ban.until is None
    assert decided(ledger, verdict(time=NOW + 63)).ban.until is None
    assert ledger.expire(NOW + 1e9) == []


def test_jails_ban_for_themselves(ledger: Ledger) -> None:
    decided(ledger, verdict(jail="a"))
    assert decided(ledger, verdict(jail="b")).kind is ChangeKind.BAN
    assert [ban.jail for ban in ledger.active()] == ["a", "b"]
    assert [ban.jail for ban in ledger.active("b")] == ["b"]


def test_bans_end_in_time(ledger: Ledger) -> None:
    decided(ledger, verdict())
    decided(ledger, verdict(ANOTHER, seconds=300))
    assert ledger.expire(NOW + 299.9) == []
    (change,) = ledger.expire(NOW + 300)
    assert (change.kind, change.ban.subject, change.time) == (
        ChangeKind.EXPIRE,
        ANOTHER,
        NOW + 300,
    )
    decided(ledger, verdict(time=NOW + 100))
    assert ledger.expire(NOW + 699) == []
    assert len(ledger.expire(NOW + 700)) == 1
    assert ledger.next_end() is None


def test_a_ban_by_hand(ledger: Ledger) -> None:
    change = ledger.ban("jail", SOMEBODY, seconds=60, reason="because", now=NOW)
    ban = change.ban
    assert (change.kind, ban.until, ban.origin) == (ChangeKind.BAN, NOW + 60, BanOrigin.HAND)
    assert ban.reason == "because"
    longer = ledger.ban("jail", SOMEBODY, seconds=None, reason="still", now=NOW + 1)
    assert (longer.kind, longer.ban.until, longer.ban.time) == (ChangeKind.EXTEND, None, NOW)
    shorter = ledger.ban("jail", SOMEBODY, seconds=10, reason="", now=NOW + 2)
    assert (shorter.ban.until, shorter.ban.reason) == (NOW + 12, "still")
    assert len(ledger.expire(NOW + 12)) == 1


def test_a_ban_by_hand_on_the_exempt_says_who_exempts(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match=r"203\.0\.113\.7 is exempt by .* \(ignoreip of \[jail\]"):
        ledger.ban("jail", EXEMPT, seconds=60, reason="", now=NOW)


def test_a_jails_ban_taken_over_by_hand_keeps_its_evidence(ledger: Ledger) -> None:
    decided(ledger, verdict(lines=3))
    change = ledger.ban("jail", SOMEBODY, seconds=None, reason="", now=NOW)
    assert len(change.ban.evidence) == 3
    (row,) = ledger.checkpoint().bans
    assert len(row.ban.evidence) == 3


def test_lifting_sets_a_floor(ledger: Ledger) -> None:
    decided(ledger, verdict(jail="a"))
    decided(ledger, verdict(jail="b"))
    (change,) = ledger.lift(SOMEBODY, NOW + 1, jail="a", by="hand")
    assert (change.kind, change.ban.jail) == (ChangeKind.LIFT, "a")
    assert ledger.floors == {SOMEBODY: NOW + 1}
    assert [change.ban.jail for change in ledger.lift(SOMEBODY, NOW + 2, jail=None, by="x")] == [
        "b"
    ]
    assert ledger.lift(ANOTHER, NOW + 3, jail=None, by="hand") == []
    assert ledger.floors == {SOMEBODY: NOW + 2, ANOTHER: NOW + 3}
    ledger.forget_floors(NOW + 2)
    assert ledger.floors == {ANOTHER: NOW + 3}
    assert ledger.checkpoint().floors == {SOMEBODY: None, ANOTHER: NOW + 3}


def test_ending_sets_no_floor(ledger: Ledger) -> None:
    decided(ledger, verdict())
    decided(ledger, verdict(ANOTHER))
    (change,) = ledger.end("jail", ANOTHER, NOW, "exempt")
    assert (change.kind, change.ban.subject) == (ChangeKind.LIFT, ANOTHER)
    assert ledger.floors == {}
    rows = {row.ban.subject: row for row in ledger.checkpoint().bans}
    assert (rows[ANOTHER].ended, rows[ANOTHER].ended_by) == (NOW, "exempt")
    assert rows[SOMEBODY].ended is None


def test_exemptions_by_hand(ledger: Ledger) -> None:
    allowed = Allowed("198.51.100.0/24", NOW, NOW + 60, "a note")
    ledger.allow(allowed)
    assert ledger.allowed == {"198.51.100.0/24": allowed}
    assert ledger.checkpoint().allowed == {"198.51.100.0/24": allowed}
    assert ledger.disallow("198.51.100.0/24")
    assert not ledger.disallow("198.51.100.0/24")
    assert ledger.checkpoint().allowed == {"198.51.100.0/24": None}
    assert not ledger.is_dirty


def test_a_checkpoint_tells_everything_once_and_evidence_leaves_the_memory(ledger: Ledger) -> None:
    decided(ledger, verdict(lines=3))
    assert ledger.is_dirty
    (row,) = ledger.checkpoint().bans
    assert len(row.ban.evidence) == 3
    assert not ledger.is_dirty
    assert ledger.checkpoint().is_empty()
    (ban,) = ledger.active()
    assert ban.evidence == ()
    decided(ledger, verdict(time=NOW + 1))
    (row,) = ledger.checkpoint().bans
    assert [item.line for item in row.ban.evidence] == [f"line {NOW + 1}"]


def test_evidence_of_a_ban_that_ends_before_it_is_stored_is_not_lost(ledger: Ledger) -> None:
    decided(ledger, verdict(lines=2))
    ledger.lift(SOMEBODY, NOW, jail=None, by="hand")
    decided(ledger, verdict(time=NOW + 1, lines=3))
    assert [len(row.ban.evidence) for row in ledger.checkpoint().bans] == [2, 3]


def test_evidence_is_capped_however_often_a_ban_is_extended(ledger: Ledger) -> None:
    for number in range(30):
        decided(ledger, verdict(time=NOW + number, lines=10))
    (row,) = ledger.checkpoint().bans
    assert len(row.ban.evidence) == MAX_EVIDENCE
    assert row.ban.evidence[-1].line == f"line {NOW + 29 + 9}"


def test_restoring_takes_up_everything_and_ends_what_ended(ledger: Ledger) -> None:
    ended = Ban("jail", SOMEBODY, NOW - 700, NOW - 100)
    going_on = Ban("jail", ANOTHER, NOW - 700, NOW + 100)
    stored = Stored(
        active=(ended, going_on),
        floors={SOMEBODY: NOW - 50},
        allowed=(Allowed("203.0.113.7", NOW),),
    )
    assert ledger.restore(stored, NOW) == [Change(ChangeKind.EXPIRE, ended, NOW)]
    assert list(ledger.active()) == [going_on]
    assert ledger.floors == {SOMEBODY: NOW - 50}
    assert list(ledger.allowed) == ["203.0.113.7"]
    (row,) = ledger.checkpoint().bans
    assert (row.ban, row.ended, row.ended_by) == (ended, NOW, "time")


def test_the_ends_of_a_ban_that_is_extended_for_ever_do_not_fill_the_memory(
    ledger: Ledger,
) -> None:
    decided(ledger, verdict(ANOTHER, seconds=None))
    for number in range(10 * _SPARE_ENDS):
        decided(ledger, verdict(time=NOW + number / 100, seconds=1e6))
    assert len(ledger._ends) <= _SPARE_ENDS + 4
    assert ledger.expire(NOW + 1e6) == []
    assert len(ledger.expire(NOW + 1e6 + 100)) == 1


def test_lifting_many_takes_no_longer_each_than_lifting_a_few() -> None:
    def seconds(number: int) -> float:
        ledger = Ledger(lambda _jail, _subject: None)
        subjects = [Subject(SubjectKind.IP, f"10.0.{n >> 8}.{n & 255}") for n in range(number)]
        for subject in subjects:
            ledger.ban("jail", subject, seconds=None, reason="", now=NOW)
        begun = time.process_time()
        assert sum(len(ledger.lift(each, NOW, jail=None, by="hand")) for each in subjects) == number
        return time.process_time() - begun

    assert seconds(10_000) < 40 * seconds(1000)
