# SPDX-License-Identifier: MIT
"""The ledger and its database against dictionaries: nothing is lost, nothing comes back."""

from __future__ import annotations

import copy
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from logban.judging.exemptions.exemption import Exemption
from logban.ledger.ledger import Ledger
from logban.ledger.records import MAX_EVIDENCE, Allowed, Checkpoint
from logban.ledger.store import Store
from logban.model import Change, ChangeKind, Evidence, Subject, Verdict

SUBJECTS = tuple(Subject.parse(f"198.51.100.{n}") for n in range(4))
EXEMPT = SUBJECTS[-1]

jails = st.sampled_from(["a", "b"])
subjects = st.sampled_from(SUBJECTS)
spans = st.sampled_from([5.0, 60.0, 600.0, None])
entries = st.sampled_from(["203.0.113.0/24", "office.example"])


@dataclass
class Entry:
    """A ban, past or present, as it should be."""

    until: float | None
    failures: int = 0
    lines: list[str] = field(default_factory=list)
    ended: float | None = None
    ended_by: str = ""


@dataclass
class World:
    """All that should be known: bans by jail, subject and time, floors, exemptions."""

    bans: dict[tuple[str, Subject, float], Entry] = field(default_factory=dict)
    floors: dict[Subject, float] = field(default_factory=dict)
    allowed: dict[str, float] = field(default_factory=dict)

    def active(self) -> dict[tuple[str, Subject], tuple[float, Entry]]:
        return {
            (jail, subject): (time, entry)
            for (jail, subject, time), entry in self.bans.items()
            if entry.ended is None
        }

    def end_those_whose_time_is_up(self, now: float) -> set[tuple[str, Subject]]:
        ended = set()
        for key, (_, entry) in self.active().items():
            if entry.until is not None and entry.until <= now:
                entry.ended, entry.ended_by = now, "time"
                ended.add(key)
        return ended


