# SPDX-License-Identifier: MIT
"""The window slides exactly, whatever comes in whatever order; memory has its bounds."""

from __future__ import annotations

import gc
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.addresses import canonical_address
from logban.judging.counting.entries import UNIT
from logban.judging.counting.known import Taken
from logban.judging.counting.slow import SlowCounts
from logban.judging.counting.tracker import Tracker
from logban.judging.counting.window import MAX_LINE
from logban.judging.weights import what_of
from logban.model import Failure

NOBODY = 10**6


def who(number: int) -> str:
    return f"198.51.100.{number}"


def failure(time: float, line: str = "a line", user: str = "") -> Failure:
    fields = {"user": user} if user else {}
    address = canonical_address("198.51.100.1")
    return Failure(address, time, "rule", fields, line, "/var/log/test", 0)


class Counter:
    """A tracker of failures of weight 1, which gives the subject when they are enough."""

    def __init__(
        self,
        findtime: float = 10.0,
        maxretry: int = 3,
        max_evidence: int = 5,
        max_subjects: int = NOBODY,
    ) -> None:
        self.tracker = Tracker(
            findtime=findtime,
            max_evidence=max_evidence,
            max_subjects=max_subjects,
            max_entries=maxretry,
        )
        self.maxretry = maxretry

    def add(self, key: str, item: Failure) -> Taken | None:
        assert item.time is not None
        if self.tracker.add(key, item.time, item) < self.maxretry * UNIT:
            return None
        return self.tracker.take(key)


class Window:
    """What the tracker is to do, by brute force: every failure is kept and looked at again."""

    def __init__(self, findtime: float, maxretry: int) -> None:
        self.findtime = findtime
        self.maxretry = maxretry
        self.times: dict[str, list[float]] = {}

    def add(self, subject: str, time: float) -> list[float] | None:
        times = self.times.setdefault(subject, [])
        times.append(time)
        # A time that has left the window never comes back: the newest one only grows.
        oldest = max(times) - self.findtime
        inside = sorted(each for each in times if each > oldest)
        if len(inside) < self.maxretry:
            return None
        del self.times[subject]
        return inside


times = st.one_of(
    st.integers(0, 60).map(float),
    st.floats(0, 60, allow_nan=False).map(lambda time: round(time, 3)),
)


@given(
    st.lists(st.tuples(st.integers(0, 2), times), max_size=60),
    st.integers(1, 5),
    st.sampled_from([1.0, 10.0, 12.5, 1000.0]),
    st.booleans(),
)
def test_the_window_is_exact(
    events: list[tuple[int, float]], maxretry: int, findtime: float, in_order: bool
) -> None:
    if in_order:
        events.sort(key=lambda event: event[1])
    real = Counter(findtime, maxretry, max_evidence=100)
    model = Window(findtime, maxretry)
    for number, time in events:
        enough = real.add(who(number), failure(time))
        expected = model.add(who(number), time)
        assert (list(enough.times) if enough else None) == expected
        if enough:
            assert sorted(item.time for item in enough.evidence) == expected
            assert real.tracker.get(who(number)) is None
        for known in filter(None, map(real.tracker.get, real.tracker)):
            assert len(known.times) < maxretry
            assert known.times[-1] - known.times[0] < findtime


def test_the_window_ends_just_before_findtime() -> None:
    real = Counter(findtime=10.0, maxretry=2)
    assert real.add(who(1), failure(100.0)) is None
    assert real.add(who(1), failure(110.0)) is None
    assert real.add(who(1), failure(119.999)) is not None


def test_a_failure_that_comes_late_counts_within_the_window_of_the_newest() -> None:
    real = Counter(findtime=10.0, maxretry=3)
    assert real.add(who(1), failure(100.0)) is None
    assert real.add(who(1), failure(90.0)) is None
    assert real.add(who(1), failure(95.0)) is None
    enough = real.add(who(1), failure(90.5))
    assert enough is not None
    assert enough.times == (90.5, 95.0, 100.0)


