# SPDX-License-Identifier: MIT
"""Messages of several lines, and which of their lines are believed."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest

from logban.matching.definition import MOST_WRAPPING, Expression, Quote
from logban.matching.messages import Opened, Window
from logban.matching.quotes import (
    GIVEN_UP_AFTER,
    MAX_HELD,
    QUIET_AFTER,
    QuoteGuard,
    SeenLine,
    Unread,
)
from logban.matching.threads import ENOUGH, MAX_THREADS
from logban.model import CanonicalAddress, Failure, Origin

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
    assert log.guard.doubtful == 0


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
    assert log.guard.doubtful == 1


def test_nor_is_a_message_whole_that_has_no_known_end() -> None:
    log = Log()
    assert log.line(A, "7", quote()) == [A]
    assert log.line(V, "8") == []
    assert log.flush() == []
    assert log.guard.doubtful == 1


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
    assert log.guard.doubtful == 1


def test_the_first_line_s_thread_is_known_within_its_window(log) -> None:
    log.line(A, "1", quote())
    log.line(V, "20", quote("other"))
    assert log.line(W, "20") == [], "it may be the peer's who sent the first message"


def test_a_thread_that_is_seen_later_sets_free(log) -> None:
    log.line(A, "1", quote())
    assert log.line(V, "30") == []
    log.at += 1000
    assert log.line(W, "30") == [V, W]
    assert log.guard.doubtful == 0


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
    assert log.guard.doubtful == 1


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
    assert log.guard.doubtful == 1


def test_what_comes_twice_is_given_up(log) -> None:
    twice = quote(twice=True)
    assert log.line(A, "20", twice) == [A]
    assert log.line(V, "77", text="forged") == []
    assert log.line(W, "78", text="other") == []
    assert log.line(A, "20", twice) == [A]
    assert log.line(V, "77", text="forged") == []
    log.at += 2000
    assert log.line(None, "79") == [W]
    assert log.guard.doubtful == 2


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
    assert log.guard.doubtful == 1
    assert not log.guard.is_open


def test_another_file_begins_anew(log) -> None:
    log.guard.begin_block(b"x" * 100, 100, 0.0)
    log.line(A, "1", quote())
    assert log.line(V, "30") == []
    log.guard.begin_block(b"", 0, 0.0)
    log.at = 0
    assert log.line(V, "31") == [V]
    assert log.guard.doubtful == 1


def test_memory_is_bounded(log) -> None:
    for number in range(MAX_THREADS + 10):
        log.line(W, str(1000 + number))
    assert len(list(log.guard._threads)) <= MAX_THREADS
    everything = quote(size=10**9, twice=True)
    log.line(A, "77777", everything)
    for number in range(MAX_HELD + 10):
        log.line(V, str(900000 + number), text=f"{number}")
    assert len(log.guard._held) == MAX_HELD
    assert len(log.guard._twice) <= MAX_HELD
    assert log.guard.doubtful == 10


def random_lines(chooser: random.Random) -> list[SeenLine]:
    """Give lines of a few threads, or of many; ten bytes each, some of them the peer's."""
    kinds = [
        quote("ends", ends=True, size=chooser.choice((15, 35, 90))),
        quote("cut", ends=True, size=chooser.choice((20, 31, 60)), cut=True),
        quote("open", size=40),
        quote("late", ends=True, size=40, late=True),
        quote("twice", size=30, twice=True),
    ]
    weights = [3, 3, 3, chooser.choice((0, 1)), chooser.choice((0, 1))]
    pool = [str(number) for number in range(chooser.choice((2, 6, 200)))]
    lines = []
    for start in range(0, 3000, 10):
        address = CanonicalAddress(chooser.choice((A, V, W)))
        failure = Failure(address, None, "r", {}, str(start % 70), "s", start)
        opened: tuple[Opened, ...] = ()
        if chooser.random() < 0.3:
            kind, named = chooser.choices(kinds, weights)[0], chooser.choice((A, None))
            opened = (Opened(kind, named),)
        lines.append(
            SeenLine(
                start,
                headed=chooser.random() < 0.97,
                thread=chooser.choice(pool) if chooser.random() < 0.97 else None,
                outcome=failure if chooser.random() < 0.85 else None,
                opened=opened,
                ends=tuple(each.name for each in kinds if chooser.random() < 0.3),
            )
        )
    return lines


