# SPDX-License-Identifier: MIT
"""Which customers would have been banned."""

from __future__ import annotations

from logban.addresses import canonical_address
from logban.judging.impact import MAX_USERS, Impact
from logban.model import Ban, Change, ChangeKind, Subject, SubjectKind, Success


def got_in(address: str, user: str) -> Success:
    return Success(canonical_address(address), 1.0, "in", {"user": user}, "line", "full", 0)


def banned(subject: Subject, time: float, kind: ChangeKind = ChangeKind.BAN) -> Change:
    return Change(kind, Ban("pbx", subject, time, time + 60), time)


def test_bans_that_hit_customers_whenever_they_got_in() -> None:
    impact = Impact(64)
    for address, user in (
        ("203.0.113.10", "201"), ("203.0.113.10", "202"), ("198.51.100.7", "301"),
        ("2001:db8:7::5", "401"), ("192.0.2.9", "501"), ("192.0.2.10", "502"),
    ):  # fmt: skip
        impact.succeed(got_in(address, user))
    for time, subject in enumerate(
        (
            Subject.parse("2001:db8:7::99"),
            Subject.parse("203.0.113.10"),
            Subject.parse("203.0.113.10"),
            Subject.parse("203.0.113.11"),
            Subject.parse("198.51.100.0/24"),
            Subject(SubjectKind.USER_IP, "192.0.2.9", "501"),
        )
    ):
        impact.change(banned(subject, float(time)))
    impact.change(banned(Subject.parse("192.0.2.10"), 9.0, ChangeKind.EXTEND))
    assert [(str(hit.ban.subject), hit.ban.time, hit.users) for hit in impact.hits()] == [
        ("2001:db8:7::/64", 0.0, ("401",)),
        ("203.0.113.10", 1.0, ("201", "202")),
        ("198.51.100.0/24", 4.0, ("301",)),
    ]


def test_of_very_many_users_some_are_named() -> None:
    impact = Impact(64)
    for number in range(100):
        impact.succeed(got_in("203.0.113.10", str(number)))
    impact.change(banned(Subject.parse("203.0.113.10"), 1.0))
    assert len(impact.hits()[0].users) == MAX_USERS