@pytest.mark.parametrize("cap", [0, 1, 2, 5])
def test_the_last_lines_are_kept_and_no_more(cap: int) -> None:
    real = Counter(maxretry=4, max_evidence=cap)
    for number in range(3):
        real.add(who(1), failure(number, f"line {number}"))
    enough = real.add(who(1), failure(3, "x" * 5000))
    assert enough is not None
    lines = ["line 0", "line 1", "line 2", "x" * MAX_LINE]
    assert [item.line for item in enough.evidence] == (lines[-cap:] if cap else [])


def test_each_line_has_the_weight_of_its_own_failure() -> None:
    tracker = Tracker(findtime=100.0, max_evidence=4, max_subjects=9)
    for time, weight in ((1.0, 1.5), (5.0, 0.25), (5.0, 3.0), (4.0, 2.0), (6.0, 1.0)):
        name = f"{time}/{weight}"
        what = what_of(name) if time != 5.0 else 7
        tracker.add("s", time, failure(time, name), int(weight * UNIT), what)
    lines = {item.line: item.weight for item in tracker.take("s").evidence}
    assert lines == {"5.0/0.25": 0.25, "5.0/3.0": 3.0, "4.0/2.0": 2.0, "6.0/1.0": 1.0}


def test_evidence_is_only_of_what_was_counted() -> None:
    real = Counter(findtime=10.0, maxretry=2, max_evidence=5)
    real.add(who(1), failure(0, "long ago"))
    real.add(who(1), failure(20, "first"))
    enough = real.add(who(1), failure(21, "second"))
    assert enough is not None
    assert [item.line for item in enough.evidence] == ["first", "second"]


def test_all_subjects_together_keep_no_more_lines_than_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("logban.judging.counting.tracker.MAX_LINES", 4)
    real = Counter(findtime=100.0, maxretry=9, max_evidence=2).tracker
    for number in (1, 2, 3):
        for time in (1, 2, 3):
            real.add(who(number), time, failure(time))
    kept = {key: len(known.evidence) for key in real if (known := real.get(key))}
    assert kept == {who(1): 0, who(2): 2, who(3): 2}
    assert [len(real.look(key, 3.0)) for key in real] == [3, 3, 3]
    assert (real.lines, real.lines_dropped) == (4, 2)


def test_of_too_many_the_quietest_is_dropped_and_counted() -> None:
    real = Counter(max_subjects=2).tracker
    for number, time in ((1, 1.0), (2, 2.0), (1, 3.0), (3, 4.0)):
        real.add(who(number), time, failure(time))
    assert set(real) == {who(1), who(3)}
    assert (len(real), real.dropped) == (2, 1)


def test_those_who_have_been_quiet_are_forgotten() -> None:
    real = Counter().tracker
    for number, time in ((1, 1.0), (2, 2.0), (3, 3.0)):
        real.add(who(number), time, failure(time))
    real.forget_older(2.0)
    assert set(real) == {who(3)}
    real.forget_older(3.0)
    assert len(real) == 0
    real.forget_older(4.0)


def test_clear_lets_a_count_start_again() -> None:
    real = Counter(maxretry=2)
    real.add(who(1), failure(1))
    real.tracker.clear(who(1))
    real.tracker.clear(who(2))
    assert real.add(who(1), failure(2)) is None