class Passing:
    """Hands lines to a guard as the engine does: looked at by it only where they have to be."""

    def __init__(self, longest: int = 90) -> None:
        self.guard = QuoteGuard()
        self.read = 0
        self._longest = longest
        self._run: list[SeenLine] = []

    def take(self, line: SeenLine) -> list[str]:
        """Give the addresses that are believed."""
        guard = self.guard
        if guard.is_holding or line.outcome is None or not line.headed or not line.thread:
            return self._taken(line)
        if any(each.quote.late or each.quote.twice for each in line.opened):
            return self._taken(line)
        if guard.knows(line.thread):
            self._run.append(line)
            return [line.outcome.address]
        self.end_run()
        if guard.is_clear_at(line.start):
            guard.welcome(line.thread, self._unread(line))
            return [line.outcome.address]
        return self._taken(line)

    def end_run(self) -> None:
        """Let the guard know of the lines of known threads."""
        if self._run:
            threads = [line.thread or "" for line in self._run]
            self.guard.pass_by(threads, self._unread(self._run[-1]))
            self._run = []

    def _taken(self, line: SeenLine) -> list[str]:
        self.end_run()
        return [each.address for each in self.guard.take(line)]

    def _unread(self, line: SeenLine) -> Unread:
        def read() -> SeenLine:
            self.read += 1
            return replace(line, outcome=None)

        return Unread(line.start + self._longest, read)


def test_lines_that_are_passed_by_are_as_good_as_taken() -> None:
    read = doubtful = 0
    for seed in range(150):
        chooser = random.Random(seed)  # noqa: S311  # the same for the same seed
        plain, passing, now, at = QuoteGuard(), Passing(), 0.0, 0
        lines = random_lines(chooser)
        while at < len(lines):
            several = lines[at : at + chooser.randint(1, 40)]
            data = b"123456789\n" * len(several)
            now += chooser.choice((0.0, 0.0, 0.1, QUIET_AFTER, GIVEN_UP_AFTER))
            assert [each.address for each in plain.flush(now)] == [
                each.address for each in passing.guard.flush(now)
            ]
            for guard in (plain, passing.guard):
                guard.begin_block(data, several[0].start, now)
            for line in several:
                expected = [each.address for each in plain.take(line)]
                assert passing.take(line) == expected, (seed, line)
            passing.end_run()
            for guard in (plain, passing.guard):
                guard.end_block()
            at += len(several)
        assert passing.guard.doubtful == plain.doubtful
        assert list(passing.guard._threads) == list(plain._threads)
        assert passing.guard._threads.are_telling == plain._threads.are_telling
        read += passing.read
        doubtful += plain.doubtful
    assert read > 300
    assert doubtful > 300


STAMP = b"2026-11-20T10:00:00.5Z "
WRAPPED = Expression("<F-WRAPPED> </F-WRAPPED>", BEGIN.origin)


def contained(name: str, **more: object) -> Quote:
    """Give a kind of message that a container's runtime may write between the lines of."""
    return replace(quote(name, **more), begin=WRAPPED)  # type: ignore[arg-type]  # as quote's own


class Contained:
    """A container's log: lines of any kind, and the bytes of each, ten behind what was put on."""

    def __init__(self) -> None:
        self.lines: list[SeenLine] = []
        self.data: list[bytes] = []

    def add(
        self, address: str | None, thread: str | None, opens: Quote | None = None, **more: object
    ) -> None:
        """Add a line that was put down a moment later than the one before it."""
        front = STAMP.replace(b".5", b".5" + b"0" * (len(self.data) % 3))
        start = sum(map(len, self.data))
        outcome = None
        if address is not None:
            text = f"{front.decode()}{len(self.data) % 7}"
            outcome = Failure(CanonicalAddress(address), None, "r", {}, text, "s", start)
        line = SeenLine(
            start,
            headed=True,
            thread=thread,
            outcome=outcome,
            opened=() if opens is None else (Opened(opens, address, 1),),
        )
        self.lines.append(replace(line, **more))  # type: ignore[arg-type]  # its own fields
        self.data.append(front + b"[x] 45678\n")

    def believed(self, *cuts: int) -> tuple[list[str], int]:
        """Give who is believed, and how much is not, if blocks end behind so many lines each."""
        passing = Passing(longest=90 * MOST_WRAPPING)
        found = []
        for begin, end in pairwise([0, *cuts, len(self.lines)]):
            data = b"".join(self.data[begin:end])
            passing.guard.begin_block(data, self.lines[begin].start, 0.0)
            for line in self.lines[begin:end]:
                found += passing.take(line)
            passing.end_run()
            passing.guard.end_block()
        found += [each.address for each in passing.guard.flush(None)]
        return found, passing.guard.doubtful


