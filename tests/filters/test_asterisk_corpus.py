# SPDX-License-Identifier: MIT
"""The filter for Asterisk on real logs of real attacks, hostile text among them."""

from __future__ import annotations

import random

import pytest

NO_TRUE_ADDRESS = "disallowed by contact ACL (violating IP"
"""What chan_sip logs of a forbidden Contact names the Contact's address and not the sender's.

Where the security events are in the same log, the sender's own address bears it out; in a channel
without them nothing does, and nobody is named.
"""


def test_nobody_is_accused_wrongly(asterisk_outcome) -> None:
    assert asterisk_outcome.wrong == []


def test_every_attempt_is_caught(asterisk_outcome) -> None:
    missed = asterisk_outcome.missed_attempts
    unexplained = {
        attempt: lines
        for attempt, lines in missed.items()
        if not any(NO_TRUE_ADDRESS in line for line in lines)
    }
    assert unexplained == {}
    if not asterisk_outcome.log.name.endswith(".messages"):
        assert missed == {}


def test_hardly_an_attempt_is_missed_over_all_logs(all_outcomes) -> None:
    outcomes = all_outcomes("asterisk")
    attempts = sum(len(outcome.attempts) for outcome in outcomes)
    missed = sum(len(outcome.missed_attempts) for outcome in outcomes)
    assert attempts > 5000
    assert missed <= 0.01 * attempts


def test_phones_and_victims_are_never_named(asterisk_outcome) -> None:
    attackers = ("198.51.100.", "203.0.113.", "2001:db8:66:")
    for failure in asterisk_outcome.found.values():
        assert failure.address.startswith(attackers), failure


def test_users_are_those_that_the_attacker_tried(asterisk_outcome) -> None:
    """Where the attacker meant no harm to readers, the user is the one he tried, or none."""
    wrong = []
    for number, failure in asterisk_outcome.found.items():
        truth = asterisk_outcome.log.truth[number]
        user = failure.fields.get("user")
        plain = failure.rule.startswith(("sip-register", "pjsip-request", "manager", "iax"))
        if plain and user and truth.user and not truth.hostile and user != truth.user:
            wrong.append((number, user, truth.user, failure.line))
    assert wrong == []


@pytest.mark.parametrize("name", ["asterisk16-chansip-ms.full", "asterisk22-pjsip.full",
                                  "asterisk16-freepbxlike-mixed.messages"])  # fmt: skip
def test_borders_of_blocks_do_not_matter(matcher_of, failures_in, corpus_log, name) -> None:
    log = corpus_log(name)
    lines = log.data.count(b"\n")
    whole = matcher_of("asterisk")
    expected = [(each.offset, each.rule, each.address) for each in failures_in(whole, log.data)]
    for seed in range(6):
        chosen = random.Random(seed)  # noqa: S311  # cuts are no secret
        cuts = sorted(chosen.sample(range(1, lines), chosen.choice([1, 20, lines // 2])))
        pieces = matcher_of("asterisk")
        found = failures_in(pieces, log.data, cuts)
        assert [(each.offset, each.rule, each.address) for each in found] == expected
        assert pieces.counters == whole.counters