def test_weights_add_up() -> None:
    real = Tracker(findtime=10.0, max_evidence=5, max_subjects=9)
    assert real.add(who(1), 1.0, failure(1), UNIT // 2) == UNIT // 2
    assert real.add(who(1), 2.0, failure(2), 3 * UNIT) == 3 * UNIT + UNIT // 2
    assert real.add(who(1), 11.5, failure(11.5), UNIT) == 4 * UNIT
    known = real.get(who(1))
    assert known is not None
    assert (known.weights, known.total) == ([3.0, 1.0], 4.0)


def test_what_one_name_did_is_taken_back() -> None:
    real = Tracker(findtime=100.0, max_evidence=5, max_subjects=9)
    for time, user in ((1, "201"), (2, "202"), (3, "201")):
        real.add(who(1), time, failure(time, user, user), UNIT, what_of(user))
    real.forgive(who(1), what_of("201"))
    known = real.get(who(1))
    assert known is not None
    assert known.times == [2.0]
    assert [item.line for item in known.evidence] == ["202"]
    real.forgive(who(1), what_of("202"))
    assert real.get(who(1)) is None


def test_a_subject_has_no_more_failures_than_are_kept() -> None:
    real = Tracker(findtime=1000.0, max_evidence=0, max_subjects=9, max_entries=3)
    totals = [real.add(who(1), time, failure(time), 1) for time in range(6)]
    assert totals == [1, 2, 3, 3, 3, 3]


def test_of_too_many_failures_of_one_moment_the_last_are_kept() -> None:
    """A log that tells no fractions of seconds has hundreds of a moment, in an attack."""
    slow = SlowCounts(findtime=1000.0, max_subjects=9)
    tracker = Tracker(findtime=10.0, max_evidence=2, max_subjects=9, max_entries=3, slow=slow)
    for _ in range(5):
        assert tracker.add("s", 1.0, failure(1.0)) > 0
    assert tracker.failures == 3
    assert slow.value("s", 1.0) == 2.5
    tracker.forget_older(1.0)
    assert tracker.failures == 0


def test_what_leaves_the_window_goes_to_the_slow_counts() -> None:
    slow = SlowCounts(findtime=1000.0, max_subjects=9)
    real = Tracker(findtime=10.0, max_evidence=5, max_subjects=9, slow=slow)
    for time in (0.0, 1.0, 10.5):
        real.add(who(1), time, failure(time), UNIT, what_of("201"))
    assert slow.value(who(1), 0.0) == 1.5
    real.forget_older(100.0)
    assert 3.4 < slow.value(who(1), 10.5) < 3.5
    known = real.get(who(1), 10.5)
    assert known is not None
    assert known.times == []
    assert known.slow > 3.4


def test_what_changed_is_told_once_and_can_be_read_back() -> None:
    slow = SlowCounts(findtime=1000.0, max_subjects=9)
    real = Tracker(findtime=10.0, max_evidence=5, max_subjects=9, slow=slow)
    real.add(who(1), -20.0, failure(-20), UNIT, 7)
    real.add(who(1), 1.25, failure(1.25, 'h\xe9llo "\udcff\0', "201"), 2 * UNIT, what_of("201"))
    real.add(who(2), 1.0, failure(1))
    real.take(who(2))
    real.add(who(3), 3.0, failure(3))
    real.clear(who(3))
    changed = real.take_dirty()
    assert changed[who(2)] is None
    assert changed[who(3)] is None
    text = changed[who(1)]
    assert text is not None
    assert real.take_dirty() == {}

    again = Tracker(
        findtime=10.0,
        max_evidence=5,
        max_subjects=9,
        slow=SlowCounts(findtime=1000.0, max_subjects=9),
    )
    again.restore(who(1), str(text))
    assert again.get(who(1)) == real.get(who(1))
    assert again.look(who(1), 2.0) == real.look(who(1), 2.0)
    assert again.take_dirty() == {}
    again.forgive(who(1), what_of("201"))
    known = again.get(who(1), 2.0)
    assert known is not None
    assert known.times == []


def test_what_was_noted_is_of_its_moment_though_it_is_written_down_later() -> None:
    real = Counter(findtime=1000.0).tracker
    real.add(who(1), 1.0, failure(1))
    noted = real.take_dirty()[who(1)]
    assert noted is not None
    then = real.get(who(1))
    real.add(who(1), 2.0, failure(2))
    again = Counter(findtime=1000.0).tracker
    again.restore(who(1), str(noted))
    assert again.get(who(1)) == then


def restored(*subjects: tuple[int, float], max_subjects: int = NOBODY) -> Tracker:
    """Give a tracker that an earlier run's subjects were restored to."""
    real = Counter(max_subjects=max_subjects, findtime=1000.0).tracker
    for number, time in subjects:
        before = Counter(findtime=1000.0).tracker
        before.add(who(number), time, failure(time))
        text = before.take_dirty()[who(number)]
        assert text is not None
        real.restore(who(number), str(text))
    return real


def test_restored_subjects_come_in_any_order_and_the_quietest_still_goes_first() -> None:
    real = restored((1, 50.0), (2, 10.0), (3, 30.0), max_subjects=3)
    real.forget_older(20.0)
    assert set(real) == {who(1), who(3)}
    for number, time in ((4, 60.0), (5, 61.0)):
        real.add(who(number), time, failure(time))
    assert set(real) == {who(1), who(4), who(5)}


def test_more_than_the_cap_may_be_restored_and_is_brought_down() -> None:
    real = restored(*((number, float(number)) for number in range(5)), max_subjects=2)
    real.add(who(9), 9.0, failure(9))
    assert set(real) == {who(4), who(9)}
    assert real.dropped == 4


def test_a_tracker_goes_on_where_another_stops() -> None:
    before = Counter(max_subjects=2, maxretry=2)
    for number in (1, 2, 3):
        before.add(who(number), failure(number))
    before.add(who(2), failure(4))
    after = Counter(maxretry=2)
    after.tracker.take_over(before.tracker)
    assert set(after.tracker) == {who(3)}
    assert after.tracker.dropped == 1
    changed = after.tracker.take_dirty()
    assert changed.keys() == {who(1), who(2), who(3)}
    assert changed[who(2)] is None
    assert after.add(who(3), failure(5)) is not None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(0, 60)), max_size=60))