class LedgerMachine(RuleBasedStateMachine):
    """Does to the ledger what the daemon and its admin do, and crashes in between."""

    @initialize()
    def start(self) -> None:
        self.now = 1000.0
        self.lines = 0
        self.directory = Path(tempfile.mkdtemp(prefix="logban-ledger-"))
        self.world = World()
        self.committed = World()
        self.uncommitted = Checkpoint()
        self.open()

    def open(self) -> None:
        self.store = Store(self.directory / "x.sqlite3")
        self.store._database.execute("PRAGMA synchronous = OFF")
        self.ledger = Ledger(
            lambda _, subject: Exemption("x", "test") if subject == EXEMPT else None
        )
        changes = self.ledger.restore(self.store.load(), self.now)
        ended = self.world.end_those_whose_time_is_up(self.now)
        assert {(c.ban.jail, c.ban.subject) for c in changes} == ended
        assert all(change.kind is ChangeKind.EXPIRE for change in changes)

    def tick(self) -> None:
        self.now += 0.25

    @rule(jail=jails, subject=subjects, span=spans, age=st.sampled_from([0.0, 3.0, 30.0]))
    def decide(self, jail: str, subject: Subject, span: float | None, age: float) -> None:
        self.tick()
        time = self.now - age
        if (jail, subject, time) in self.world.bans:
            return  # a ban of that moment is over: a second one of the same can't be told from it
        evidence = []
        for _ in range(7):
            self.lines += 1
            evidence.append(Evidence(time, "rule", f"line {self.lines}", "log"))
        until = None if span is None else time + span
        verdict = Verdict(jail, subject, time, until, 7, "rule", tuple(evidence))
        change = self.ledger.decide(verdict, self.now)
        floored = time <= self.world.floors.get(subject, 0.0)
        if subject == EXEMPT or floored or (until is not None and until <= self.now):
            assert change is None
            return
        known = self.world.active().get((jail, subject))
        if known is None:
            kind, start, entry = ChangeKind.BAN, time, Entry(until)
            self.world.bans[jail, subject, time] = entry
        else:
            kind, (start, entry) = ChangeKind.EXTEND, known
            forever = until is None or entry.until is None
            entry.until = None if forever else max(entry.until or 0.0, until or 0.0)
        entry.failures += 7
        entry.lines += [item.line for item in evidence]
        assert change is not None
        ban = change.ban
        assert (change.kind, ban.time, ban.until) == (kind, start, entry.until)

    @rule(jail=jails, subject=st.sampled_from(SUBJECTS[:-1]), span=spans)
    def ban(self, jail: str, subject: Subject, span: float | None) -> None:
        self.tick()
        self.ledger.ban(jail, subject, seconds=span, reason="hand", now=self.now)
        until = None if span is None else self.now + span
        known = self.world.active().get((jail, subject))
        if known is None:
            self.world.bans[jail, subject, self.now] = Entry(until)
        else:
            known[1].until = until

    @rule(subject=subjects, jail=st.none() | jails)
    def lift(self, subject: Subject, jail: str | None) -> None:
        self.tick()
        changes = self.ledger.lift(subject, self.now, jail=jail, by="hand")
        self.lifted(changes, {(each, subject) for each in "ab" if jail in (None, each)}, "hand")
        self.world.floors[subject] = self.now

    @rule(jail=jails)
    def lift_a_jails(self, jail: str) -> None:
        self.tick()
        changes = self.ledger.lift_jail(jail, self.now, "reload")
        self.lifted(changes, {(jail, subject) for subject in SUBJECTS}, "reload")

    def lifted(self, changes: list[Change], among: set[tuple[str, Subject]], by: str) -> None:
        expected = among & self.world.active().keys()
        assert {(c.ban.jail, c.ban.subject) for c in changes} == expected
        for key in expected:
            entry = self.world.active()[key][1]
            entry.ended, entry.ended_by = self.now, by

    @rule(seconds=st.sampled_from([1.0, 30.0, 300.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.now += seconds
        ends = [entry.until for _, entry in self.world.active().values() if entry.until]
        next_end = self.ledger.next_end()
        if ends:
            assert next_end is not None
            assert next_end <= min(ends)
        changes = self.ledger.expire(self.now)
        ended = self.world.end_those_whose_time_is_up(self.now)
        assert {(c.ban.jail, c.ban.subject) for c in changes} == ended

    @rule(entry=entries)
    def allow(self, entry: str) -> None:
        self.tick()
        self.ledger.allow(Allowed(entry, self.now))
        self.world.allowed[entry] = self.now

    @rule(entry=entries)
    def disallow(self, entry: str) -> None:
        assert self.ledger.disallow(entry) == (self.world.allowed.pop(entry, None) is not None)

    @rule(age=st.sampled_from([0.0, 10.0, 100.0]))
    def forget_floors(self, age: float) -> None:
        before = self.now - age
        self.ledger.forget_floors(before)
        self.world.floors = {
            subject: floor for subject, floor in self.world.floors.items() if floor > before
        }

    @rule()
    def commit(self) -> None:
        self.uncommitted = self.uncommitted.then(self.ledger.checkpoint())
        self.store.commit(self.uncommitted)
        self.uncommitted = Checkpoint()
        self.committed = copy.deepcopy(self.world)
        assert not self.ledger.is_dirty
        self.compare_history()

    @rule()
    def fail_to_commit(self) -> None:
        self.uncommitted = self.uncommitted.then(self.ledger.checkpoint())

    @rule()
    def crash(self) -> None:
        self.tick()
        self.store.close()
        self.world = copy.deepcopy(self.committed)
        self.uncommitted = Checkpoint()
        self.open()

    @rule()
    def restart(self) -> None:
        self.commit()
        self.crash()

    def compare_history(self) -> None:
        for subject in SUBJECTS:
            stored = {
                (past.ban.jail, past.ban.time): (
                    past.ban.until,
                    past.ban.failures,
                    [item.line for item in past.ban.evidence],
                    past.ended,
                    past.ended_by,
                )
                for past in self.store.history(subject, 1000)
            }
            assert stored == {
                (jail, time): (
                    entry.until,
                    entry.failures,
                    entry.lines[-MAX_EVIDENCE:],
                    entry.ended,
                    entry.ended_by,
                )
                for (jail, who, time), entry in self.world.bans.items()
                if who == subject
            }

    @invariant()
    def both_say_the_same(self) -> None:
        if not hasattr(self, "ledger"):
            return
        active = {(ban.jail, ban.subject): (ban.time, ban.until) for ban in self.ledger.active()}
        expected = self.world.active()
        assert active == {key: (time, entry.until) for key, (time, entry) in expected.items()}
        assert dict(self.ledger.floors) == self.world.floors
        allowed = {entry: item.added for entry, item in self.ledger.allowed.items()}
        assert allowed == self.world.allowed

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.directory)


TestLedgerAndStore = LedgerMachine.TestCase
TestLedgerAndStore.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
