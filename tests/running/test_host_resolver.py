# SPDX-License-Identifier: MIT
"""Names that anybody can make up are looked up in bounded time, by few threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from logban.running.host_resolver import THREADS, HostResolver
from logban.testing.waiting import until

ANSWER = frozenset({"198.51.100.7"})

PATIENT = 60.0
"""Seconds to wait for an answer that is sure to come, however busy the machine is."""


@pytest.fixture
def stuck() -> Iterator[threading.Event]:
    """Give what lets a resolver that does not answer go on."""
    event = threading.Event()
    yield event
    event.set()


def test_an_answer_and_an_error() -> None:
    def look_up(name: str) -> frozenset[str]:
        if name == "no":
            raise OSError("there is no such name")
        if name == "bad":
            raise UnicodeError("label too long")
        return ANSWER

    async def story() -> None:
        resolver = HostResolver(look_up, time_limit=PATIENT)
        assert await resolver.resolve("a.example") == ANSWER
        for name, said in (("no", "no such name"), ("bad", "label too long")):
            with pytest.raises(OSError, match=said):
                await resolver.resolve(name)
        many = await asyncio.gather(*(resolver.resolve(f"{n}.example") for n in range(100)))
        assert many == [ANSWER] * 100

    asyncio.run(story())


def test_a_server_that_does_not_answer_holds_nobody_up(stuck: threading.Event) -> None:
    asked: list[str] = []

    def look_up(name: str) -> frozenset[str]:
        asked.append(name)
        stuck.wait(PATIENT)
        return ANSWER

    async def story() -> None:
        resolver = HostResolver(look_up, time_limit=0.05)
        names = [f"{n}.example" for n in range(50)]
        answers = await asyncio.gather(*map(resolver.resolve, names), return_exceptions=True)
        assert [str(each) for each in answers] == ["no answer within 0.05 s"] * 50
        assert len(asked) <= THREADS
        stuck.set()
        # Those who gave up are not looked up any more; who asks now is answered.
        resolver = HostResolver(look_up, time_limit=PATIENT)
        assert await resolver.resolve("late.example") == ANSWER

    asyncio.run(story())


def test_who_gave_up_is_not_looked_up_any_more(stuck: threading.Event) -> None:
    asked: list[str] = []

    def look_up(name: str) -> frozenset[str]:
        asked.append(name)
        stuck.wait(PATIENT)
        return ANSWER

    async def story() -> None:
        resolver = HostResolver(look_up, time_limit=PATIENT)
        tasks = [asyncio.create_task(resolver.resolve(str(n))) for n in range(THREADS + 5)]
        await until(lambda: len(asked) == THREADS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        stuck.set()
        assert await resolver.resolve("last") == ANSWER
        assert asked[THREADS:] == ["last"]

    asyncio.run(story())


def test_a_name_is_taken_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def getaddrinfo(name: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(name)
        return [(0, 0, 0, "", (at, 0)) for at in ("fe80::1%eth0", "::ffff:192.0.2.1", "192.0.2.1")]

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)

    async def story() -> None:
        assert await HostResolver(time_limit=PATIENT).resolve("a.example") == {
            "fe80::1",
            "192.0.2.1",
        }

    asyncio.run(story())
    assert asked == ["a.example."]
