# SPDX-License-Identifier: MIT
"""The window slides exactly, whatever comes in whatever order; memory has its bounds."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.judging.tracker import MAX_LINE_KEPT, Tracked, Tracker
from logban.model import Evidence, Subject, SubjectKind

NOBODY = 10**6


def who(number: int) -> Subject:
    return Subject(SubjectKind.IP, f"198.51.100.{number}")


def failure(time: float, line: str = "a line") -> Evidence:
    return Evidence(time, "rule", line, "/var/log/test")


def tracker(
    findtime: float = 10.0, maxretry: int = 3, max_evidence: int = 5, max_subjects: int = NOBODY
) -> Tracker:
    return Tracker(
        findtime=findtime, maxretry=maxretry, max_evidence=max_evidence, max_subjects=max_subjects
    )


class Window:
    """What the tracker is to do, by brute force: every failure is kept and looked at again."""

    def __init__(self, findtime: float, maxretry: int) -> None:
        self.findtime = findtime
        self.maxretry = maxretry
        self.times: dict[Subject, list[float]] = {}

    def add(self, subject: Subject, time: float) -> list[float] | None:
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
    real = tracker(findtime, maxretry, max_evidence=100)
    model = Window(findtime, maxretry)
    for number, time in events:
        enough = real.add(who(number), failure(time))
        expected = model.add(who(number), time)
        assert (enough.times if enough else None) == expected
        if enough:
            assert sorted(item.time for item in enough.evidence) == expected
            assert real.get(who(number)) is None
        for known in filter(None, map(real.get, real)):
            assert len(known.times) < maxretry
            assert known.times[-1] - known.times[0] < findtime


def test_the_window_ends_just_before_findtime() -> None:
    real = tracker(findtime=10.0, maxretry=2)
    assert real.add(who(1), failure(100.0)) is None
    assert real.add(who(1), failure(110.0)) is None
    assert real.add(who(1), failure(119.999)) is not None


def test_a_failure_that_comes_late_counts_within_the_window_of_the_newest() -> None:
    real = tracker(findtime=10.0, maxretry=3)
    assert real.add(who(1), failure(100.0)) is None
    assert real.add(who(1), failure(90.0)) is None
    assert real.add(who(1), failure(95.0)) is None
    enough = real.add(who(1), failure(90.5))
    assert enough is not None
    assert enough.times == [90.5, 95.0, 100.0]


@pytest.mark.parametrize("cap", [0, 1, 2, 5])
def test_the_last_lines_are_kept_and_no_more(cap: int) -> None:
    real = tracker(maxretry=4, max_evidence=cap)
    for number in range(3):
        real.add(who(1), failure(number, f"line {number}"))
    enough = real.add(who(1), failure(3, "x" * 5000))
    assert enough is not None
    lines = ["line 0", "line 1", "line 2", "x" * MAX_LINE_KEPT]
    assert [item.line for item in enough.evidence] == (lines[-cap:] if cap else [])


def test_evidence_is_only_of_what_was_counted() -> None:
    real = tracker(findtime=10.0, maxretry=2, max_evidence=5)
    real.add(who(1), failure(0, "long ago"))
    real.add(who(1), failure(20, "first"))
    enough = real.add(who(1), failure(21, "second"))
    assert enough is not None
    assert [item.line for item in enough.evidence] == ["first", "second"]


def test_of_too_many_the_quietest_is_dropped_and_counted() -> None:
    real = tracker(max_subjects=2)
    for number, time in ((1, 1.0), (2, 2.0), (1, 3.0), (3, 4.0)):
        real.add(who(number), failure(time))
    assert set(real) == {who(1), who(3)}
    assert (len(real), real.dropped) == (2, 1)


def test_those_who_have_been_quiet_are_forgotten() -> None:
    real = tracker()
    for number, time in ((1, 1.0), (2, 2.0), (3, 3.0)):
        real.add(who(number), failure(time))
    real.forget_older(2.0)
    assert set(real) == {who(3)}
    real.forget_older(3.0)
    assert len(real) == 0
    real.forget_older(4.0)


def test_clear_lets_a_count_start_again() -> None:
    real = tracker(maxretry=2)
    real.add(who(1), failure(1))
    real.clear(who(1))
    real.clear(who(2))
    assert real.add(who(1), failure(2)) is None


def test_what_changed_is_told_once_and_can_be_read_back() -> None:
    real = tracker(maxretry=2)
    real.add(who(1), failure(1.25, 'héllo "\udcff\0'))
    real.add(who(2), failure(1))
    real.add(who(2), failure(2))
    real.add(who(3), failure(3))
    real.clear(who(3))
    changed = real.take_dirty()
    assert changed[who(2)] is None
    assert changed[who(3)] is None
    text = changed[who(1)]
    assert text is not None
    assert Tracked.from_text(text) == real.get(who(1))
    assert real.take_dirty() == {}

    again = tracker(maxretry=2)
    again.restore(who(1), Tracked.from_text(text))
    again.restore(who(4), Tracked())
    assert set(again) == {who(1)}
    assert again.take_dirty() == {}
    assert again.add(who(1), failure(2)) is not None


def test_restored_subjects_come_in_any_order_and_the_quietest_still_goes_first() -> None:
    real = tracker(max_subjects=3)
    for number, time in ((1, 50.0), (2, 10.0), (3, 30.0)):
        real.restore(who(number), Tracked([time], [failure(time)]))
    real.forget_older(20.0)
    assert set(real) == {who(1), who(3)}
    for number, time in ((4, 60.0), (5, 61.0)):
        real.add(who(number), failure(time))
    assert set(real) == {who(1), who(4), who(5)}


def test_more_than_the_cap_may_be_restored_and_is_brought_down() -> None:
    real = tracker(max_subjects=2)
    for number in range(5):
        real.restore(who(number), Tracked([float(number)], []))
    real.add(who(9), failure(9))
    assert set(real) == {who(4), who(9)}
    assert real.dropped == 4


def test_a_tracker_goes_on_where_another_stops() -> None:
    before = tracker(max_subjects=2, maxretry=2)
    for number in (1, 2, 3):
        before.add(who(number), failure(number))
    before.add(who(2), failure(4))
    after = tracker(maxretry=2)
    after.take_over(before)
    assert set(after) == {who(3)}
    assert after.dropped == 1
    changed = after.take_dirty()
    assert changed.keys() == {who(1), who(2), who(3)}
    assert changed[who(2)] is None
    assert after.add(who(3), failure(5)) is not None


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 100)), max_size=80))
def test_no_more_subjects_than_allowed_are_followed(events: list[tuple[int, int]]) -> None:
    real = tracker(findtime=1000.0, maxretry=1000, max_subjects=4)
    for number, time in events:
        real.add(who(number), failure(time))
        assert len(real) <= 4
    last_seen = {number: at for at, (number, _) in enumerate(events)}
    quietest_first = [last_seen[int(subject.network.rpartition(".")[2])] for subject in real]
    assert all(earlier < later for earlier, later in pairwise(quietest_first))
