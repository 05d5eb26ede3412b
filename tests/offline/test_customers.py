# SPDX-License-Identifier: MIT
"""Customers and attackers, from the line to the actions, and over a restart."""

from __future__ import annotations

import pytest

from logban.daemon import Daemon
from logban.model import ChangeKind, Subject, SubjectKind
from logban.testing.lines import CUSTOMERS, asterisk_line
from logban.testing.machine import Machine, once
from logban.testing.waiting import until

OFFICE, OTHER = "203.0.113.50", "198.51.100.7"
PAIR = Subject(SubjectKind.USER_IP, OFFICE, "207")


@pytest.fixture
def bench(bench: Machine) -> Machine:
    (bench.folder / "filters.d/sip.conf").write_text(CUSTOMERS)
    return bench


def say(bench: Machine, *words: str, times: int = 1) -> None:
    """Write lines of this moment."""
    for _ in range(times):
        bench.log.write(asterisk_line(" ".join(words), bench.clock.now(), "NOTICE"))


def judged(daemon: Daemon) -> int:
    """Give the number of outcomes that the jail has judged."""
    counters = daemon.jails.running["pbx"].judge.counters
    return counters.counted + counters.successes


def test_an_old_password_over_a_restart_bans_nobody_and_is_told_of_once(bench: Machine) -> None:
    async def story() -> None:
        bench.jail(action="nftables\n  sendmail", maxretry="5", logtimezone="UTC")
        async with bench.running() as daemon:
            say(bench, "in 207", OFFICE)
            say(bench, "refused 207", OFFICE, times=3)
            await until(lambda: judged(daemon) == 4)
        async with bench.running() as daemon:
            say(bench, "refused 207", OFFICE, times=9)
            say(bench, "refused 201", OTHER, times=5)
            await until(lambda: Subject.parse(OTHER) in bench.enforcer().in_force)
            assert not [ban for ban in daemon.ledger.active() if ban.subject.network == OFFICE]
            notifier = bench.notifier("pbx sendmail")
            await bench.let_pass(2)  # who is told is told once it is in the database
            await until(lambda: len(notifier.told) >= 2)
            notices = [each for each in notifier.told if each.kind is ChangeKind.NOTICE]
            assert [each.ban.subject for each in notices] == [PAIR]
            assert "extension 207" in notices[0].ban.reason
        await bench.let_pass(61)  # more within a minute would be a burst, and no telephone
        async with bench.running() as daemon:
            say(bench, "refused 207", OFFICE, times=9)
            await until(lambda: judged(daemon) == 9)
            await bench.let_pass(2)
            assert bench.notifier("pbx sendmail").told == []

    once(story)


def test_who_is_kept_out_and_gets_in_is_let_in(bench: Machine) -> None:
    async def story() -> None:
        bench.jail(
            maxretry="5", logtimezone="UTC", **{"user-ip.action": "kamailio-userban", "trust": "1h"}
        )
        async with bench.running() as daemon:
            userban = bench.enforcer("pbx kamailio-userban")
            say(bench, "in 207", OFFICE)
            say(bench, "refused 207", OFFICE, times=5)
            await until(lambda: PAIR in userban.in_force)
            assert [ban.subject for ban in daemon.ledger.active()] == [PAIR]
            say(bench, "refused 201", OTHER, times=5)
            await until(lambda: Subject.parse(OTHER) in bench.enforcer().in_force)
            # An action for users at an address is for nobody else.
            assert set(userban.in_force) == {PAIR}
            say(bench, "in 207", OFFICE)
            await until(lambda: PAIR not in userban.in_force)
            assert [ban.subject for ban in daemon.ledger.active()] == [Subject.parse(OTHER)]

    once(story)
