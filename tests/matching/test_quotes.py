# SPDX-License-Identifier: MIT
"""Messages of several lines, and which of their lines are believed."""

from __future__ import annotations

import pytest

from logban.addresses import CanonicalAddress
from logban.matching.definition import Expression, Quote
from logban.matching.held_back import MAX_HELD
from logban.matching.messages import Opened
from logban.matching.quotes import (
    GIVEN_UP_AFTER,
    QUIET_AFTER,
    QuoteGuard,
    SeenLine,
)
from logban.matching.threads import ENOUGH, MAX_THREADS
from logban.model import Failure, Origin

BEGIN = Expression("begin", Origin("x", 1))
A, V, W = "198.51.100.7", "192.0.2.99", "192.0.2.100"


def quote(name: str = "q", *, ends: bool = False, size: int = 1000, **more: object) -> Quote:
    return Quote(name, BEGIN, BEGIN if ends else None, size, **more)  # type: ignore[arg-type]  # keys


class Log:
    """Lines handed to a guard, ten bytes each."""

    def __init__(self) -> None:
        self.guard = QuoteGuard()
        self.at = 0
        self.guard.begin_block(b"", 0, 0.0)

    def line(
        self,
        address: str | None = None,
        thread: str | None = "1",
        opens: Quote | None = None,
        ends: tuple[str, ...] = (),
        *,
        text: str = "",
        headed: bool = True,
    ) -> list[str]:
        failure = None
        if address is not None:
            failure = Failure(
                CanonicalAddress(address), None, "r", {}, text or str(self.at), "s", self.at
            )
        opened = () if opens is None else (Opened(opens, address),)
        found = self.guard.take(SeenLine(self.at, headed, thread, failure, opened, ends))
        self.at += 10
        return [each.address for each in found]

    def flush(self, now: float | None = None) -> list[str]:
        return [each.address for each in self.guard.flush(now)]


@pytest.fixture
def log() -> Log:
    """Give a log in which the thread 1 is known, as one of a server's few."""
    log = Log()
    for _ in range(ENOUGH):
        assert log.line(W) == [W]
    return log


def test_where_thread_numbers_tell_nothing_whole_messages_are_no_windows() -> None:
    log = Log()
    for number in range(5 * ENOUGH):
        opens = quote(ends=True) if number % 2 else quote("other", ends=True)
        assert log.line(A, str(1000 + number), opens, ("q", "other")) == [A]
        assert log.line(V, str(5000 + number)) == [V]
    assert log.guard.take_doubtful() == 0


def test_where_they_do_a_message_that_looks_whole_is_a_window(log) -> None:
    assert log.line(A, "1", quote(ends=True), ("q",)) == [A]
    assert log.line(V, "30") == [], "the peer may have written the end as well"


def test_but_what_is_surely_not_at_its_end_is_one_all_the_same() -> None:
    log = Log()
    for number in range(5 * ENOUGH):
        assert log.line(A, str(1000 + number)) == [A]
    assert log.line(A, "7", quote(ends=True)) == [A]
    assert log.line(V, "8") == []
    log.line(None, None, None, ("q",), headed=False)
    assert log.flush() == []
    assert log.guard.take_doubtful() == 1


def test_nor_is_a_message_whole_that_has_no_known_end() -> None:
    log = Log()
    assert log.line(A, "7", quote()) == [A]
    assert log.line(V, "8") == []
    assert log.flush() == []
    assert log.guard.take_doubtful() == 1


def test_without_a_message_everything_is_believed(log) -> None:
    assert log.line(A, "5") == [A]
    assert log.line(V, "6") == [V]
    assert log.line(V, None) == [V]
    assert not log.guard.is_open


def test_in_a_window_the_own_address_and_known_threads_are_believed(log) -> None:
    assert log.line(A, "1", quote()) == [A]
    assert log.line(A, "77") == [A]
    assert log.line(V, "77") == []
    assert log.line(V, "1") == [V]
    assert log.line(W, "78") == [W], "the message has ended before a known thread's line"
    assert log.flush() == []
    assert log.guard.take_doubtful() == 1


def test_the_first_line_s_thread_is_known_within_its_window(log) -> None:
    log.line(A, "1", quote())
    log.line(V, "20", quote("other"))
    assert log.line(W, "20") == [], "it may be the peer's who sent the first message"


def test_a_thread_that_is_seen_later_sets_free(log) -> None:
    log.line(A, "1", quote())
    assert log.line(V, "30") == []
    log.at += 1000
    assert log.line(W, "30") == [V, W]
    assert log.guard.take_doubtful() == 0


def test_a_window_is_over_behind_its_size(log) -> None:
    log.line(A, "1", quote(size=50))
    log.at += 30
    assert log.line(V, "30") == []
    assert log.line(V, "31") == [V]


