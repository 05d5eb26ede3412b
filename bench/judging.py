#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure the judgement: failures a second on one core, and bytes a tracked subject.

Trust, accounts, networks and the day's window are on, as in the shipped jails.  Each block of
failures is made just before it is judged, as the matcher does; what is measured is the judge alone,
its CPU time.  Garbage is collected as in the daemon.

The same is judged several times over, and of each block the least time counts: what else a machine
has to do makes some blocks take longer, and never less long.

    bench/judging.py                 60,000 failures of each kind, six times
    bench/judging.py --smoke         a few thousand: does it run at all?
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

from logban.addresses import canonical_address
from logban.judging import weights
from logban.judging.exemptions.book import ExemptionBook
from logban.judging.judge import Judge
from logban.judging.scrutiny.charging import Charging
from logban.judging.scrutiny.trust import Trust
from logban.judging.times import LogTimes
from logban.model import Failure, Outcome, Success
from logban.policy.enough import Policy
from logban.policy.scrutiny import Scrutiny, Unit

START = 1_795_132_800.0
BLOCK = 300
"""Failures that are handed to the judge at a time: about what 64 KiB of a log hold."""

RUNS = 6

Maker = Callable[[int], Iterator[Outcome]]


def address(number: int) -> str:
    """Give one of 2**24 addresses, neighbours far apart."""
    mixed = number * 2654435761 % 2**24
    return f"{11 + mixed % 90}.{mixed >> 16 & 255}.{mixed >> 8 & 255}.{mixed & 255}"


def failure(at: float, who: str, user: str, kind: str = "wrong-password") -> Failure:
    """Make a failure as the filter for Asterisk gives it."""
    fields = {"user": user, "callid": f"{at}", "fport": "5060", "thread": "18390"}
    line = f"[2026-11-20 10:00:00] NOTICE[18390] registration of {user} from {who} failed"
    source = "/var/log/asterisk/full"
    where = canonical_address(who)
    return Failure(where, START + at, "pjsip-request", fields, line, source, 0, kind, proven=True)


def flood(count: int) -> Iterator[Outcome]:
    """A hundred attackers guess passwords as fast as they can, whoever is banned or not."""
    for number in range(count):
        yield failure(number / 1000, address(number % 100), "201")


def scan(count: int) -> Iterator[Outcome]:
    """Three hundred attackers try one user after the other."""
    for number in range(count):
        user = str(100 + number // 300)
        yield failure(number / 1000, address(number % 300), user, "unknown-user")


def spray(count: int) -> Iterator[Outcome]:
    """Every failure comes from another address."""
    for number in range(count):
        yield failure(number / 1000, address(number), str(100 + number % 1000))


def mixed(count: int) -> Iterator[Outcome]:
    """Two thousand customers' places, a tenth of the phones with old passwords; a fifth attack."""
    rng = random.Random(1)  # a story
    for number in range(count):
        site, phone = rng.randrange(2000), rng.randrange(10)
        at, user = number / 1000, f"{site}-{phone}"
        if number % 5 == 0:
            yield failure(at, address(50_000 + rng.randrange(5000)), str(rng.randrange(1000)))
        elif phone == 0 or number % 7:
            yield failure(at, address(site), user)
        else:
            where = canonical_address(address(site))
            yield Success(where, START + at, "registered", {"user": user}, "", "full", 0)


def judge_of() -> Judge:
    """Give a judge as the shipped jail has it."""
    book = ExemptionBook()
    book.set_jail("pbx", ["127.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"], "ignoreip", own=True)
    policy = Policy(
        5, 600.0, 3600.0, max_evidence=5, attempt_fields=("callid", "session", "fport"),
        scrutiny=Scrutiny(), keeps_captures=False,
    )  # fmt: skip
    return Judge(
        "pbx", policy, exempt=lambda who: book.exempt("pbx", who), floors={}, trust=Trust(),
        weigh=book.weigh, clears=partial(book.clears, "pbx"),
    )  # fmt: skip


def charging_of() -> Charging:
    """Give what a judge has of its own, of one that bans nobody."""
    policy = Policy(1000, 600.0, 3600.0, scrutiny=Scrutiny(count_by=frozenset({Unit.IP})))
    judge = Judge("pbx", policy, exempt=lambda _: None, floors={}, trust=Trust())
    if judge.charging is None:
        sys.exit("this is no judge with scrutiny")
    return judge.charging


def rate(make: Maker, count: int) -> float:
    """Give the outcomes a second that the judge takes."""
    runs = [times_of_blocks(make, count) for _ in range(RUNS)]
    return count / sum(map(min, zip(*runs, strict=True))) * 1e9


def times_of_blocks(make: Maker, count: int) -> list[int]:
    """Give the nanoseconds that the judge takes for each block."""
    judge, times, took = judge_of(), LogTimes(), list[int]()
    outcomes = make(count)
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 100)
    while block := list(islice(outcomes, BLOCK)):
        began = time.process_time_ns()
        judge.judge(block, times, live=False, now=block[0].time or START)
        took.append(time.process_time_ns() - began)
    gc.unfreeze()
    return took


def bytes_a_subject(subjects: int, failures: int) -> float:
    """Give the bytes that a subject with so many failures takes, its evidence left out."""
    charging = charging_of()
    charging.places.keep_no_evidence()
    # As a log brings them: a record holds no text that anybody else holds as well.
    tracemalloc.start()
    for turn in range(failures):
        for number in range(subjects):
            at = turn * 100 + number / subjects
            who = address(number)
            charging.fail(failure(at, who, f"{number}-{turn}", "acl"), START + at, who, who)
        charging.places.take_dirty()
        charging.take_dirty()
    # What is bounded by itself, whatever the number of subjects: networks, remembered texts.
    charging.crowds.networks.tidy(START + 10**6)
    charging.weighing.forget()
    weights.what_of.cache_clear()
    gc.collect()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return taken / len(charging.places)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--smoke", action="store_true")
    count = 5000 if parser.parse_args().smoke else 60_000
    for make in (flood, scan, spray, mixed):
        print(f"{make.__name__:8} {rate(make, count):12,.0f} outcomes a second")
        sys.stdout.flush()
    for failures in (1, 2, 4):
        taken = bytes_a_subject(count // 3, failures)
        print(f"{taken:8,.0f} bytes a subject with {failures} failures, its evidence aside")


if __name__ == "__main__":
    main()
