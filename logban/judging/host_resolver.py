# SPDX-License-Identifier: MIT
"""Looking up hosts whose names anybody can make up: in threads of their own, within a second.

The system's resolver can't be told to give up, and takes tens of seconds where no server answers.
So its threads are few, nobody waits for them, and the program's end does not either; look-ups of
anything else have theirs.
"""

from __future__ import annotations

import asyncio
import queue
import socket
import threading
from collections.abc import Callable
from typing import Final

from logban.model import canonical_address

TIME_LIMIT: Final = 1.0
"""Seconds that the look-up of one name may take, its wait for a thread included."""

THREADS: Final = 4

_Asked = tuple[str, "asyncio.Future[frozenset[str]]", asyncio.AbstractEventLoop]


def system_look_up(name: str) -> frozenset[str]:
    """Give a name's addresses, A and AAAA; OSError if there are none.  It may take long.

    The name is taken as it stands: no search list turns a peer's ``mail`` into one's own server.
    """
    answers = socket.getaddrinfo(f"{name}.", None, type=socket.SOCK_STREAM)
    return frozenset(canonical_address(str(at[0]).partition("%")[0]) for *_, at in answers)


class HostResolver:
    """The host's own resolver, for names out of logs."""

    def __init__(
        self,
        look_up: Callable[[str], frozenset[str]] = system_look_up,
        *,
        time_limit: float = TIME_LIMIT,
    ) -> None:
        self._look_up = look_up
        self._time_limit = time_limit
        self._asked: queue.SimpleQueue[_Asked] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    async def resolve(self, name: str) -> frozenset[str]:
        """Give a name's addresses, A and AAAA; OSError if there are none or not in time."""
        if not self._threads:
            self._start()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[frozenset[str]] = loop.create_future()
        self._asked.put((name, answer, loop))
        try:
            return await asyncio.wait_for(answer, self._time_limit)
        except TimeoutError:
            raise TimeoutError(f"no answer within {self._time_limit:g} s") from None

    def _start(self) -> None:
        for number in range(THREADS):
            thread = threading.Thread(target=self._work, name=f"hosts-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def _work(self) -> None:
        while True:
            name, answer, loop = self._asked.get()
            if answer.done():  # nobody waits for it any more
                continue
            try:
                found = self._look_up(name)
            except (OSError, ValueError) as error:  # a name that is none is a UnicodeError
                self._tell(loop, answer, OSError(str(error)))
            else:
                self._tell(loop, answer, found)

    @staticmethod
    def _tell(
        loop: asyncio.AbstractEventLoop,
        answer: asyncio.Future[frozenset[str]],
        said: frozenset[str] | OSError,
    ) -> None:
        def tell() -> None:
            if answer.done():
                return
            if isinstance(said, OSError):
                answer.set_exception(said)
            else:
                answer.set_result(said)

        if not loop.is_closed():
            loop.call_soon_threadsafe(tell)
