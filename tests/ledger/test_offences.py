# SPDX-License-Identifier: MIT
"""How often somebody was banned before, and what comes of it: over restarts, and to the bound."""

from __future__ import annotations

import sqlite3
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logban.judging.exemptions.exemption import Exemption
from logban.ledger.escalation import Recidive
from logban.ledger.ledger import EXEMPT, SUCCESS, Ledger
from logban.ledger.offences import Offence, Offences
from logban.ledger.store import SCHEMA_VERSION, Store
from logban.model import RECIDIVE, Change, ChangeKind, Subject, SubjectKind, Verdict
from logban.policy.bantime import DAY, Growth

NOW = 1_795_168_800.0
SUBJECTS = tuple(Subject.parse(f"198.51.100.{n}") for n in range(3))
SOMEBODY, ANOTHER = SUBJECTS[:2]
GROWTH = Growth(memory=DAY)


def ledger_of(**jails: Growth | None) -> Ledger:
    ledger = Ledger(lambda _jail, _subject: None)
    for jail, growth in jails.items():
        ledger.escalation.set_jail(jail, growth)
    return ledger


def verdict(time: float, jail: str = "a", subject: Subject = SOMEBODY) -> Verdict:
    return Verdict(jail, subject, time, time + 600, 5, "rule")


def ban(ledger: Ledger, time: float, jail: str = "a", subject: Subject = SOMEBODY) -> Change:
    """Let a subject be banned at a time; what ended before it has ended."""
    ledger.expire(time)
    change = ledger.decide(verdict(time, jail, subject), time)
    assert change is not None
    return change


def length(change: Change) -> float:
    assert change.ban.until is not None
    return change.ban.until - change.ban.time


def test_bans_grow_and_are_forgotten() -> None:
    ledger = ledger_of(a=GROWTH)
    changes = [ban(ledger, NOW + n * 10_000) for n in range(4)]
    assert [length(each) for each in changes] == [600, 1200, 2400, 4800]
    assert [each.ban.offence for each in changes] == [1, 2, 3, 4]
    end = changes[-1].ban.until
    assert end is not None
    assert ledger.escalation.earlier("a", SOMEBODY, end + DAY) == 1
    assert ledger.escalation.earlier("a", SOMEBODY, end + DAY + 1) == 0
    assert length(ban(ledger, end + DAY + 1)) == 600


def test_without_growth_bans_are_numbered_and_last_what_they_last() -> None:
    ledger = ledger_of(a=None)
    changes = [ban(ledger, NOW + n * 1000) for n in range(3)]
    assert [(length(each), each.ban.offence) for each in changes] == [(600, 1), (600, 2), (600, 3)]


def test_each_jail_counts_its_own_unless_it_counts_all() -> None:
    ledger = ledger_of(a=GROWTH, b=GROWTH, c=replace(GROWTH, all_jails=True))
    found = [length(ban(ledger, NOW + n, jail)) for n, jail in enumerate("abc")]
    assert found == [600, 600, 2400]


def test_an_extension_is_no_offence_and_as_long_as_what_it_extends() -> None:
    ledger = ledger_of(a=GROWTH)
    ban(ledger, NOW)
    assert ban(ledger, NOW + 1000).ban.offence == 2
    extended = ban(ledger, NOW + 1100)
    assert extended.kind is ChangeKind.EXTEND
    assert (extended.ban.offence, extended.ban.until) == (2, NOW + 1100 + 1200)
    assert ledger.escalation.earlier("a", SOMEBODY, NOW + 1101) == 2
    # It counts for as long after the new end.
    assert ledger.escalation.earlier("a", SOMEBODY, NOW + 1100 + 1200 + DAY) == 1


def test_a_permanent_ban_stays_one() -> None:
    ledger = ledger_of(a=GROWTH)
    ban(ledger, NOW)
    ledger.expire(NOW + 1000)
    change = ledger.decide(replace(verdict(NOW + 1000), until=None), NOW + 1000)
    assert change is not None
    assert (change.ban.until, change.ban.offence) == (None, 2)


