# SPDX-License-Identifier: MIT
"""Slow sources are asked together, within one limit, and none of them can do harm."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from logban.judging.exemptions import enquiries as module
from logban.judging.exemptions.enquiries import Answer, Enquiries, Unanswered
from logban.judging.exemptions.exemption import Exemption
from logban.model import Subject, SubjectKind, Verdict
from logban.testing.clock import FakeClock
from logban.testing.enquiries import FakeEnquiry
from logban.testing.waiting import LIMIT

WHO = Subject.parse("198.51.100.7")


class Counting(FakeEnquiry):
    """Knows how many questions have been open at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.most = self.open = 0

    async def ask(self, verdict: Verdict) -> Exemption | None:
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            return await super().ask(verdict)
        finally:
            self.open -= 1


def verdict(subject: Subject = WHO, jail: str = "pbx") -> Verdict:
    return Verdict(jail, subject, 1000.0, 1600.0, 5, "rule")


def story(tell: Callable[[Enquiries, FakeClock], Awaitable[None]], limit: float = 5.0) -> None:
    async def limited() -> None:
        clock = FakeClock(1000.0)
        async with asyncio.timeout(LIMIT):
            await tell(Enquiries(clock, time_limit=limit), clock)

    asyncio.run(limited())


def test_the_first_in_order_that_exempts_decides() -> None:
    async def tell(enquiries: Enquiries, _: FakeClock) -> None:
        first, second, third = (FakeEnquiry(name) for name in ("one", "two", "three"))
        second.exempt = third.exempt = {WHO}
        enquiries.set_everywhere([first, second])
        enquiries.set_jail("pbx", [third])
        answer = await enquiries.ask(verdict())
        assert answer.exemption is not None
        assert answer.source == "two"
        assert enquiries.is_for_all(answer)
        of_jail = await enquiries.answers(verdict())
        assert [each.source for each in of_jail] == ["one", "two", "three"]
        assert not enquiries.is_for_all(of_jail[2])
        assert [each.source for each in await enquiries.answers(verdict(jail="other"))] == [
            "one",
            "two",
        ]

    story(tell)


def test_an_answer_is_remembered_for_its_time() -> None:
    async def tell(enquiries: Enquiries, clock: FakeClock) -> None:
        source = FakeEnquiry(keep=60.0)
        enquiries.set_everywhere([source])
        assert enquiries.remembered(verdict()) is None
        assert await enquiries.ask(verdict()) == Answer("fake")
        assert enquiries.remembered(verdict()) == Answer("fake")
        clock.advance(59)
        await enquiries.ask(verdict())
        assert len(source.asked) == 1
        clock.advance(1)
        assert enquiries.remembered(verdict()) is None
        await enquiries.ask(verdict())
        assert len(source.asked) == 2

    story(tell)


def test_nobody_to_ask_is_known_at_once() -> None:
    async def tell(enquiries: Enquiries, _: FakeClock) -> None:
        enquiries.set_everywhere([FakeEnquiry()])
        user = verdict(Subject(SubjectKind.USER, "", "6003"))
        assert enquiries.concerned(user) == []
        assert enquiries.remembered(user) == Answer("")

    story(tell)


@pytest.mark.parametrize("unanswered", Unanswered)
def test_silence_is_read_as_the_source_says(
    unanswered: Unanswered, caplog: pytest.LogCaptureFixture
) -> None:
    async def tell(enquiries: Enquiries, clock: FakeClock) -> None:
        mute, other = FakeEnquiry("mute", unanswered=unanswered, keep=900.0), FakeEnquiry("other")
        mute.may_answer.clear()
        enquiries.set_everywhere([mute, other])
        answer = await enquiries.ask(verdict())
        assert (answer.exemption is not None) is (unanswered is Unanswered.SPARE)
        # One that says nothing does not take the others' time away, and is not asked again soon.
        assert other.asked == [WHO]
        assert enquiries.remembered(verdict()) == answer
        clock.advance(module.ASK_AGAIN)
        assert enquiries.remembered(verdict()) is None

    with caplog.at_level(logging.WARNING):
        story(tell, limit=0.05)
    assert "mute about 198.51.100.7: no answer within 0.05 s" in caplog.text


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (OSError("connection refused"), "connection refused"),
        (TimeoutError(), "no answer within"),
        (ValueError("a mistake of ours"), "internal error: a mistake of ours"),
    ],
)
def test_a_source_that_fails_is_silent(
    fault: Exception, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def tell(enquiries: Enquiries, _: FakeClock) -> None:
        source = FakeEnquiry()
        source.fault = fault
        enquiries.set_everywhere([source])
        answer = await enquiries.ask(verdict())
        assert answer.exemption is None
        assert said in answer.error

    story(tell)
    assert said in caplog.text


def test_more_questions_than_slots_are_all_decided_within_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)

    async def tell(enquiries: Enquiries, _: FakeClock) -> None:
        mute = Counting()
        mute.may_answer.clear()
        enquiries.set_everywhere([mute])
        people = [Subject.parse(f"198.51.100.{number}") for number in range(10)]
        answers = await asyncio.gather(*(enquiries.ask(verdict(each)) for each in people))
        assert all(answer.error for answer in answers)
        assert mute.most == 2

    story(tell, limit=0.05)


def test_what_is_remembered_has_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED", 3)

    async def tell(enquiries: Enquiries, _: FakeClock) -> None:
        source = FakeEnquiry()
        enquiries.set_everywhere([source])
        people = [verdict(Subject.parse(f"198.51.100.{number}")) for number in range(5)]
        for each in people:
            await enquiries.ask(each)
        assert [enquiries.remembered(each) is not None for each in people] == [
            False, False, True, True, True,
        ]  # fmt: skip
        enquiries.set_everywhere([FakeEnquiry()])  # another one by the same name knows nothing yet
        assert enquiries.remembered(people[-1]) is None

    story(tell)


def test_a_jail_that_is_gone_asks_nobody() -> None:
    async def tell(enquiries: Enquiries, _: FakeClock) -> None:
        enquiries.set_jail("pbx", [FakeEnquiry()])
        assert enquiries.concerned(verdict())
        enquiries.forget_jail("pbx")
        assert not enquiries.concerned(verdict())

    story(tell)


def test_a_jail_may_give_its_own_sources_longer() -> None:
    async def tell(enquiries: Enquiries, _: FakeClock) -> None:
        usual, patient = FakeEnquiry("usual"), FakeEnquiry("patient")
        usual.may_answer.clear()
        patient.may_answer.clear()
        enquiries.set_everywhere([usual])
        enquiries.set_jail("pbx", [patient], time_limit=0.1)
        answers = await enquiries.answers(verdict())
        assert [each.error for each in answers] == [
            "no answer within 0.01 s",
            "no answer within 0.1 s",
        ]
        enquiries.set_jail("pbx", [patient])
        answers = await enquiries.answers(verdict(Subject.parse("198.51.100.8")))
        assert {each.error for each in answers} == {"no answer within 0.01 s"}

    story(tell, limit=0.01)
