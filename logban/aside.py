# SPDX-License-Identifier: MIT
"""Threads for work that may hang, as a look-up does that no name server answers.

The system's resolver can't be told to give up, and takes minutes where nobody answers.  So whoever
asks waits only as long as he likes, and the end of the program waits for none of these threads:
they are neither the event loop's own, which it ends with, nor an executor's, which Python joins.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class Aside:
    """So many threads, which are started when there is something to do."""

    def __init__(self, threads: int, name: str) -> None:
        self._number = threads
        self._name = name
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    async def call(self, work: Callable[[], T], within: float) -> T:
        """Give what the work gives, or raise what it raises; TimeoutError if it is not in time.

        What nobody waits for any more when its turn comes is not begun.
        """
        self._start()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def found(result: T) -> None:
            if not answer.done():
                answer.set_result(result)

        def failed(error: Exception) -> None:
            if not answer.done():
                answer.set_exception(error)

        def job() -> None:
            if answer.done():
                return
            with suppress(RuntimeError):  # the loop is closed: nobody is there any more
                try:
                    result = work()
                except Exception as error:  # noqa: BLE001  # whoever asked has to know
                    loop.call_soon_threadsafe(failed, error)
                else:
                    loop.call_soon_threadsafe(found, result)

        self._jobs.put(job)
        try:
            return await asyncio.wait_for(answer, within)
        except TimeoutError:
            raise TimeoutError(f"no answer within {within:g} s") from None

    def _start(self) -> None:
        for number in range(len(self._threads), self._number):
            thread = threading.Thread(target=self._work, name=f"{self._name}-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def _work(self) -> None:
        while True:
            self._jobs.get()()
