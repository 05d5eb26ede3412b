# SPDX-License-Identifier: MIT
"""Work that hangs, in threads that nobody has to wait for."""

from __future__ import annotations

import asyncio
import threading

import pytest

from logban.aside import Aside


def test_what_comes_of_it() -> None:
    def fail() -> None:
        raise KeyError("x")

    async def story() -> None:
        aside = Aside(2, "test")
        assert await aside.call(lambda: 6 * 7, 20) == 42
        with pytest.raises(KeyError):
            await aside.call(fail, 20)
        many = await asyncio.gather(*(aside.call(lambda n=n: n, 20) for n in range(100)))  # type: ignore[misc]  # mypy knows no default of a lambda
        assert many == list(range(100))

    asyncio.run(story())


def test_neither_who_asks_nor_the_end_of_the_loop_waits() -> None:
    hanging, begun = threading.Event(), threading.Event()
    aside = Aside(1, "test")

    def hang() -> None:
        begun.set()
        hanging.wait()

    async def story() -> None:
        with pytest.raises(TimeoutError, match=r"no answer within 0\.01 s"):
            await aside.call(hang, 0.01)

    asyncio.run(story())  # it comes to an end
    begun.wait()
    hanging.set()  # the thread finds nobody there, and goes on all the same

    async def again() -> None:
        assert await aside.call(lambda: "well", 20) == "well"

    asyncio.run(again())
