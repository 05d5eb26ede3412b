# SPDX-License-Identifier: MIT
"""Messages of several lines in blocks: what is passed by, and where a block ends in one."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest

from logban.addresses import CanonicalAddress
from logban.matching.definition import MOST_WRAPPING, Expression, Quote
from logban.matching.messages import Opened
from logban.matching.quotes import GIVEN_UP_AFTER, QUIET_AFTER, QuoteGuard, SeenLine, Unread
from logban.matching.threads import ENOUGH
from logban.model import Failure, Origin

BEGIN = Expression("begin", Origin("x", 1))
A, V, W = "198.51.100.7", "192.0.2.99", "192.0.2.100"


def quote(name: str, *, ends: bool = False, **more: object) -> Quote:
    return Quote(name, BEGIN, BEGIN if ends else None, **more)  # type: ignore[arg-type]  # keys


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
        given_up = plain.take_doubtful()
        assert passing.guard.take_doubtful() == given_up
        assert list(passing.guard._threads) == list(plain._threads)
        assert passing.guard._threads.are_telling == plain._threads.are_telling
        read += passing.read
        doubtful += given_up
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
        return found, passing.guard.take_doubtful()


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
