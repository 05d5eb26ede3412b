# SPDX-License-Identifier: MIT
"""Names are looked up beside the work; one that fails harms nobody."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from logban.judging.exemptions.names import SystemResolver, look_up


class FakeResolver:
    """Answers out of a dictionary; an exception in it is raised."""

    def __init__(self, answers: dict[str, frozenset[str] | Exception]) -> None:
        self.answers = answers

    async def resolve(self, name: str) -> frozenset[str]:
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_those_that_fail_are_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    resolver = FakeResolver(
        {
            "good.example": frozenset({"198.51.100.7", "2001:db8::7"}),
            "gone.example": socket.gaierror(-2, "Name or service not known"),
            "slow.example": TimeoutError(),
            "x" * 300: UnicodeError("label too long"),
        }
    )
    with caplog.at_level(logging.WARNING):
        found = asyncio.run(look_up(resolver, resolver.answers))
    assert found == {"good.example": {"198.51.100.7", "2001:db8::7"}}
    assert len(caplog.records) == 3
    assert "gone.example does not resolve ([Errno -2] Name or service not known)" in caplog.text
    assert "slow.example does not resolve (TimeoutError)" in caplog.text


def test_a_mistake_of_our_own_is_not_hidden() -> None:
    with pytest.raises(KeyError):
        asyncio.run(look_up(FakeResolver({}), ["a.example"]))


def test_nothing_to_look_up() -> None:
    assert asyncio.run(look_up(FakeResolver({}), [])) == {}


def test_the_hosts_resolver() -> None:
    found = asyncio.run(SystemResolver().resolve("localhost"))
    assert found
    assert found <= {"127.0.0.1", "::1"}
    with pytest.raises(OSError, match=r".+"):
        asyncio.run(SystemResolver().resolve("no-such-name.invalid"))
