# SPDX-License-Identifier: MIT
"""Thread numbers are believed to tell something only where they are those of a server."""

from __future__ import annotations

import random

from logban.matching.threads import ENOUGH, MAX_THREADS, Threads


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
    threads = learned(*map(str, range(MAX_THREADS + 10)))
    assert len(list(threads)) == MAX_THREADS
    assert "0" not in threads