def test_a_clean_end_sets_free(log) -> None:
    log.line(A, "1", quote(ends=True))
    assert log.line(V, "30") == []
    log.at += 1000
    assert log.line(None, "31") == [V]


@pytest.mark.parametrize("headed", [True, False])
def test_an_end_in_a_doubtful_line_gives_up(log, headed) -> None:
    log.line(A, "1", quote(ends=True))
    assert log.line(V, "30") == []
    assert log.line(None, "31" if headed else None, ends=("q",), headed=headed) == []
    assert log.flush() == []
    assert log.guard.take_doubtful() == 1


def test_an_end_in_a_known_line_is_its_own(log) -> None:
    log.line(A, "1", quote(ends=True))
    assert log.line(V, "30") == []
    assert log.line(W, "1", ends=("q",)) == [V, W]


def test_a_line_that_is_an_end_itself_is_not_believed(log) -> None:
    log.line(A, "1", quote(ends=True))
    assert log.line(V, "30", ends=("q",)) == []
    assert log.line(A, "30", ends=("q",)) == [A]
    assert log.flush() == []


def test_a_late_address_is_held_back_until_the_message_is_over(log) -> None:
    late = quote(ends=True, late=True)
    assert log.line(V, "1", late) == []
    assert log.line(V, "1") == [V, V]
    assert log.line(V, "1", late) == []
    assert log.line(None, None, ends=("q",), headed=False) == []
    assert log.flush() == []
    assert log.guard.take_doubtful() == 1


def test_what_comes_twice_is_given_up(log) -> None:
    twice = quote(twice=True)
    assert log.line(A, "20", twice) == [A]
    assert log.line(V, "77", text="forged") == []
    assert log.line(W, "78", text="other") == []
    assert log.line(A, "20", twice) == [A]
    assert log.line(V, "77", text="forged") == []
    log.at += 2000
    assert log.line(None, "79") == [W]
    assert log.guard.take_doubtful() == 2


def test_a_known_thread_does_not_end_what_comes_twice(log) -> None:
    log.line(A, "20", quote(twice=True))
    assert log.line(V, "77", text="forged") == []
    assert log.line(W, "1") == [W]
    assert log.line(V, "77", text="forged") == []
    assert log.flush() == []


def test_threads_of_a_pool_are_near_each_other(log) -> None:
    log.line(W, "500")
    log.line(A, "500", quote(neighbours=8))
    assert log.line(V, "508") == [V]
    assert log.line(V, "509") == []
    assert log.line(V, None) == []


def test_a_message_cut_at_a_line_break_of_the_peer_s_has_no_end() -> None:
    data = b"a" * 49 + b"\n" + b"b" * 20 + b"\n"
    for cut, expected in ((True, []), (False, [V])):
        log = Log()
        log.guard.begin_block(data, 0, 0.0)
        log.line(A, "1", quote(ends=True, size=50, cut=cut))
        assert log.line(V, "30") == []
        log.guard.end_block()
        assert log.flush() == expected


def test_a_source_that_is_quiet_has_no_message_on_its_way(log) -> None:
    log.line(A, "1", quote(ends=True))
    assert log.line(V, "30") == []
    assert log.flush(QUIET_AFTER / 2) == []
    assert log.flush(QUIET_AFTER) == [V]
    log.line(A, "1", quote())
    assert log.line(V, "31") == []
    assert log.flush(QUIET_AFTER) == []
    assert log.line(W, "31") == [V, W], "the thread is seen where no window is open"
    log.line(A, "1", quote())
    assert log.line(V, "32") == []
    assert log.flush(GIVEN_UP_AFTER) == []
    assert log.guard.take_doubtful() == 1
    assert not log.guard.is_open


def test_another_file_begins_anew(log) -> None:
    log.guard.begin_block(b"x" * 100, 100, 0.0)
    log.line(A, "1", quote())
    assert log.line(V, "30") == []
    log.guard.begin_block(b"", 0, 0.0)
    log.at = 0
    assert log.line(V, "31") == [V]
    assert log.guard.take_doubtful() == 1


def test_memory_is_bounded(log) -> None:
    for number in range(MAX_THREADS + 10):
        log.line(W, str(1000 + number))
    assert len(list(log.guard._threads)) <= MAX_THREADS
    everything = quote(size=10**9, twice=True)
    log.line(A, "77777", everything)
    for number in range(MAX_HELD + 10):
        log.line(V, str(900000 + number), text=f"{number}")
    assert len(log.guard._held) == MAX_HELD
    assert len(log.guard._held._twice) <= MAX_HELD
    assert log.guard.take_doubtful() == 10
