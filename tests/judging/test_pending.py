# SPDX-License-Identifier: MIT
"""What waits is written down whole, grows, and stays within bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.judging import pending as module
from logban.judging.pending import Pending, Waiting
from logban.model import Evidence, Subject, Verdict

WHO = Subject.parse("198.51.100.7")


def verdict(number: int = 7, until: float | None = 1600.0, failures: int = 5) -> Verdict:
    who = Subject.parse(f"198.51.100.{number}")
    evidence = (Evidence(1000.0, "rule", f"line of {number}", "/var/log/full"),)
    return Verdict("pbx", who, 1000.0, until, failures, "rule", evidence)


@given(st.floats(0, 2e9), st.none() | st.floats(0, 2e9), st.text(), st.text(), st.lists(st.text()))
def test_it_is_read_as_it_was_written(
    time: float, until: float | None, rule: str, brake: str, lines: list[str]
) -> None:
    evidence = tuple(Evidence(time, rule, line, "file") for line in lines)
    waiting = Waiting(Verdict("pbx", WHO, time, until, 3, rule, evidence), time, brake)
    assert Waiting.from_text("pbx", WHO, waiting.to_text()) == waiting


def test_a_further_verdict_is_joined_to_the_one_that_waits() -> None:
    pending = Pending()
    assert not pending.add(verdict())
    pending.put(Waiting(verdict(), 1000.0))
    assert pending.add(verdict(until=1900.0, failures=2))
    waiting = pending.get("pbx", WHO)
    assert waiting is not None
    assert (waiting.verdict.until, waiting.verdict.failures) == (1900.0, 7)
    assert len(waiting.verdict.evidence) == 2
    assert pending.add(verdict(until=None))
    for _ in range(100):
        pending.add(verdict(until=1700.0))
    waiting = pending.take("pbx", WHO)
    assert waiting is not None
    assert waiting.verdict.until is None
    assert len(waiting.verdict.evidence) == module.MAX_EVIDENCE
    assert pending.take("pbx", WHO) is None
    assert not pending


def test_what_has_changed_is_told_once() -> None:
    pending = Pending()
    pending.restore(Waiting(verdict(1), 1000.0))
    assert pending.take_dirty() == {}
    pending.put(Waiting(verdict(), 1000.0))
    changed = pending.take_dirty()
    assert list(changed) == [("pbx", WHO)]
    assert changed["pbx", WHO]
    assert pending.take_dirty() == {}
    pending.take("pbx", WHO)
    assert pending.take_dirty() == {("pbx", WHO): None}


def test_of_too_many_the_oldest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PENDING", 3)
    pending = Pending()
    for number in range(5):
        pending.put(Waiting(verdict(number), 1000.0))
    assert [waiting.verdict.subject.network[-1] for waiting in pending] == ["2", "3", "4"]
    assert pending.dropped == 2
    changed = pending.take_dirty()
    assert sum(text is None for text in changed.values()) == 2
