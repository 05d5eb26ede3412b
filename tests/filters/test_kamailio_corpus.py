# SPDX-License-Identifier: MIT
"""The filter for Kamailio on real logs of real attacks, hostile text among them."""

from __future__ import annotations

from typing import Any


def test_nobody_is_accused_wrongly(kamailio_outcome: Any) -> None:
    assert kamailio_outcome.wrong == []


def test_every_attempt_is_caught(kamailio_outcome: Any) -> None:
    assert kamailio_outcome.missed_attempts == {}


def test_every_line_is_seen(kamailio_outcome: Any) -> None:
    assert kamailio_outcome.missed == {}


def test_telephones_do_nothing_wrong(kamailio_outcome: Any) -> None:
    if "benign" in kamailio_outcome.log.name:
        assert kamailio_outcome.found == {}
    else:
        assert len(kamailio_outcome.found) > 200


def test_who_fails_is_told_by_name(kamailio_outcome: Any) -> None:
    truth = kamailio_outcome.log.truth
    named = {
        number: failure.fields["user"]
        for number, failure in kamailio_outcome.found.items()
        if "user" in failure.fields and not truth[number].hostile
    }
    assert {number: truth[number].user for number in named} == named
    if "benign" not in kamailio_outcome.log.name:
        assert named