def test_a_ban_that_growth_keeps_from_being_over_is_laid() -> None:
    ledger = ledger_of(a=GROWTH)
    assert ledger.decide(verdict(NOW), NOW + 600) is None
    assert ledger.escalation.earlier("a", SOMEBODY, NOW) == 0
    ban(ledger, NOW)
    ledger.expire(NOW + 5000)
    late = ledger.decide(verdict(NOW + 4000), NOW + 4900)
    assert late is not None
    assert late.ban.until == NOW + 5200


def test_who_is_lifted_by_hand_starts_anew() -> None:
    ledger = ledger_of(a=GROWTH, b=GROWTH)
    for time in (NOW, NOW + 1000):
        ban(ledger, time)
        ban(ledger, time, "b", ANOTHER)
    (lifted,) = ledger.lift(SOMEBODY, NOW + 1001, jail="a", by="hand")
    assert lifted.ban.offence == 0
    assert length(ban(ledger, NOW + 1002)) == 600
    assert ledger.escalation.earlier("b", ANOTHER, NOW + 1002) == 2


def test_a_verdict_that_was_on_its_way_while_somebody_was_lifted_comes_to_nothing() -> None:
    ledger = ledger_of(a=GROWTH)
    ledger.lift(SOMEBODY, NOW + 1, jail=None, by="hand")
    assert ledger.decide(verdict(NOW), NOW + 2) is None
    assert ledger.decide(verdict(NOW + 1.5), NOW + 2) is not None


def test_a_ban_that_another_jail_keeps_counts_no_more_either(store: Store) -> None:
    ledger = ledger_of(a=GROWTH, b=GROWTH)
    ban(ledger, NOW)
    ban(ledger, NOW, "b")
    ledger.lift(SOMEBODY, NOW + 1, jail="a", by="hand")
    store.commit(ledger.checkpoint())
    assert [change.ban.jail for change in ledger.expire(NOW + 1000)] == ["b"]
    store.commit(ledger.checkpoint())
    assert store.load().offences == ()
    assert ledger.escalation.earlier("b", SOMEBODY, NOW + 1000) == 0


def test_a_ban_that_an_exemption_ends_does_not_count_and_earlier_ones_do() -> None:
    ledger = ledger_of(a=GROWTH)
    ban(ledger, NOW)
    ban(ledger, NOW + 1000)
    ledger.end("a", SOMEBODY, NOW + 1001, EXEMPT)
    assert ledger.escalation.earlier("a", SOMEBODY, NOW + 1002) == 1
    ban(ledger, NOW + 2000)
    ledger.lift_jail("a", NOW + 2001, "reload")
    assert ledger.escalation.earlier("a", SOMEBODY, NOW + 2002) == 2


def test_a_ban_that_a_success_ends_does_not_count() -> None:
    ledger = ledger_of(a=GROWTH)
    ban(ledger, NOW)
    ledger.end("a", SOMEBODY, NOW + 1, SUCCESS)
    assert length(ban(ledger, NOW + 2)) == 600
    ledger.end("a", SOMEBODY, NOW + 3, "something else")
    assert length(ban(ledger, NOW + 4)) == 1200


@pytest.mark.parametrize(
    "subject",
    [
        Subject(SubjectKind.USER, user="2001"),
        Subject(SubjectKind.USER_IP, "198.51.100.7", "2001"),
    ],
)
def test_an_account_and_a_customers_phone_do_not_offend(subject: Subject) -> None:
    ledger = ledger_of(a=GROWTH)
    ledger.escalation.set_jail("r", None, Recidive(maxretry=1, findtime=DAY, bantime=DAY))
    for n in range(3):
        ledger.expire(NOW + n * 1000)
        (change,) = ledger.decide_all([verdict(NOW + n * 1000, subject=subject)], NOW + n * 1000)
        assert (length(change), change.ban.offence) == (600, 0)


def test_a_ban_by_hand_is_no_offence() -> None:
    ledger = ledger_of(a=GROWTH)
    change = ledger.ban("a", SOMEBODY, seconds=60, reason="", now=NOW)
    assert change.ban.offence == 0
    assert length(ban(ledger, NOW + 100)) == 600
    taken_over = ledger.ban("a", SOMEBODY, seconds=DAY, reason="", now=NOW + 200)
    assert taken_over.ban.offence == 1
    assert ledger.escalation.earlier("a", SOMEBODY, NOW + 200 + 2 * DAY) == 1


