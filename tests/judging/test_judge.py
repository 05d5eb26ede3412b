# SPDX-License-Identifier: MIT
"""Which failures count, for whom, and what comes of them."""

from __future__ import annotations

from logban.addresses import canonical_address
from logban.judging.exemptions.book import ExemptionBook
from logban.judging.judge import Judge
from logban.judging.times import ArrivalTimes
from logban.model import Failure, Subject, SubjectKind, Verdict
from logban.policy.enough import Policy

NOW = 1_795_168_800.0


def failure(address: str, time: float | None = NOW, line: str = "a line") -> Failure:
    source = "/var/log/test"
    return Failure(canonical_address(address), time, "rule", {}, line, source, 0)


class Bench:
    """A judge, and all that it asks."""

    def __init__(self, policy: Policy) -> None:
        self.book = ExemptionBook()
        self.book.set_jail("jail", ["203.0.113.0/24"], "ignoreip", own=True)
        self.floors: dict[Subject, float] = {}
        self.times = ArrivalTimes()
        self.judge = Judge(
            "jail",
            policy,
            exempt=lambda subject: self.book.exempt("jail", subject),
            floors=self.floors,
        )

    def take(self, *failures: Failure, live: bool = True, now: float = NOW) -> list[Verdict]:
        return self.judge.judge(failures, self.times, live=live, now=now)


def bench(
    maxretry: int = 2, findtime: float = 600.0, bantime: float | None = 3600.0, prefix: int = 64
) -> Bench:
    return Bench(Policy(maxretry, findtime, bantime, ipv6_prefix=prefix, max_evidence=2))


def test_enough_failures_make_a_verdict() -> None:
    at = bench(maxretry=3)
    assert at.take(failure("198.51.100.7", NOW - 20, "1"), failure("198.51.100.7", None, "2")) == []
    (verdict,) = at.take(failure("198.51.100.7", NOW - 0.5, "3"), failure("198.51.100.8"))
    assert (verdict.jail, verdict.subject) == ("jail", Subject.parse("198.51.100.7"))
    # The last of them is the one that says that it happened now.
    assert (verdict.time, verdict.until, verdict.failures) == (NOW, NOW + 3600, 3)
    assert (verdict.rule, [item.line for item in verdict.evidence]) == ("rule", ["3", "2"])
    assert at.judge.counters.counted == 4


def test_the_count_starts_again_with_a_verdict() -> None:
    at = bench()
    several = [failure("198.51.100.7", NOW - 10 + n) for n in range(5)]
    assert [verdict.time for verdict in at.take(*several)] == [NOW - 9, NOW - 7]
    assert len(at.take(failure("198.51.100.7"))) == 1


def test_for_ever() -> None:
    (verdict,) = bench(maxretry=1, bantime=None).take(failure("198.51.100.7"))
    assert verdict.until is None


def test_old_failures_do_not_count() -> None:
    at = bench(maxretry=1)
    too_old = [failure("198.51.100.7", NOW - 600), failure("198.51.100.7", NOW - 7200)]
    assert at.take(*too_old, live=False) == []
    assert at.take(failure("198.51.100.7", NOW + 7200), live=False) == []
    assert at.judge.counters.old == 3
    assert at.take(failure("198.51.100.7", NOW - 599.9), live=False) != []


def test_a_floor_keeps_older_failures_from_counting() -> None:
    at = bench(maxretry=1)
    at.floors[Subject.parse("198.51.100.7")] = NOW - 10
    assert at.take(failure("198.51.100.7", NOW - 10), failure("198.51.100.7", NOW - 20)) == []
    assert at.judge.counters.floored == 2
    assert len(at.take(failure("198.51.100.8", NOW - 20))) == 1
    assert len(at.take(failure("198.51.100.7", NOW - 9.9))) == 1


def test_the_exempt_are_not_even_counted() -> None:
    at = bench(maxretry=1)
    assert at.take(failure("203.0.113.7"), failure("127.0.0.1"), failure("::1")) == []
    assert (at.judge.counters.exempted, len(at.judge.tracker)) == (3, 0)


def test_ipv6_is_counted_by_network() -> None:
    at = bench(maxretry=3)
    verdicts = at.take(*(failure(f"2001:db8:66::{n:x}") for n in range(3)))
    assert [verdict.subject for verdict in verdicts] == [
        Subject(SubjectKind.NET, "2001:db8:66::/64")
    ]
    assert bench(maxretry=1, prefix=48).take(failure("2001:db8:66:1::1"))[0].subject == Subject(
        SubjectKind.NET, "2001:db8:66::/48"
    )
    alone = bench(maxretry=1, prefix=128).take(failure("2001:db8:66::1"))
    assert alone[0].subject == Subject(SubjectKind.IP, "2001:db8:66::1")


def test_beside_an_exempt_neighbour_an_ipv6_address_stands_for_itself() -> None:
    at = bench(maxretry=2)
    at.book.set_own(["2001:db8:66::1"])
    assert at.take(failure("2001:db8:66::1"), failure("2001:db8:66::1")) == []
    assert at.take(failure("2001:db8:66::2"), failure("2001:db8:66::3")) == []
    (verdict,) = at.take(failure("2001:db8:66::2"))
    assert verdict.subject == Subject(SubjectKind.IP, "2001:db8:66::2")


def test_tidying_forgets_those_who_have_been_quiet() -> None:
    at = bench()
    at.take(failure("198.51.100.7"))
    at.judge.tidy(NOW + 599)
    assert len(at.judge.tracker) == 1
    at.judge.tidy(NOW + 600)
    assert len(at.judge.tracker) == 0