def random_container(chooser: random.Random) -> Contained:
    """Give a log of a few threads, or of many, some of whose lines are the peer's."""
    kinds = [
        contained("ends", ends=True, size=chooser.choice((15, 30, 40, 90))),
        contained("cut", ends=True, size=chooser.choice((20, 30, 31, 60)), cut=True),
        contained("open", size=40),
        contained("late", ends=True, size=chooser.choice((20, 30, 50)), late=True, cut=True),
        contained("twice", size=30, twice=True),
    ]
    weights = [3, 3, 3, chooser.choice((0, 1)), chooser.choice((0, 1))]
    pool = [str(number) for number in range(chooser.choice((2, 6, 200)))]
    log = Contained()
    for _ in range(chooser.randint(20, 200)):
        log.add(
            chooser.choice((A, V, W)) if chooser.random() < 0.85 else None,
            chooser.choice(pool) if chooser.random() < 0.97 else None,
            chooser.choices(kinds, weights)[0] if chooser.random() < 0.3 else None,
            headed=chooser.random() < 0.97,
            ends=tuple(each.name for each in kinds if chooser.random() < 0.3),
        )
    return log


def test_borders_of_blocks_do_not_matter_in_a_container() -> None:
    doubtful = 0
    for seed in range(100):
        chooser = random.Random(seed)  # noqa: S311  # the same for the same seed
        log = random_container(chooser)
        whole = log.believed()
        lines = len(log.lines)
        for some in (2, lines // 3, lines - 1):
            cuts = sorted(chooser.sample(range(1, lines), some))
            assert log.believed(*cuts) == whole, (seed, cuts)
        doubtful += whole[1]
    assert doubtful > 500


def test_a_cut_in_a_container_is_looked_for_when_the_message_is_over() -> None:
    """What a known thread's line has shown to be true before is believed."""
    log = Contained()
    for _ in range(ENOUGH):
        log.add(W, "1")
    log.add(A, "1", contained("long", ends=True, size=50, cut=True))
    log.add(V, "78")
    log.add(A, "77", contained("short", ends=True, size=10))
    # The short one is over, and windows are looked at; the long one would be cut behind this line.
    log.add(None, "79")
    log.add(None, "1")
    assert log.believed() == ([W] * ENOUGH + [A, A, V], 0)


def test_and_given_up_then() -> None:
    log = Contained()
    for _ in range(ENOUGH):
        log.add(W, "1")
    log.add(A, "1", contained("long", ends=True, size=50, cut=True))
    for _ in range(5):
        log.add(V, "78")
    log.add(None, "1")
    assert log.believed() == ([W] * ENOUGH + [A, V], 4)


@pytest.mark.parametrize("cuts", [(), (ENOUGH + 1,)])
def test_a_message_that_nobody_has_read_is_no_longer_for_a_border(cuts: tuple[int, ...]) -> None:
    """What the runtime wrote in it is known only as long as its block is there."""
    log = Contained()
    for _ in range(ENOUGH):
        log.add(W, "1")
    log.add(A, "1", contained("open", size=10))
    log.add(V, "78")
    assert log.believed(*cuts) == ([W] * ENOUGH + [A, V], 0)


@pytest.mark.parametrize("cuts", [(), (1,), (2, 3)])
def test_a_message_in_a_container_is_as_long_as_its_own_bytes(cuts: tuple[int, ...]) -> None:
    """What the runtime writes in front of each line is no part of the message."""
    stamps = [STAMP, STAMP.replace(b".5", b".525"), STAMP.replace(b".5", b""), STAMP, STAMP]
    lines = [stamp + b"[x] 45678\n" for stamp in stamps]
    starts = [sum(map(len, lines[:number])) for number in range(6)]
    window = Window(quote(size=32), A, "1")
    window.until = 32
    blocks = [0, *cuts, len(lines)]
    grown = []
    for begin, end in pairwise(blocks):
        data, offset = b"".join(lines[begin:end]), starts[begin]
        if not begin:
            window.wrap(0, 1, data, offset)
        grown.append(window.grow(data, offset))
    assert not any(grown)
    # Three lines of ten bytes, and two bytes of the fourth.
    assert window.until == starts[3] + len(stamps[3]) + 2


def test_a_message_in_a_container_that_was_cut_behind_a_line_break_is_told() -> None:
    line = STAMP + b"[x] 45678\n"
    window = Window(quote(size=30), A, "1")
    window.until = 30
    window.wrap(0, 1, line * 5, 0)
    assert window.grow(line * 5, 0)
    assert window.until == 3 * len(line)


def test_of_a_message_whose_block_is_gone_the_most_is_taken() -> None:
    window = Window(contained("q", size=30), A, "1")
    window.wrap(10, 1, b"", 100)
    assert window.until == 10 + 30 * MOST_WRAPPING
    assert not window.wrapping


def test_of_a_message_in_a_container_the_most_is_kept_over_a_restart() -> None:
    window = Window(contained("q", size=30), A, "1", until=30)
    assert window.latest == 30
    window.wrap(0, 1, STAMP + b"[x] 45678\n", 0)
    assert window.latest == window.until + 30 * MOST_WRAPPING