def recidive(ledger: Ledger, jail: str = "r", seconds: float | None = 7 * DAY) -> None:
    ledger.escalation.set_jail(jail, None, Recidive(maxretry=3, findtime=DAY, bantime=seconds))


def decided(ledger: Ledger, time: float, jail: str = "a") -> list[Change]:
    ledger.expire(time)
    return list(ledger.decide_all([verdict(time, jail)], time))


def test_banned_too_often_by_whichever_jails() -> None:
    ledger = ledger_of(a=None, b=None)
    recidive(ledger)
    assert len(decided(ledger, NOW)) == 1
    assert len(decided(ledger, NOW + 1000, "b")) == 1
    first, second = decided(ledger, NOW + 2000)
    assert first.ban.jail == "a"
    assert second.kind is ChangeKind.BAN
    found = second.ban
    assert (found.jail, found.rule, found.failures) == ("r", RECIDIVE, 3)
    assert (found.time, found.until) == (NOW + 2000, NOW + 2000 + 7 * DAY)
    assert [(each.time, each.line) for each in found.evidence] == [
        (NOW, "banned in jail a"),
        (NOW + 1000, "banned in jail b"),
        (NOW + 2000, "banned in jail a"),
    ]
    # The count starts again, and its own ban is none of those that it counts.
    assert len(decided(ledger, NOW + 3000)) == 1
    assert len(decided(ledger, NOW + 4000)) == 1
    assert [each.kind for each in decided(ledger, NOW + 5000)] == [
        ChangeKind.BAN,
        ChangeKind.EXTEND,
    ]


def test_an_extension_does_not_count_and_what_is_older_than_findtime_neither() -> None:
    ledger = ledger_of(a=None)
    recidive(ledger, seconds=None)
    decided(ledger, NOW)
    for n in range(5):
        assert [each.kind for each in decided(ledger, NOW + n + 1)] == [ChangeKind.EXTEND]
    decided(ledger, NOW + 1000)
    assert len(decided(ledger, NOW + DAY)) == 1
    assert decided(ledger, NOW + DAY + 700)[1].ban.until is None


def test_the_exempt_are_not_banned_there_either() -> None:
    exemption = Exemption("198.51.100.0/24", "ignoreip of [r]")
    ledger = Ledger(lambda jail, _: None if jail == "a" else exemption)
    recidive(ledger)
    for n in range(5):
        assert len(decided(ledger, NOW + n * 1000)) == 1


def test_a_jail_that_is_gone_judges_no_more() -> None:
    ledger = ledger_of(a=None)
    recidive(ledger)
    ledger.escalation.forget_jail("r")
    for n in range(5):
        assert len(decided(ledger, NOW + n * 1000)) == 1


# Bounds

numbers = st.integers(0, 2)


@given(st.lists(st.tuples(st.booleans(), numbers), max_size=60))
def test_of_too_many_the_oldest_are_forgotten(steps: list[tuple[bool, int]]) -> None:
    offences, model = Offences(limit=7), list[tuple[int, Subject]]()
    for n, (forgive, number) in enumerate(steps):
        subject = SUBJECTS[number]
        if forgive:
            offences.forgive_all(subject)
            model = [each for each in model if each[1] != subject]
        else:
            offences.add(Offence("a", subject, float(n), None))
            model = [*model, (n, subject)][-7:]
    assert len(offences) == len(model)
    for subject in SUBJECTS:
        kept = [time for time, whose in model if whose == subject]
        assert [each.time for each in offences.of(subject)] == kept


# Restarts

