# SPDX-License-Identifier: MIT
"""What is not over when the process ends is gone on with by the next one."""

from __future__ import annotations

import pytest

from logban.addresses import CanonicalAddress
from logban.matching.definition import Expression, Quote
from logban.matching.messages import Opened
from logban.matching.multiline import BufferedLine, LineBuffer
from logban.matching.quotes import GIVEN_UP_AFTER, QUIET_AFTER, SeenLine
from logban.matching.remembered import Remembered
from logban.matching.threads import ENOUGH
from logban.model import Failure, Origin, Success

ATTACKER, VICTIM = "198.51.100.7", "192.0.2.99"
BEGIN = Expression("begin", Origin("x", 1))
QUOTE = Quote("packet", BEGIN, BEGIN, 1000)
NOW = 5000.0


def failure(address: str, at: int, text: str = "line \udcff") -> Failure:
    fields = {"user": "\udc80\n'"}
    return Failure(CanonicalAddress(address), 4.25, "r", fields, text, "/log", at, "kind", True)


@pytest.fixture
def source() -> Remembered:
    """Give a source in which a packet of an attacker's has begun, which may hold the next lines."""
    made = Remembered(LineBuffer(3))
    made.guard.begin_block(b"x" * 200, 0, NOW)
    for at in range(ENOUGH):
        made.guard.take(SeenLine(at, True, "1", failure(ATTACKER, at)))
    opened = (Opened(QUOTE, ATTACKER),)
    made.guard.take(SeenLine(100, True, "1", failure(ATTACKER, 100), opened))
    assert made.guard.take(SeenLine(110, True, "30", failure(VICTIM, 110))) == []
    made.guard.end_block()
    return made


def after_a_restart(source: Remembered) -> Remembered:
    made = Remembered(LineBuffer(3))
    made.take_up(source.keep(), [QUOTE], NOW)
    return made


def test_nothing_is_nothing() -> None:
    assert Remembered(LineBuffer(1)).keep() == ""


def test_what_is_held_back_is_believed_when_its_message_is_over(source: Remembered) -> None:
    after = after_a_restart(source)
    assert after.guard.is_holding
    after.guard.begin_block(b"x" * 2000, 200, NOW)
    believed = after.guard.take(SeenLine(1500, True, "30", failure(ATTACKER, 1500)))
    assert believed == [failure(VICTIM, 110), failure(ATTACKER, 1500)]
    assert after.keep() == ""


def test_or_when_the_log_stays_quiet(source: Remembered) -> None:
    after = after_a_restart(source)
    assert after.guard.flush(NOW + QUIET_AFTER / 2) == []
    assert after.guard.flush(NOW + QUIET_AFTER) == [failure(VICTIM, 110)]
    assert after.guard.flush(NOW + GIVEN_UP_AFTER) == []


def test_or_given_up_when_the_peer_has_written_it(source: Remembered) -> None:
    after = after_a_restart(source)
    after.guard.begin_block(b"x" * 200, 200, NOW)
    after.guard.take(SeenLine(300, False, None, None, (), ("packet",)))
    assert after.guard.take_doubtful() == 1
    assert not after.guard.is_holding


def test_lines_that_come_within_the_message_are_held_back_as_before(source: Remembered) -> None:
    after = after_a_restart(source)
    after.guard.begin_block(b"x" * 200, 200, NOW)
    assert after.guard.take(SeenLine(300, False, None, failure(VICTIM, 300))) == []


def test_of_several_messages_of_a_kind_each_is_gone_on_with() -> None:
    """In a container's log those of one peer and thread are not kept as one."""
    source = Remembered(LineBuffer(3))
    source.guard.begin_block(b"2026-11-20T10:00:00Z " + b"x" * 400, 0, NOW)
    opened = (Opened(QUOTE, ATTACKER, 1),)
    source.guard.take(SeenLine(10, True, None, failure(ATTACKER, 10), opened))
    assert source.guard.take(SeenLine(20, True, "31", failure(VICTIM, 20))) == []
    source.guard.take(SeenLine(30, True, None, failure(ATTACKER, 30), opened))
    source.guard.end_block()
    after = after_a_restart(source)
    assert after_a_restart(after).keep() == after.keep()
    after.guard.begin_block(b"x" * 200, after.guard.messages().end, NOW)
    after.guard.take(SeenLine(440, False, None, None, (), ("packet",)))
    assert after.guard.take_doubtful() == 1


def test_another_file_is_not_the_one_of_before(source: Remembered) -> None:
    after = after_a_restart(source)
    after.guard.begin_block(b"x" * 200, 0, NOW)
    assert not after.guard.is_open


def test_tales_and_lines(source: Remembered) -> None:
    source.hearsay.hear(failure(VICTIM, 120), "40")
    source.buffer.add(BufferedLine("a \udcff", "b", None))
    source.buffer.add(BufferedLine("c", "d", 2.5))
    after = after_a_restart(source)
    assert after.hearsay.waiting == {"40": failure(VICTIM, 120)}
    assert list(after.buffer.lines) == list(source.buffer.lines)


def test_successes(source: Remembered) -> None:
    success = Success(CanonicalAddress(VICTIM), None, "in", {}, "line", "/log", 120)
    source.guard.take(SeenLine(120, True, "31", success))
    after = after_a_restart(source)
    found = after.guard.flush(None)
    assert (found[-1], type(found[-1])) == (success, Success)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"windows": [["gone"]]}'])
def test_what_does_not_go_with_the_filter(text: str, source: Remembered) -> None:
    after = Remembered(LineBuffer(3))
    with pytest.raises(ValueError, match="does not go with the filter"):
        after.take_up(text, [QUOTE], NOW)
    with pytest.raises(ValueError, match="does not go with the filter"):
        after.take_up(source.keep(), [], NOW)
    assert after.keep() == ""
