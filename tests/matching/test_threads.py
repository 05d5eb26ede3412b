# SPDX-License-Identifier: MIT
"""Thread numbers are believed to tell something only where they are those of a server."""

from __future__ import annotations

import random

import pytest

from logban.matching.threads import ENOUGH, MAX_THREADS, PERIOD, Threads


def learned(*threads: str) -> Threads:
    known = Threads()
    for thread in threads:
        known.learn(thread)
    return known


def test_a_thread_is_new_once() -> None:
    threads = Threads()
    assert "7" not in threads
    assert threads.learn("7")
    assert not threads.learn("7")
    assert "7" in threads
    assert None not in threads


def test_a_servers_threads_come_again() -> None:
    pool = [str(number) for number in range(50)]
    chooser = random.Random(1)  # noqa: S311  # a seeded sample
    assert learned(*(chooser.choice(pool) for _ in range(1000))).are_telling


def test_a_thread_for_every_connection_is_a_servers_too() -> None:
    assert learned(*(str(number // 2) for number in range(1000))).are_telling


def test_numbers_at_random_tell_nothing() -> None:
    chooser = random.Random(1)  # noqa: S311  # a seeded sample
    assert not learned(*(str(chooser.randint(900, 4000)) for _ in range(10_000))).are_telling


def test_few_lines_show_nothing() -> None:
    assert not learned(*["7"] * (ENOUGH - 1)).are_telling
    assert learned(*["7"] * ENOUGH).are_telling


def test_memory_is_bounded() -> None:
    threads = Threads()
    for number in range(3 * MAX_THREADS):
        threads.learn(str(number))
        assert len(list(threads)) <= MAX_THREADS
        assert number < MAX_THREADS // 2 or str(number - MAX_THREADS // 2) in threads
    assert "0" not in threads


def test_who_was_seen_lately_is_not_forgotten() -> None:
    threads = learned("7", "8")
    for number in range(3 * PERIOD):
        threads.learn(str(100 + number % (MAX_THREADS // 2)))
    threads.learn("7")
    for number in range(MAX_THREADS * 3 // 4):
        threads.learn(str(10**6 + number))
    assert "7" in threads
    assert "8" not in threads


@pytest.mark.parametrize("pool", [5, 60, 500])
def test_passing_many_by_is_the_same_as_learning_each(pool: int) -> None:
    chooser = random.Random(pool)  # noqa: S311  # a seeded sample
    each, several = Threads(), Threads()
    numbers = [str(number) for number in range(pool)]
    for threads in (each, several):
        for number in numbers:
            threads.learn(number)
    for _ in range(12):
        lines = [chooser.choice(numbers) for _ in range(chooser.randrange(2 * PERIOD))]
        for line in lines:
            each.learn(line)
        assert not several.passes_by([*lines, "a stranger"])
        if chooser.random() < 0.5:
            several.pass_by(lines)
        else:
            assert several.passes_by(lines)
        assert vars(several).keys() == vars(each).keys()
        assert several.are_telling == each.are_telling
        assert vars(several) == vars(each)