steps = st.one_of(
    st.tuples(st.just("ban"), st.sampled_from("ab"), numbers),
    st.tuples(st.just("hand"), st.sampled_from("ab"), numbers),
    st.tuples(st.just("lift"), st.sampled_from("ab"), numbers),
    st.tuples(st.just("exempt"), st.sampled_from("ab"), numbers),
    st.tuples(st.just("reload"), st.sampled_from("ab"), numbers),
    st.tuples(st.just("restart"), st.just(""), numbers),
    st.tuples(st.just("commit"), st.just(""), numbers),
)
spans = st.sampled_from([0.0, 1.0, 500.0, 700.0, 3000.0])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(spans, steps), max_size=25))
def test_restarts_change_nothing(history: list[tuple[float, tuple[str, str, int]]]) -> None:
    """A ledger that is killed and restored again and again decides as one that goes on."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "ledger"
        store = Store(path)
        going_on, restarted = made(), made()
        now = NOW
        for span, (what, jail, number) in history:
            now += span
            if what in ("restart", "commit"):
                store.commit(restarted.checkpoint())
            if what == "restart":
                store.close()
                store = Store(path)
                restarted = made()
                restarted.restore(store.load(), now)
                going_on.expire(now)
            else:
                one, other = (
                    act(ledger, what, jail, SUBJECTS[number], now)
                    for ledger in (going_on, restarted)
                )
                assert one == other
            for each in SUBJECTS:
                for where in "ab":
                    counts = [x.escalation.earlier(where, each, now) for x in (going_on, restarted)]
                    assert counts[0] == counts[1]
        store.close()


def made() -> Ledger:
    ledger = ledger_of(a=Growth(memory=5000), b=Growth(all_jails=True, memory=2000, spread=100))
    recidive(ledger)
    return ledger


def act(ledger: Ledger, what: str, jail: str, subject: Subject, now: float) -> list[object]:
    """Do something to a ledger; give what came of it, without the evidence."""
    changes: list[Change] = ledger.expire(now)
    match what:
        case "ban":
            changes += ledger.decide_all([verdict(now, jail, subject)], now)
        case "hand":
            changes.append(ledger.ban(jail, subject, seconds=300, reason="", now=now))
        case "lift":
            changes += ledger.lift(subject, now, jail=jail, by="hand")
        case "exempt" | "reload":
            changes += ledger.end(jail, subject, now, what)
    bans = [replace(change.ban, evidence=()) for change in changes]
    return [*((change.kind, change.time) for change in changes), *bans]


def test_the_ledger_of_an_earlier_version_is_taken_over(path: Path) -> None:
    ledger = ledger_of(a=None)
    ban(ledger, NOW)
    ban(ledger, NOW, subject=ANOTHER)
    ledger.end("a", ANOTHER, NOW + 1, "hand")
    ledger.ban("a", SUBJECTS[2], seconds=60, reason="", now=NOW)
    store = Store(path)
    store.commit(ledger.checkpoint())
    store.close()
    with sqlite3.connect(path) as database:
        database.execute("ALTER TABLE bans DROP COLUMN offence")
        database.execute("ALTER TABLE evidence DROP COLUMN weight")
        database.execute("PRAGMA user_version = 1")
    database.close()
    again = Store(path)
    try:
        assert [each.subject for each in again.load().offences] == [SOMEBODY]
        assert {each.subject for each in again.load().active} == {SOMEBODY, SUBJECTS[2]}
    finally:
        again.close()
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    database.close()


@pytest.mark.parametrize("ended", [None, NOW + 5.0])
def test_a_crash_between_two_checkpoints_loses_bans_and_counts_together(
    path: Path, ended: float | None
) -> None:
    ledger, store = ledger_of(a=GROWTH), Store(path)
    ban(ledger, NOW)
    if ended is not None:
        ledger.lift_jail("a", ended, "reload")
    store.commit(ledger.checkpoint())
    ban(ledger, NOW + 1000)  # never stored
    store.close()
    store = Store(path)
    again = ledger_of(a=GROWTH)
    again.restore(store.load(), NOW + 1000)
    assert again.escalation.earlier("a", SOMEBODY, NOW + 1000) == 1
    assert ban(again, NOW + 1000).ban.offence == 2
    store.close()


gaps = st.floats(1, 2 * DAY)


@given(st.lists(gaps, max_size=20), st.floats(600, 1e6), st.sampled_from([0.0, 100.0]))
def test_bans_grow_within_their_bounds(gaps: list[float], most: float, spread: float) -> None:
    ledger = ledger_of(a=Growth(max_time=most, memory=1e12, spread=spread))
    now, before = NOW, 0.0
    for number, gap in enumerate(gaps):
        change = ban(ledger, now)
        assert change.kind is ChangeKind.BAN
        assert change.ban.offence == number + 1
        assert 600 - 1e-5 <= length(change) <= most + 1e-5
        assert length(change) >= before - spread - 1e-5
        before = length(change)
        assert change.ban.until is not None
        now = change.ban.until + gap