def test_the_failures_that_are_kept_are_counted(events: list[tuple[int, int, int]]) -> None:
    slow = SlowCounts(findtime=1000.0, max_subjects=9)
    real = Tracker(findtime=20.0, max_evidence=2, max_subjects=4, max_entries=3, slow=slow)
    for number, what, time in events:
        match what:
            case 0:
                real.take(who(number))
            case 1:
                real.forgive(who(number), what_of(""))
            case 2:
                real.forget_older(float(time))
            case 3:
                real.bring_back(float(time))
            case 4:
                real.push(who(number), float(time), failure(time), UNIT, 7)
            case _:
                real.add(who(number), float(time), failure(time))
        known = [each for each in map(real.get, real) if each is not None]
        assert real.failures == sum(len(each.times) for each in known)
        assert all(len(each.times) <= 3 for each in known)
        assert sum(len(each.evidence) for each in known) <= real.lines <= 2 * len(real)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 100)), max_size=80))
def test_no_more_subjects_than_allowed_are_followed(events: list[tuple[int, int]]) -> None:
    real = Tracker(findtime=1000.0, max_evidence=5, max_subjects=4)
    for number, time in events:
        real.add(who(number), float(time), failure(time))
        assert len(real) <= 4
    last_seen = {number: at for at, (number, _) in enumerate(events)}
    quietest_first = [last_seen[int(key.rpartition(".")[2])] for key in real]
    assert all(earlier < later for earlier, later in pairwise(quietest_first))


@pytest.mark.parametrize(("failures", "most"), [(1, 150), (2, 190)])
def test_a_subject_takes_no_more_than_two_hundred_bytes(failures: int, most: int) -> None:
    """The evidence aside: its address, its failures, and its place in the table."""
    slow = SlowCounts(findtime=86400.0, max_subjects=NOBODY)
    real = Tracker(findtime=600.0, max_evidence=0, max_subjects=NOBODY, slow=slow)
    item = failure(0)
    tracemalloc.start()
    try:
        for time in range(failures):
            for number in range(5000):
                real.add(f"198.{number // 200}.{number % 200}.250", float(time), item, UNIT, 7)
        real.take_dirty()
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(real) == 5000
    assert taken / len(real) <= most
